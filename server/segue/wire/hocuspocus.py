"""The Hocuspocus dialect: many documents on a socket, each frame behind a document's name.

Frames, as hex, N the name:
    C->S N 02 00 token [version]   token                S->C N 02 00         send a fresh token
                                                        S->C N 02 01 reason  refused; the socket lives on
                                                        S->C N 02 02 scope   "read-write" | "readonly"
    C->S N 00 ..   N 01 ..         sync, presence       S->C the same
    C->S N 03                      query presence
    C->S N 05 text                 stateless            S->C the same
    C->S N 07                      leaves               S->C N 07 reason     left
                                                        S->C N 08 01 | 00    one change durable | refused
    C->S 09        0a              ping, pong           S->C 0a

A name is the document's, or with 4.x `sessionAwareness` the document's, a zero and a session's; the
answers carry the name as it came. A client may not broadcast (type 6): whom it reaches is for the
server to say. Types 4 and 9 are never sent: 2.x and 3.x throw on them.

Source: @hocuspocus/provider 2.15, 3.4, 4.8 (`types.ts`, `MessageReceiver.ts`), @hocuspocus/common
(`auth.ts`, `routingKey.ts`).
"""

from enum import StrEnum
from typing import Final

import msgspec

from segue.errors import InvalidName, ProtocolError
from segue.wire.lib0 import Reader, var_int, var_string
from segue.wire.messages import (
    AuthToken,
    ClientMessage,
    Close,
    Ping,
    Pong,
    QueryAwareness,
    Stateless,
)
from segue.wire.sync import (
    AUTH,
    AWARENESS,
    QUERY_AWARENESS,
    SYNC,
    SyncPayloads,
    read_awareness,
    read_sync,
)

MAX_NAME_BYTES: Final = 512
MAX_TOKEN_BYTES: Final = 16_384
MAX_VERSION_BYTES: Final = 64
MAX_STATELESS_BYTES: Final = 65_536
MAX_REASON_BYTES: Final = 1_024

PONG: Final = b"\x0a"
"""The answer to a `Ping`; it carries no name."""

_STATELESS: Final = 5
_BROADCAST_STATELESS: Final = 6
_CLOSE: Final = 7
_SYNC_STATUS: Final = 8
_PING: Final = b"\x09"

_TOKEN: Final = 0
_PERMISSION_DENIED: Final = 1
_AUTHENTICATED: Final = 2

_SESSION_SEPARATOR: Final = "\0"


class Scope(StrEnum):
    """What an authenticated client may do, in the words of the protocol."""

    READ_WRITE = "read-write"
    READ_ONLY = "readonly"


class Addressed(msgspec.Struct, frozen=True):
    """A message and where it belongs. `wire_name` is the name as it came: document and session."""

    wire_name: str
    message: ClientMessage


def decode(frame: bytes) -> Addressed | Ping | Pong:
    """Reads one binary frame of a client.

    Raises:
        InvalidName: the document's name is empty or too long.
        ProtocolError: it is no message of this dialect.
    """
    if len(frame) == 1:
        return _decode_nameless(frame)
    reader = Reader(frame)
    wire_name = reader.string(MAX_NAME_BYTES)
    if not wire_name or wire_name[0] == _SESSION_SEPARATOR:
        raise InvalidName("The frame names no document.")
    message = _read_message(reader)
    reader.finish()
    return Addressed(wire_name, message)


def document_name(wire_name: str) -> str:
    """Gives the document's name without the session's."""
    return wire_name.partition(_SESSION_SEPARATOR)[0]


def _decode_nameless(frame: bytes) -> Ping | Pong:
    if frame == _PING:
        return Ping()
    if frame == PONG:
        return Pong()
    raise ProtocolError("A frame of one byte is a ping or a pong.")


def _read_message(reader: Reader) -> ClientMessage:
    kind = reader.var_uint()
    if kind == SYNC:
        return read_sync(reader)
    if kind == AWARENESS:
        return read_awareness(reader)
    return _read_rare(kind, reader)


def _read_rare(kind: int, reader: Reader) -> ClientMessage:
    if kind == AUTH:
        return _read_auth(reader)
    if kind == QUERY_AWARENESS:
        return QueryAwareness()
    if kind == _STATELESS:
        return Stateless(reader.string(MAX_STATELESS_BYTES))
    if kind == _CLOSE:
        return _read_close(reader)
    if kind == _BROADCAST_STATELESS:
        raise ProtocolError("A client may not broadcast.")
    raise ProtocolError(f"A client sends no message of type {kind}.")


def _read_auth(reader: Reader) -> AuthToken:
    if reader.var_uint() != _TOKEN:
        raise ProtocolError("Of the authentication messages a client sends the token only.")
    token = reader.string(MAX_TOKEN_BYTES)
    if reader.remaining:
        reader.string(MAX_VERSION_BYTES)
    return AuthToken(token)


def _read_close(reader: Reader) -> Close:
    if reader.remaining:
        reader.string(MAX_REASON_BYTES)
    return Close()


class Hocuspocus(SyncPayloads):
    """Builds what the server says in this dialect under one name, as the client wrote it."""

    __slots__ = ()

    def __init__(self, wire_name: str) -> None:
        """Peers that share the name share every frame."""
        super().__init__(var_string(wire_name))

    def status(self, *, saved: bool) -> bytes:
        """Takes one from the client's count of unsynced changes if `saved`; else it takes none.

        When and how often is for `owed` to say.
        """
        return self.key + bytes((_SYNC_STATUS,)) + var_int(int(saved))

    def refused(self, reason: str) -> bytes:
        """Ends the document for the client until it connects anew; 4.x doesn't try again by itself."""
        return self.key + bytes((AUTH, _PERMISSION_DENIED)) + var_string(reason)

    def authenticated(self, scope: Scope) -> bytes:
        """Says that the token is good. Never sent before the first good token."""
        return self.key + bytes((AUTH, _AUTHENTICATED)) + var_string(scope)

    def ask_for_token(self) -> bytes:
        """Asks for a fresh token; 3.4 and 4.8 answer, 2.15 ignores it."""
        return self.key + bytes((AUTH, _TOKEN))

    def stateless(self, payload: str) -> bytes:
        """Sends a text beside the document."""
        return self.key + bytes((_STATELESS,)) + var_string(payload)

    def closed(self, reason: str) -> bytes:
        """Confirms that the client has left. Unasked it ends the document for good (2.15 throws)."""
        return self.key + bytes((_CLOSE,)) + var_string(reason)
