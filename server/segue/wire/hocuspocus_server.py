"""The Hocuspocus dialect from a client's side: what it says, and what a server says to it.

See `hocuspocus` for the frames. What comes is read as strictly as on the other side: a program that
connects to a wrong or a broken server is told so.
"""

from dataclasses import dataclass
from enum import Enum, auto

from segue.errors import ProtocolError
from segue.wire.hocuspocus import (
    MAX_NAME_BYTES,
    MAX_REASON_BYTES,
    MAX_STATELESS_BYTES,
    PONG,
)
from segue.wire.lib0 import Reader, var_string
from segue.wire.messages import SyncStep1, SyncStep2, Update
from segue.wire.sync import AUTH, AWARENESS, SYNC, SyncPayloads, read_sync

_STATELESS = 5
_CLOSE = 7
_SYNC_STATUS = 8


class Note(Enum):
    """What a server says without further content."""

    WANTS_TOKEN = auto()
    CLOSED = auto()
    SAVED = auto()
    NOT_SAVED = auto()
    NOTHING = auto()
    """A pong, presence, a text: signs of life."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The document is refused; the reason begins with a close code."""

    reason: str


@dataclass(frozen=True, slots=True)
class LetIn:
    """The token is good, and whether it gives the right to write."""

    may_write: bool


ServerMessage = SyncStep1 | SyncStep2 | Update | Note | Denied | LetIn


class ClientFrames(SyncPayloads):
    """Builds what a client says about one document."""

    __slots__ = ()

    def __init__(self, name: str) -> None:
        """Speaks about the document `name`."""
        super().__init__(var_string(name))

    def token(self, token: str, version: str) -> bytes:
        """Shows a token, the first or a fresh one."""
        return self.key + bytes((AUTH, 0)) + var_string(token) + var_string(version)

    def ping(self) -> bytes:
        """Asks for a sign of life."""
        return self.key + bytes((_STATELESS,)) + var_string("ping")


def decode(frame: bytes) -> ServerMessage:
    """Reads one frame of a server that was told of one document only.

    Raises:
        ProtocolError: it is no message of this dialect.
    """
    if frame == PONG:
        return Note.NOTHING
    reader = Reader(frame)
    reader.string(MAX_NAME_BYTES)
    kind = reader.var_uint()
    message = read_sync(reader) if kind == SYNC else _read_rare(kind, reader)
    if message is not Note.NOTHING:
        reader.finish()
    return message


def _read_rare(kind: int, reader: Reader) -> ServerMessage:
    match kind:
        case _ if kind == AUTH:
            return _read_auth(reader)
        case _ if kind == _SYNC_STATUS:
            return Note.SAVED if reader.var_int() else Note.NOT_SAVED
        case _ if kind == _CLOSE:
            reader.string(MAX_REASON_BYTES)
            return Note.CLOSED
        case _ if kind == _STATELESS:
            reader.string(MAX_STATELESS_BYTES)
            return Note.NOTHING
        case _ if kind == AWARENESS:
            return Note.NOTHING
    raise ProtocolError(f"The server sent a message of an unknown type, {kind}.")


def _read_auth(reader: Reader) -> ServerMessage:
    match reader.var_uint():
        case 0:
            return Note.WANTS_TOKEN
        case 1:
            return Denied(reader.string(MAX_REASON_BYTES))
        case 2:
            return LetIn(reader.string(MAX_REASON_BYTES) == "read-write")
        case kind:
            raise ProtocolError(f"The server sent an authentication of an unknown type, {kind}.")
