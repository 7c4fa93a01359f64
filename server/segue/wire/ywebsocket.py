"""The y-websocket dialect: one document a socket, the document's name in the URL.

Frames, as hex:
    C->S 00 00 vector   step 1          S->C the same
    C->S 00 01 update   step 2          S->C the same
    C->S 00 02 update   edit            S->C the same
    C->S 01 awareness   presence        S->C the same
    C->S 03             query presence
                                        S->C 02 00 reason   refused; the socket is closed behind it

A frame holds one message: y-websocket 2.1, 3.1 and 4 write one and read one.

Source: y-websocket `src/y-websocket.js`, y-protocols `auth.js`.
"""

from typing import Final

from segue.errors import ProtocolError
from segue.wire.lib0 import Reader, var_string
from segue.wire.messages import AwarenessUpdate, QueryAwareness, SyncStep1, SyncStep2, Update
from segue.wire.sync import (
    AUTH,
    AWARENESS,
    QUERY_AWARENESS,
    SYNC,
    SyncPayloads,
    read_awareness,
    read_sync,
)

_PERMISSION_DENIED: Final = 0

YWebsocketMessage = SyncStep1 | SyncStep2 | Update | AwarenessUpdate | QueryAwareness


def decode(frame: bytes) -> YWebsocketMessage:
    """Reads one binary frame of a client.

    Raises:
        ProtocolError: it is no message of this dialect.
    """
    reader = Reader(frame)
    kind = reader.var_uint()
    message: YWebsocketMessage
    if kind == SYNC:
        message = read_sync(reader)
    elif kind == AWARENESS:
        message = read_awareness(reader)
    elif kind == QUERY_AWARENESS:
        message = QueryAwareness()
    else:
        raise ProtocolError(f"A client sends no message of type {kind}.")
    reader.finish()
    return message


class YWebsocket(SyncPayloads):
    """Builds what the server says in this dialect."""

    __slots__ = ()

    def __init__(self) -> None:
        """All peers of the dialect share every frame."""
        super().__init__(b"")

    def status(self, *, saved: bool) -> None:
        """Says nothing: here the echo of an edit is its acknowledgement."""

    def refused(self, reason: str) -> bytes:
        """Says why; stock clients print it. The close code that follows is what they act on."""
        return bytes((AUTH, _PERMISSION_DENIED)) + var_string(reason)
