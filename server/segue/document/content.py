"""Reads the content of one struct of a Yjs v1 update: how long it is, and nothing that isn't allowed.

Strict where pycrdt is not: it trusts UTF-8 unseen, reads one string too many of legacy JSON content
and none of the name of an XML hook, so that what it would see is not what was sent. Both of these
are refused; current clients make neither.
"""

import struct
from collections.abc import Callable
from typing import Final

import msgspec

from segue.wire.lib0 import MAX_SAFE_INTEGER

MAX_DEPTH: Final = 16
"""Objects and arrays inside one value; thousands of levels overflow the stack of the CRDT."""

GC: Final = 0
DELETED: Final = 1
BINARY: Final = 3
STRING: Final = 4
EMBED: Final = 5
FORMAT: Final = 6
TYPE: Final = 7
ANY: Final = 8
SKIP: Final = 10

ARRAY_TYPE: Final = 0
MAP_TYPE: Final = 1
TEXT_TYPE: Final = 2
ELEMENT_TYPE: Final = 3
FRAGMENT_TYPE: Final = 4
XML_TEXT_TYPE: Final = 6

NO_TYPE: Final = -1

Content = tuple[int, int, int, tuple[int, ...]]
"""Length in clocks, the index after it, the kind of a shared type or NO_TYPE, cuts of a string."""

_ARRAY_TAG: Final = 117
_OBJECT_TAG: Final = 118
_STRING_TAG: Final = 119
_INTEGER_TAG: Final = 125
_BYTES_TAG: Final = 116
_FIXED_BYTES: Final = {127: 0, 126: 0, 124: 4, 123: 8, 122: 8, 121: 0, 120: 0}
_CONSTANTS: Final = {127: None, 126: None, 121: False, 120: True}
_FLOATS: Final = {124: struct.Struct(">f"), 123: struct.Struct(">d")}
_MAX_INTEGER_BYTES: Final = 8
_NO_CUTS: Final[tuple[int, ...]] = ()


class Refusal(Exception):
    """An update may not enter the document; its text is the reason. Becomes the verdict Refused."""


def read_uint(data: bytes, index: int) -> tuple[int, int]:
    """Gives the unsigned integer at `index` and the index after it (lib0 varUint)."""
    value = data[index]
    if value < 128:
        return value, index + 1
    value &= 127
    shift = 7
    while True:
        index += 1
        byte = data[index]
        value |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
        if shift > 49:
            raise Refusal("a number is too long")
    if value > MAX_SAFE_INTEGER:
        raise Refusal("a number is too large")
    return value, index + 1


def read_bytes(data: bytes, index: int) -> tuple[bytes, int]:
    """Gives the length-prefixed bytes at `index` and the index after them."""
    length, index = read_uint(data, index)
    end = index + length
    if end > len(data):
        raise Refusal("it ends too early")
    return data[index:end], end


def read_text(data: bytes, index: int) -> tuple[str, int]:
    """Gives the length-prefixed UTF-8 string at `index` and the index after it."""
    encoded, index = read_bytes(data, index)
    return encoded.decode(), index


def _deleted(data: bytes, index: int) -> Content:
    length, index = read_uint(data, index)
    return length, index, NO_TYPE, _NO_CUTS


def _binary(data: bytes, index: int) -> Content:
    _, index = read_bytes(data, index)
    return 1, index, NO_TYPE, _NO_CUTS


def _string(data: bytes, index: int) -> Content:
    encoded, index = read_bytes(data, index)
    if encoded.isascii():
        return len(encoded), index, NO_TYPE, _NO_CUTS
    text = encoded.decode()
    length = len(text.encode("utf-16-le")) >> 1
    if length == len(text):
        return length, index, NO_TYPE, _NO_CUTS
    return length, index, NO_TYPE, _pair_middles(text)


def _pair_middles(text: str) -> tuple[int, ...]:
    """Gives the offsets in UTF-16 units that lie inside a surrogate pair."""
    middles = []
    offset = 0
    for char in text:
        offset += 1
        if char > "\uffff":
            middles.append(offset)
            offset += 1
    return tuple(middles)


def _embed(data: bytes, index: int) -> Content:
    index = _skip_json(data, index)
    return 1, index, NO_TYPE, _NO_CUTS


def _format(data: bytes, index: int) -> Content:
    _, index = read_text(data, index)
    index = _skip_json(data, index)
    return 1, index, NO_TYPE, _NO_CUTS


