"""Yjs state vectors: for each client id, the clock that comes next.

Decoded here, bounded, before anything else sees them: a vector of five bytes that announces 2**28
clients made the CRDT library allocate 535 MB.
"""

from typing import Final

from segue.errors import ProtocolError
from segue.wire.lib0 import Reader, var_uint

MAX_CLIENTS: Final = 65_536
MAX_CLOCK: Final = 2**31 - 1
"""The CRDT computes with 32-bit clocks, signed in places."""


def decode_vector(data: bytes) -> dict[int, int]:
    """Reads a state vector. Time and memory are linear in the bytes that are there.

    Raises:
        ProtocolError: it is malformed, names a client twice, or is beyond the limits.
    """
    reader = Reader(data)
    count = reader.var_uint()
    if count > MAX_CLIENTS:
        raise ProtocolError("The state vector is of too many clients.")
    vector: dict[int, int] = {}
    for _ in range(count):
        client = reader.var_uint()
        clock = reader.var_uint()
        if clock > MAX_CLOCK:
            raise ProtocolError("The state vector holds a clock that no device can have reached.")
        vector[client] = clock
    if len(vector) != count:
        raise ProtocolError("The state vector names a client twice.")
    reader.finish()
    return vector


def encode_vector(vector: dict[int, int]) -> bytes:
    """Gives the bytes of a state vector, in the order of the dict."""
    parts = [var_uint(len(vector))]
    for client, clock in vector.items():
        parts.append(var_uint(client))
        parts.append(var_uint(clock))
    return b"".join(parts)
