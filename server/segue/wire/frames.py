"""WebSocket frames as a server writes them: unmasked, unfragmented, without extensions.

A frame is built once and the same bytes are written to every peer of a dialect.

Source: RFC 6455, sections 5.2, 5.5.1 and 7.1.6.
"""

from typing import Final

_FIN_BINARY: Final = 0x82
_FIN_CLOSE: Final = 0x88
_MAX_REASON_BYTES: Final = 123
_16_BITS: Final = 126
_64_BITS: Final = 127


def binary_frame(payload: bytes) -> bytes:
    """Gives the frame of one binary message."""
    return _header(_FIN_BINARY, len(payload)) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """Gives the close frame; a reason beyond 123 bytes is cut between two characters."""
    cut = reason.encode(errors="replace")[:_MAX_REASON_BYTES].decode(errors="ignore").encode()
    return _header(_FIN_CLOSE, 2 + len(cut)) + code.to_bytes(2) + cut


def _header(first: int, length: int) -> bytes:
    if length < _16_BITS:
        return bytes((first, length))
    if length < 1 << 16:
        return bytes((first, _16_BITS)) + length.to_bytes(2)
    return bytes((first, _64_BITS)) + length.to_bytes(8)
