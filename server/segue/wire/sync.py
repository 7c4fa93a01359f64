"""The part that both dialects share: sync messages and awareness, in y-protocols' numbering.

Source: y-protocols `sync.js`.
"""

from typing import Final

from segue.errors import ProtocolError
from segue.wire.awareness import decode_awareness
from segue.wire.lib0 import Reader, var_bytes
from segue.wire.messages import AwarenessUpdate, SyncStep1, SyncStep2, Update
from segue.wire.vector import decode_vector

SYNC: Final = 0
AWARENESS: Final = 1
AUTH: Final = 2
QUERY_AWARENESS: Final = 3

_STEP_1: Final = 0
_STEP_2: Final = 1
_UPDATE: Final = 2


def read_sync(reader: Reader) -> SyncStep1 | SyncStep2 | Update:
    """Reads what follows the type byte of a sync message.

    Raises:
        ProtocolError: it is no sync message.
    """
    kind = reader.var_uint()
    data = reader.bytes()
    if kind == _UPDATE:
        return Update(data)
    if kind == _STEP_2:
        return SyncStep2(data)
    if kind == _STEP_1:
        return SyncStep1(decode_vector(data), data)
    raise ProtocolError(f"There is no sync message of type {kind}.")


def read_awareness(reader: Reader) -> AwarenessUpdate:
    """Reads what follows the type byte of an awareness message.

    Raises:
        ProtocolError: it is no awareness message.
    """
    return AwarenessUpdate(decode_awareness(reader.bytes()))


class SyncPayloads:
    """Builds the messages whose bytes differ between dialects by a prefix alone."""

    __slots__ = ("_awareness", "_step1", "_step2", "_update", "key")

    def __init__(self, prefix: bytes) -> None:
        """Puts `prefix` in front of every message."""
        self.key = prefix
        self._step1 = prefix + bytes((SYNC, _STEP_1))
        self._step2 = prefix + bytes((SYNC, _STEP_2))
        self._update = prefix + bytes((SYNC, _UPDATE))
        self._awareness = prefix + bytes((AWARENESS,))

    def step1(self, vector: bytes) -> bytes:
        """Asks the client for what it has beyond a state vector."""
        return self._step1 + var_bytes(vector)

    def step2(self, update: bytes) -> bytes:
        """Answers the client's step 1."""
        return self._step2 + var_bytes(update)

    def update(self, update: bytes) -> bytes:
        """Passes an edit on."""
        return self._update + var_bytes(update)

    def awareness(self, payload: bytes) -> bytes:
        """Passes presence on."""
        return self._awareness + var_bytes(payload)
