"""Parses Yjs v1 updates, whole and strictly: any bytes give a `ParsedUpdate` or `Refusal`.

What is not proven well-formed here never reaches the CRDT. The format is that of Yjs 13
(`encoding.js`, `Item.js`, `DeleteSet.js`); narrower than what Yjs itself would read:
a client has one section, no struct and no delete range is empty, ranges ascend, numbers fit.

This is the hot path of every keystroke, so one-byte numbers are read in place and ids are plain
tuples: half the time of doing it by calls and classes.
"""

from typing import Final

import msgspec

from segue.document.content import GC, NO_TYPE, READERS, SKIP, Refusal, read_text, read_uint
from segue.document.ranges import Ranges
from segue.wire.vector import MAX_CLOCK

Id = tuple[int, int]
"""Client id and clock."""

_HAS_ORIGIN: Final = 0b1000_0000
_HAS_RIGHT: Final = 0b0100_0000
_HAS_SUB: Final = 0b0010_0000


class Struct(msgspec.Struct, frozen=True, gc=False):
    """One struct: a run of clocks of one client.

    `parent` is a root's name or the id of a nested type, None where it follows from an origin (and
    of GC and Skip). `at` is where its content starts in the update. `cuts` are the offsets inside
    the characters of its string that no cut may fall on.
    """

    clock: int
    length: int
    ref: int
    origin: Id | None = None
    right: Id | None = None
    parent: str | Id | None = None
    sub: str | None = None
    kind: int = NO_TYPE
    at: int = 0
    cuts: tuple[int, ...] = ()


class Section(msgspec.Struct, frozen=True, gc=False):
    """All structs of one client in an update, in order and without Skips.

    `holes` tells that there were Skips: merged updates have them where something is left out.
    """

    client: int
    start: int
    end: int
    structs: list[Struct]
    holes: bool


class ParsedUpdate(msgspec.Struct, frozen=True, gc=False):
    """A well-formed update; `deletes` by client, their ranges may touch."""

    data: bytes
    sections: list[Section]
    deletes: dict[int, Ranges]


def parse(data: bytes) -> ParsedUpdate:
    """Reads an update, every byte of it.

    Raises:
        Refusal: it is no update, or holds what is not taken here.
    """
    try:
        sections, index = _read_sections(data)
        deletes, index = _read_deletes(data, index)
    except IndexError:
        raise Refusal("it ends too early") from None
    except UnicodeDecodeError:
        raise Refusal("a text is no UTF-8") from None
    if index != len(data):
        raise Refusal("bytes are left over")
    return ParsedUpdate(data, sections, deletes)


def _read_sections(data: bytes) -> tuple[list[Section], int]:
    count, index = read_uint(data, 0)
    sections: list[Section] = []
    for _ in range(count):
        section, index = _read_section(data, index)
        sections.append(section)
    if count > 1 and len({section.client for section in sections}) < count:
        raise Refusal("a client occurs twice")
    return sections, index


def _read_section(data: bytes, index: int) -> tuple[Section, int]:
    count, index = read_uint(data, index)
    client, index = read_uint(data, index)
    clock, index = read_uint(data, index)
    structs: list[Struct] = []
    for _ in range(count):
        struct, index = _read_struct(data, index, clock)
        clock += struct.length
        if not struct.length or clock > MAX_CLOCK:
            raise Refusal("a length is out of range")
        if struct.ref != SKIP:
            structs.append(struct)
    if not structs:
        raise Refusal("a client's part is empty")
    last = structs[-1]
    holes = len(structs) < count
    return Section(client, structs[0].clock, last.clock + last.length, structs, holes), index


def _read_struct(data: bytes, index: int, clock: int) -> tuple[Struct, int]:
    info = data[index]
    index += 1
    if info == GC or info == SKIP:  # a quarter of the time of `in`
        length, index = read_uint(data, index)
        return Struct(clock, length, info), index
    reader = READERS.get(info & 31)
    if reader is None:
        raise Refusal("it holds an unknown kind of content")
    origin: Id | None = None
    right: Id | None = None
    parent: str | Id | None = None
    sub: str | None = None
    if info >= _HAS_ORIGIN:
        client, index = read_uint(data, index)
        origin_clock, index = read_uint(data, index)
        origin = (client, origin_clock)
    if info & _HAS_RIGHT:
        client, index = read_uint(data, index)
        right_clock, index = read_uint(data, index)
        right = (client, right_clock)
    if origin is None and right is None:
        parent, index = _read_parent(data, index)
        if info & _HAS_SUB:
            sub, index = read_text(data, index)
    length, end, kind, cuts = reader(data, index)
    return Struct(clock, length, info & 31, origin, right, parent, sub, kind, index, cuts), end


def _read_parent(data: bytes, index: int) -> tuple[str | Id, int]:
    is_root = data[index]
    if is_root == 1:
        return read_text(data, index + 1)
    if is_root:
        raise Refusal("a parent is neither a root nor an id")
    client, index = read_uint(data, index + 1)
    clock, index = read_uint(data, index)
    return (client, clock), index


def _read_deletes(data: bytes, index: int) -> tuple[dict[int, Ranges], int]:
    count, index = read_uint(data, index)
    deletes: dict[int, Ranges] = {}
    for _ in range(count):
        client, index = read_uint(data, index)
        if client in deletes:
            raise Refusal("a client occurs twice")
        deletes[client], index = _read_ranges(data, index)
    return deletes, index


def _read_ranges(data: bytes, index: int) -> tuple[Ranges, int]:
    count, index = read_uint(data, index)
    ranges: Ranges = []
    last = 0
    for _ in range(count):
        start, index = read_uint(data, index)
        length, index = read_uint(data, index)
        end = start + length
        if not length or start < last or end > MAX_CLOCK:
            raise Refusal("a delete range is out of range")
        ranges.append((start, end))
        last = end
    return ranges, index
