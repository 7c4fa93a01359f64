"""WebSocket frames: a server's, unmasked, unfragmented, without extensions; and where a client's end.

A frame is built once and the same bytes are written to every peer of a dialect.

Source: RFC 6455, sections 5.2, 5.5.1 and 7.1.6.
"""

from typing import Final

FIN_BINARY: Final = 0x82
"""The first byte of a whole binary message."""
_FIN_CLOSE: Final = 0x88
_MAX_REASON_BYTES: Final = 123
_16_BITS: Final = 126
_64_BITS: Final = 127

MASK_BYTES: Final = 4
"""What stands between the header of a client's frame and its payload."""
_MASKED: Final = 0x80
_FIRST_BYTES: Final = bytes((0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A))


def binary_frame(payload: bytes) -> bytes:
    """Gives the frame of one binary message."""
    return _header(FIN_BINARY, len(payload)) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """Gives the close frame; a reason beyond 123 bytes is cut between two characters."""
    cut = reason.encode(errors="replace")[:_MAX_REASON_BYTES].decode(errors="ignore").encode()
    return _header(_FIN_CLOSE, 2 + len(cut)) + code.to_bytes(2) + cut


def may_begin_frame(data: bytes, start: int) -> bool:
    """Tells whether a client's frame may be at `start`: kind and mask, as far as they are there."""
    return data[start] in _FIRST_BYTES and (len(data) == start + 1 or data[start + 1] >= _MASKED)


def measure_frame(data: bytes, start: int) -> tuple[int, int] | None:
    """Gives where the payload of a client's frame at `start` begins and ends; None: it isn't told yet."""
    begin = start + 2
    if len(data) < begin:
        return None
    size = data[start + 1] & ~_MASKED
    if size >= _16_BITS:
        begin += 2 if size == _16_BITS else 8
        if len(data) < begin:
            return None
        size = int.from_bytes(data[start + 2 : begin])
    begin += MASK_BYTES
    return begin, begin + size


def _header(first: int, length: int) -> bytes:
    if length < _16_BITS:
        return bytes((first, length))
    if length < 1 << 16:
        return bytes((first, _16_BITS)) + length.to_bytes(2)
    return bytes((first, _64_BITS)) + length.to_bytes(8)