def _skip_json(data: bytes, index: int) -> int:
    encoded, index = read_bytes(data, index)
    try:
        value = msgspec.json.decode(encoded)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refusal("a formatting value is no JSON") from error
    if _is_deeper(value, MAX_DEPTH):
        raise Refusal("a value is nested too deeply")
    return index


def _is_deeper(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list):
        inner = value
    else:
        return False
    return levels == 0 or any(_is_deeper(item, levels - 1) for item in inner)


def _type(data: bytes, index: int) -> Content:
    kind = data[index]
    index += 1
    if kind == ELEMENT_TYPE:
        _, index = read_text(data, index)
    elif kind > XML_TEXT_TYPE or kind == 5:
        raise Refusal("it holds a type that is not taken here (XML hook, weak link)")
    return 1, index, kind, _NO_CUTS


def _any(data: bytes, index: int) -> Content:
    count, index = read_uint(data, index)
    return count, skip_values(data, index, count), NO_TYPE, _NO_CUTS


def skip_values(data: bytes, index: int, remaining: int) -> int:
    """Gives the index after `remaining` values. Iterative: depth is data of a stranger."""
    outer: list[tuple[int, bool]] = []
    keyed = False
    while True:
        while remaining == 0:
            if not outer:
                return index
            remaining, keyed = outer.pop()
        remaining -= 1
        if keyed:
            _, index = read_text(data, index)
        tag = data[index]
        if tag in (_OBJECT_TAG, _ARRAY_TAG):
            if len(outer) == MAX_DEPTH:
                raise Refusal("a value is nested too deeply")
            outer.append((remaining, keyed))
            remaining, index = read_uint(data, index + 1)
            keyed = tag == _OBJECT_TAG
        else:
            index = _skip_scalar(data, index + 1, tag)


def _skip_scalar(data: bytes, index: int, tag: int) -> int:
    if tag == _STRING_TAG:
        return read_text(data, index)[1]
    if tag == _INTEGER_TAG:
        return _skip_integer(data, index)
    if tag == _BYTES_TAG:
        return read_bytes(data, index)[1]
    size = _FIXED_BYTES.get(tag)
    if size is None:
        raise Refusal("it holds an unknown kind of value")
    if index + size > len(data):
        raise Refusal("it ends too early")
    return index + size


def _skip_integer(data: bytes, index: int) -> int:
    last = index + _MAX_INTEGER_BYTES
    while data[index] >= 128:
        index += 1
        if index == last:
            raise Refusal("a number is too long")
    return index + 1


def _legacy_json(data: bytes, index: int) -> Content:
    raise Refusal("it holds legacy JSON content, which is not taken here")


def _subdocument(data: bytes, index: int) -> Content:
    raise Refusal("it holds a subdocument, which is not taken here")


READERS: Final[dict[int, Callable[[bytes, int], Content]]] = {
    DELETED: _deleted,
    2: _legacy_json,
    BINARY: _binary,
    STRING: _string,
    EMBED: _embed,
    FORMAT: _format,
    TYPE: _type,
    ANY: _any,
    9: _subdocument,
}
"""By the low five bits of a struct's first byte."""


def decode_any(data: bytes, index: int) -> tuple[object, int]:
    """Gives the value at `index` of data that a reader has passed, and the index after it.

    Undefined is None, whole numbers and bytes stay encoded; recursive, for the readers bound the depth.
    """
    tag = data[index]
    if tag == _OBJECT_TAG:
        return _decode_object(data, index + 1)
    if tag == _ARRAY_TAG:
        return decode_values(data, index + 1)
    if tag == _STRING_TAG:
        return read_text(data, index + 1)
    end = _skip_scalar(data, index + 1, tag)
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], end
    if tag in _FLOATS:
        return _FLOATS[tag].unpack_from(data, index + 1)[0], end
    return data[index:end], end


def _decode_object(data: bytes, index: int) -> tuple[dict[str, object], int]:
    count, index = read_uint(data, index)
    found: dict[str, object] = {}
    for _ in range(count):
        key, index = read_text(data, index)
        found[key], index = decode_any(data, index)
    return found, index


def decode_values(data: bytes, index: int) -> tuple[list[object], int]:
    """Gives the values behind the count at `index`, as `decode_any` gives each, and the index after."""
    count, index = read_uint(data, index)
    found = []
    for _ in range(count):
        value, index = decode_any(data, index)
        found.append(value)
    return found, index
