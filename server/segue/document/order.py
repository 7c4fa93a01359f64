"""Where everything of an encoded state stands: its items in the order of Yjs, without the CRDT.

A state names for each item what stood left and right of it when it was made. Yjs puts items in place by
these (the algorithm is YATA, as in `Item.integrate` of Yjs 13), and so does this, for states that the
gate has passed. Of items whose neighbours contradict each other (a device that lied) the place hangs
on what came first; here that is one for everybody, since the state's own order decides.

Items are cut wherever another one was put between their parts, or only a part is deleted.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

import msgspec

from segue.document.content import DELETED, GC
from segue.document.ranges import covers
from segue.document.update import Id, ParsedUpdate, Struct

Parent = str | Id
"""A root's name, or the id of the item that is a shared type."""

_DEAD: Final = (GC, DELETED)


class Item(msgspec.Struct, eq=False):
    """A struct, or `length` clocks of it from `offset` on. In lists by parent and key."""

    client: int
    clock: int
    length: int
    struct: Struct
    is_live: bool
    parent: Parent | None = None
    sub: str | None = None
    left: "Item | None" = None
    right: "Item | None" = None

    @property
    def offset(self) -> int:
        """Where in its struct it begins."""
        return self.clock - self.struct.clock

    @property
    def origin(self) -> Id | None:
        """What stood left of it when it was made."""
        return (self.client, self.clock - 1) if self.offset else self.struct.origin


class Items:
    """The items of a state, by id and in order."""

    def __init__(self, state: ParsedUpdate) -> None:
        """Puts all of them in place; O(items), and what stands between neighbours in a conflict."""
        self._by_client = _cut(state)
        self._starts = {
            client: [item.clock for item in items] for client, items in self._by_client.items()
        }
        self._placed = dict.fromkeys(self._by_client, 0)
        self._first: dict[Parent, dict[str | None, Item]] = {}
        for client in self._by_client:
            self._place_all_of(client)

    @property
    def roots(self) -> list[str]:
        """The names of the roots that ever held anything, sorted."""
        return sorted(parent for parent in self._first if isinstance(parent, str))

    def live(self, parent: Parent) -> Iterator[tuple[str | None, list[Item]]]:
        """Gives what isn't deleted in a shared type: under each key, and under None its sequence."""
        for sub, first in self._first.get(parent, {}).items():
            found = [item for item in _following(first) if item.is_live]
            if found:
                yield sub, found

    def _place_all_of(self, client: int) -> None:
        """Places a client's items, and first what they build on, in the order of Yjs."""
        waiting = [client]
        while waiting:
            client = waiting[-1]
            items, index = self._by_client[client], self._placed[client]
            while index < len(items):
                needed = self._missing(items[index])
                if needed is not None:
                    waiting.append(needed)
                    break
                self._place(items[index])
                index += 1
                self._placed[client] = index
            else:
                waiting.pop()

    def _missing(self, item: Item) -> int | None:
        """Gives the client whose items have to be placed before; the gate has seen to it that one can."""
        struct = item.struct
        parent = struct.parent if isinstance(struct.parent, tuple) else None
        for needed in (item.origin, struct.right, parent):
            if needed is not None and self._index(needed) >= self._placed[needed[0]]:
                return needed[0]
        return None

    def _index(self, item: Id) -> int:
        return bisect_right(self._starts[item[0]], item[1]) - 1

    def _at(self, item: Id | None) -> Item | None:
        return None if item is None else self._by_client[item[0]][self._index(item)]

    def _place(self, item: Item) -> None:
        if item.struct.ref == GC:
            return
        left, right = self._at(item.origin), self._at(item.struct.right)
        self._settle_parent(item, left or right)
        if item.parent is None:  # of garbage: it is garbage itself
            item.is_live = False
            return
        firsts = self._first.setdefault(item.parent, {})
        if _is_contested(left, right, firsts.get(item.sub)):
            left = self._left_of(item, left, right, firsts.get(item.sub))
        item.left = left
        item.right = firsts.get(item.sub) if left is None else left.right
        if left is None:
            firsts[item.sub] = item
        else:
            left.right = item
        if item.right is not None:
            item.right.left = item

    def _settle_parent(self, item: Item, neighbour: Item | None) -> None:
        if neighbour is not None:
            item.parent, item.sub = neighbour.parent, neighbour.sub
            return
        parent = item.struct.parent
        container = self._at(parent) if isinstance(parent, tuple) else None
        if container is None or container.struct.ref not in _DEAD:
            item.parent, item.sub = parent, item.struct.sub

    def _left_of(
        self, item: Item, left: Item | None, right: Item | None, first: Item | None
    ) -> Item | None:
        """Finds its place among items that others put between the same neighbours."""
        other = first if left is None else left.right
        passed: set[int] = set()
        conflicting: set[int] = set()
        while other is not None and other is not right:
            passed.add(id(other))
            conflicting.add(id(other))
            origin = self._at(other.origin)
            if other.origin == item.origin:
                if other.client < item.client:
                    left = other
                    conflicting.clear()
                elif other.struct.right == item.struct.right:
                    break
            elif origin is not None and id(origin) in passed:
                if id(origin) not in conflicting:
                    left = other
                    conflicting.clear()
            else:
                break
            other = other.right
        return left


def _is_contested(left: Item | None, right: Item | None, first: Item | None) -> bool:
    if left is None:
        return first is not None and first is not right
    return left.right is not right


def _following(item: Item | None) -> Iterator[Item]:
    while item is not None:
        yield item
        item = item.right


def _cut(state: ParsedUpdate) -> dict[int, list[Item]]:
    cuts = _cuts_of(state)
    found: dict[int, list[Item]] = {}
    for section in state.sections:
        at = sorted(cuts.get(section.client, ()))
        deletes = state.deletes.get(section.client, [])
        items = found[section.client] = []
        for struct in section.structs:
            start, end = struct.clock, struct.clock + struct.length
            inside = at[bisect_right(at, start) : bisect_right(at, end - 1)]
            for first, behind in zip((start, *inside), (*inside, end), strict=True):
                is_live = struct.ref not in _DEAD and not covers(deletes, first, behind)
                items.append(Item(section.client, first, behind - first, struct, is_live))
    return found


def _cuts_of(state: ParsedUpdate) -> dict[int, set[int]]:
    """Gives the clocks of each client at which something else may begin."""
    cuts: dict[int, set[int]] = {}
    for section in state.sections:
        for struct in section.structs:
            if struct.origin is not None:
                cuts.setdefault(struct.origin[0], set()).add(struct.origin[1] + 1)
            if struct.right is not None:
                cuts.setdefault(struct.right[0], set()).add(struct.right[1])
    for client, ranges in state.deletes.items():
        for ends in ranges:
            cuts.setdefault(client, set()).update(ends)
    return cuts
