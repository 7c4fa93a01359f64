"""Writes a document anew: the same content as one update of a single client id, without its past.

What is deleted and how it all came about is left out: tombstones, client ids, neighbours that are gone.
Contents are copied byte by byte, so nothing that an editor stored is read as something else.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from segue.document.content import ANY, READERS, STRING, TYPE, read_bytes, read_uint, skip_values
from segue.document.order import Item, Items, Parent
from segue.document.update import Struct, parse
from segue.wire.lib0 import var_bytes, var_string, var_uint

_HAS_ORIGIN: Final = 0x80
_HAS_SUB: Final = 0x20
_NO_DELETES: Final = b"\x00"
_EMPTY: Final = b"\x00" + _NO_DELETES
_MERGED: Final = (STRING, ANY)


def rewritten(state: bytes, client: int) -> bytes:
    """Gives an update with the content of a whole state, all of it written by `client`.

    O(items). `state` is of a document that the gate has passed.
    """
    parsed = parse(state)
    writing = _Writing(_Contents(parsed.data), client)
    writing.write(Items(parsed))
    return writing.update()


class _Writing:
    """Structs of one client, in the making."""

    def __init__(self, contents: "_Contents", client: int) -> None:
        self._contents = contents
        self._client = client
        self._clock = 0
        self._structs: list[bytes] = []

    def write(self, items: Items) -> None:
        """Writes what is live: each shared type, then what is in it."""
        queue: list[tuple[Parent, bytes]] = [
            (root, b"\x01" + var_string(root)) for root in items.roots
        ]
        for parent, where in queue:
            for sub, live in items.live(parent):
                if sub is None:
                    queue += self._write_list(live, b"", where)
                else:  # of several values under a key, the last is what everybody sees
                    queue += self._write_list(live[-1:], var_string(sub), where)

    def update(self) -> bytes:
        """Gives all of it as an update."""
        if not self._structs:
            return _EMPTY
        head = (b"\x01", var_uint(len(self._structs)), var_uint(self._client), b"\x00")
        return b"".join((*head, *self._structs, _NO_DELETES))

    def _write_list(
        self, items: Sequence[Item], sub: bytes, where: bytes
    ) -> Iterator[tuple[Parent, bytes]]:
        """Writes a sequence, or one value under a key; gives the shared types in it, old and new."""
        flags, neighbour = (_HAS_SUB if sub else 0), where + sub
        for run in _runs(items):
            ref, start = run[0].struct.ref, self._clock
            self._structs.append(bytes((ref | flags,)) + neighbour + self._contents.of(run))
            self._clock += sum(item.length for item in run)
            # What follows has the place of what stands left of it.
            flags, neighbour = _HAS_ORIGIN, self._id(self._clock - 1)
            if ref == TYPE:
                yield (run[0].client, run[0].clock), b"\x00" + self._id(start)

    def _id(self, clock: int) -> bytes:
        return var_uint(self._client) + var_uint(clock)


def _runs(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Puts texts together that stand next to each other, and values; everything else stays alone."""
    for ref, same in groupby(items, key=lambda item: item.struct.ref):
        if ref in _MERGED:
            yield list(same)
        else:
            yield from ([item] for item in same)


class _Contents:
    """The contents of structs, also of those of which a part is wanted. Linear, whatever is cut."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._units: dict[int, bytes] = {}
        self._values: dict[int, list[int]] = {}

    def of(self, run: Sequence[Item]) -> bytes:
        """Encodes the content of items of one kind."""
        struct = run[0].struct
        match struct.ref:
            case ref if ref == STRING:
                return var_bytes(b"".join(map(self._text, run)))
            case ref if ref == ANY:
                count = var_uint(sum(item.length for item in run))
                return count + b"".join(map(self._some_values, run))
            case ref:
                return self._data[struct.at : READERS[ref](self._data, struct.at)[1]]

    def _text(self, item: Item) -> bytes:
        start, end = item.offset, item.offset + item.length
        units = self._units.get(item.struct.at)
        if units is None:
            encoded, _ = read_bytes(self._data, item.struct.at)
            if item.length == item.struct.length:
                return encoded
            units = self._units[item.struct.at] = encoded.decode().encode("utf-16-le")
        return units[2 * start : 2 * end].decode("utf-16-le").encode()

    def _some_values(self, item: Item) -> bytes:
        starts = self._values.get(item.struct.at)
        if starts is None:
            starts = self._values[item.struct.at] = self._starts_of(item.struct)
        return self._data[starts[item.offset] : starts[item.offset + item.length]]

    def _starts_of(self, struct: Struct) -> list[int]:
        _, index = read_uint(self._data, struct.at)
        starts = [index]
        for _ in range(struct.length):
            index = skip_values(self._data, index, 1)
            starts.append(index)
        return starts
