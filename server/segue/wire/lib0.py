"""lib0's binary encoding: varUint, varInt, strings and bytes, read from untrusted input.

Total: every read gives a value or raises `ProtocolError`, in time linear in the bytes it consumes.
Stricter than lib0 in two places: a number has exactly one encoding (`80 00` is no zero), and a string
is well-formed UTF-8 (lone surrogates are refused). No known client writes anything else.

Source: lib0 `decoding.js` and `encoding.js`.
"""

from typing import Final

from segue.errors import ProtocolError

MAX_SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer of JavaScript, so of lib0. Yjs makes client ids of 32 bits, pycrdt and Yjs 14 of 53."""

_MAX_VAR_UINT_BYTES: Final = 8
_BYTES_1: Final = tuple(bytes((value,)) for value in range(0x80))


class Reader:
    """A cursor over bytes. After an error its position is of no use."""

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes) -> None:
        """Starts at the first byte."""
        self._data = data
        self._position = 0
        self._end = len(data)

    @property
    def remaining(self) -> int:
        """The number of bytes not read yet."""
        return self._end - self._position

    def var_uint(self) -> int:
        """Reads an unsigned integer below 2**53.

        Raises:
            ProtocolError: it is cut off, too large, or longer than it needs to be.
        """
        position = self._position
        if position >= self._end:
            raise ProtocolError("The message ends in the middle.")
        first = self._data[position]
        if first < 0x80:
            self._position = position + 1
            return first
        return self._long_var_uint(first & 0x7F, 7, _MAX_VAR_UINT_BYTES)

    def var_int(self) -> int:
        """Reads a signed integer, its magnitude below 2**53; lib0's negative zero is 0.

        Raises:
            ProtocolError: it is cut off, too large, or longer than it needs to be.
        """
        if self._position >= self._end:
            raise ProtocolError("The message ends in the middle.")
        first = self._data[self._position]
        if first < 0x80:
            self._position += 1
            magnitude = first & 0x3F
        else:
            magnitude = self._long_var_uint(first & 0x3F, 6, _MAX_VAR_UINT_BYTES)
        return -magnitude if first & 0x40 else magnitude

    def bytes(self) -> bytes:
        """Reads a length and that many bytes.

        Raises:
            ProtocolError: there are fewer.
        """
        length = self.var_uint()
        start = self._position
        end = start + length
        if end > self._end:
            raise ProtocolError("The message ends in the middle.")
        self._position = end
        return self._data[start:end]

    def string(self, max_bytes: int) -> str:
        """Reads a length in bytes and that much UTF-8.

        Raises:
            ProtocolError: it is cut off, longer than `max_bytes`, or no well-formed UTF-8.
        """
        encoded = self.bytes()
        if len(encoded) > max_bytes:
            raise ProtocolError(f"A string in the message is longer than {max_bytes} bytes.")
        try:
            return encoded.decode()
        except UnicodeDecodeError as error:
            raise ProtocolError("A string in the message is not UTF-8.") from error

    def finish(self) -> None:
        """Makes sure that nothing is left.

        Raises:
            ProtocolError: there is.
        """
        if self._position != self._end:
            raise ProtocolError("The message has bytes behind its end.")

    def _long_var_uint(self, value: int, shift: int, max_bytes: int) -> int:
        # The bound on bytes comes first: shifting digit by digit through a megabyte of ff is quadratic.
        chunk = self._data[self._position + 1 : self._position + max_bytes]
        for read, byte in enumerate(chunk, start=2):
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 or value > MAX_SAFE_INTEGER:
                    break
                self._position += read
                return value
            shift += 7
        raise ProtocolError("The message holds a number that is cut off, too large or overlong.")


def var_uint(value: int) -> bytes:
    """Encodes an unsigned integer below 2**53."""
    if 0 <= value < 0x80:
        return _BYTES_1[value]
    if not 0 <= value <= MAX_SAFE_INTEGER:
        raise ValueError(f"{value} is no varUint")
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def var_int(value: int) -> bytes:
    """Encodes a signed integer, its magnitude below 2**53."""
    magnitude = abs(value)
    sign = 0x40 if value < 0 else 0
    if magnitude < 0x40:
        return bytes((sign | magnitude,))
    return bytes((0x80 | sign | magnitude & 0x3F,)) + var_uint(magnitude >> 6)


def var_bytes(data: bytes) -> bytes:
    """Encodes bytes behind their length."""
    return var_uint(len(data)) + data


def var_string(text: str) -> bytes:
    """Encodes UTF-8 behind its length in bytes. Lone surrogates become U+FFFD, as in JavaScript."""
    return var_bytes(text.encode(errors="replace") if text.isascii() else _well_formed(text))


def _well_formed(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
