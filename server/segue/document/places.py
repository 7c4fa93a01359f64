"""Where everything of a document lives: for each id, the shared type that it is in.

Yjs writes the parent of an item only where no neighbour tells it, so whoever wants to know what an
update does has to remember where each earlier item went. With this the gate proves, before the CRDT
sees a byte, what it could only find out afterwards, by rebuilding the document: that a parent is a
container, that no text lies in a list (pycrdt then reads for ever), that nothing is nested so deeply
that deleting it overflows the stack, and whose message an update writes into.
Rejected: asking the CRDT's deep events after the fact. They cost more than all of this, run inside
the CRDT, and each refusal then reloads the document for everybody.

A place is one value for everything that need not be told apart (all fields of one message, say), so
a client's items fold into few runs: 12 bytes a run, none for a text typed in one go.
"""

from array import array
from bisect import bisect_right
from enum import IntEnum
from typing import Final

import msgspec

from segue.document.content import (
    ANY,
    ARRAY_TYPE,
    BINARY,
    DELETED,
    ELEMENT_TYPE,
    EMBED,
    FORMAT,
    FRAGMENT_TYPE,
    GC,
    MAP_TYPE,
    NO_TYPE,
    STRING,
    TEXT_TYPE,
    TYPE,
    XML_TEXT_TYPE,
    Refusal,
)
from segue.document.schema import CONTEXT, HEAD, MESSAGES, REQUESTS, RUNS, SESSION
from segue.document.update import Id, Struct

MAX_NESTING: Final = 100
"""Shared types inside each other; deleting recurses over them."""


class Part(IntEnum):
    """What of a conversation is written: a message or something of it, or an entry of another root."""

    NONE = 0
    ENTRY = 1
    AUTHOR = 2
    AUTHOR_KIND = 3
    AUTHOR_ID = 4
    INSIDE = 5
    SEQ = 6
    PARENT = 7
    REQUEST = 8
    SESSION = 9
    HEAD = 10
    RUN = 11
    CONTEXT = 12


class Place(msgspec.Struct, frozen=True):
    """Where an item is: in what kind of type, under a key or in the sequence, how deep.

    `root` is set in the sequence of a root, whose kind shows in what it holds. `entry` is the id of the
    message or request. `host` is the message's own type where it matters which of several under one id
    it is. A `tomb` is deleted content.
    """

    keyed: bool
    kind: int
    depth: int
    root: str | None = None
    entry: str | None = None
    part: Part = Part.NONE
    host: Id | None = None
    tomb: bool = False


GONE: Final = Place(keyed=False, kind=NO_TYPE, depth=0, tomb=True)
"""Of garbage: its parent is deleted and forgotten. What is put there becomes garbage as well."""

_KEYED_CONTENT: Final = frozenset((ANY, BINARY, TYPE, DELETED))
_TEXT_CONTENT: Final = frozenset((STRING, EMBED, FORMAT, TYPE, DELETED))
_LIST_CONTENT: Final = frozenset((ANY, BINARY, TYPE, DELETED))
_NODE_CONTENT: Final = frozenset((TYPE, DELETED))
_NO_SEQUENCE: Final = frozenset((DELETED,))
_SEQUENCE_CONTENT: Final = {
    ARRAY_TYPE: _LIST_CONTENT,
    MAP_TYPE: _NO_SEQUENCE,
    TEXT_TYPE: _TEXT_CONTENT,
    XML_TEXT_TYPE: _TEXT_CONTENT,
    ELEMENT_TYPE: _NODE_CONTENT,
    FRAGMENT_TYPE: _NODE_CONTENT,
}
_MESSAGE_PARTS: Final = {"author": Part.AUTHOR, "seq": Part.SEQ, "parent": Part.PARENT}
_AUTHOR_PARTS: Final = {"kind": Part.AUTHOR_KIND, "id": Part.AUTHOR_ID}
_ROOT_PARTS: Final = {
    MESSAGES: Part.ENTRY,
    REQUESTS: Part.REQUEST,
    RUNS: Part.RUN,
    CONTEXT: Part.CONTEXT,
}
_ROOT_KIND: Final = {
    STRING: TEXT_TYPE,
    EMBED: TEXT_TYPE,
    FORMAT: TEXT_TYPE,
    ANY: ARRAY_TYPE,
    BINARY: ARRAY_TYPE,
}


class Runs:
    """The places of one client's clocks, in order; appended to, and cut back on a refusal.

    `chains` are the clocks that don't follow their predecessor as its right neighbour: between two of
    them, clocks ascend from left to right.
    """

    __slots__ = ("chains", "places", "starts")

    def __init__(self) -> None:
        self.starts = array("I")
        self.places: list[Place] = []
        self.chains = array("I")

    def append(self, clock: int, place: Place, *, chained: bool) -> None:
        """Says where the clocks from `clock` on are."""
        if not self.places or self.places[-1] is not place:
            self.starts.append(clock)
            self.places.append(place)
        if not chained:
            self.chains.append(clock)

    def in_one_chain(self, first: int, second: int) -> bool:
        """Tells whether what lies between two clocks is one chain."""
        return bisect_right(self.chains, first) == bisect_right(self.chains, second)

    def at(self, clock: int) -> Place:
        """Gives the place of a clock that is known."""
        return self.places[bisect_right(self.starts, clock) - 1]

    @property
    def lengths(self) -> tuple[int, int]:
        """How much there is, for `cut`."""
        return len(self.places), len(self.chains)

    def cut(self, lengths: tuple[int, int]) -> None:
        """Forgets all that came after `lengths` were taken."""
        runs, chains = lengths
        del self.starts[runs:]
        del self.places[runs:]
        del self.chains[chains:]


class Places:
    """The places of all items. `put` one after the other, then `keep` or `undo` all since the last."""

    def __init__(self) -> None:
        self._runs: dict[int, Runs] = {}
        self._kinds: dict[Id, int] = {}
        self._root_kinds: dict[str, int] = {}
        self._values: dict[Place, Place] = {GONE: GONE}
        self._lengths: dict[int, tuple[int, int]] = {}
        self._new_kinds: list[Id] = []
        self._new_roots: list[str] = []

    def text_roots(self) -> list[str]:
        """Names the roots that have held text."""
        return [root for root, kind in self._root_kinds.items() if kind == TEXT_TYPE]

    def keep(self) -> None:
        """Makes what was put permanent."""
        self._lengths.clear()
        self._new_kinds.clear()
        self._new_roots.clear()

    def undo(self) -> None:
        """Forgets what was put since the last `keep`."""
        for client, lengths in self._lengths.items():
            self._runs[client].cut(lengths)
        for of_type in self._new_kinds:
            del self._kinds[of_type]
        for root in self._new_roots:
            del self._root_kinds[root]
        self.keep()

    def at(self, item: Id) -> Place:
        """Gives the place of a known id; a tomb's is where it was."""
        return self._runs[item[0]].at(item[1])

    def are_chained(self, client: int, clock: int) -> bool:
        """Tells whether a client's next clock came right behind this one."""
        return self._runs[client].in_one_chain(clock, clock + 1)

    def within(self, client: int, start: int, end: int) -> list[tuple[int, Place]]:
        """Gives the runs that overlap [start, end), each from its first clock inside the range."""
        runs = self._runs[client]
        first = bisect_right(runs.starts, start) - 1
        last = bisect_right(runs.starts, end - 1)
        return [(max(start, runs.starts[i]), runs.places[i]) for i in range(first, last)]

    def put(self, client: int, struct: Struct, clock: int, *, strict: bool) -> Place:
        """Notes where a struct goes whose past is known, from `clock` on; gives the place.

        Not `strict` is for what was checked when it came: after a reload less is known of what was
        deleted since, and that must not stop a document.

        Raises:
            Refusal: it can't be there.
        """
        place = self._find(struct, strict=strict)
        left = struct.origin if clock == struct.clock else (client, clock - 1)
        if strict:
            self._check_neighbours(client, struct, clock, left, place)
            self._check_content(struct, place)
        elif place.root is not None:
            self._suits_root(place.root, struct.ref)
        where = self._tomb(place) if struct.ref == DELETED else place
        self._runs_of(client).append(clock, where, chained=left == (client, clock - 1))
        if struct.ref == TYPE and place is not GONE:
            item = (client, struct.clock)
            self._kinds[item] = struct.kind
            self._new_kinds.append(item)
        return place

    def _find(self, struct: Struct, *, strict: bool) -> Place:
        if struct.ref == GC:
            return GONE
        if struct.parent is not None:
            return self._below(struct.parent, struct.sub, strict=strict)
        left = GONE if struct.origin is None else self._live(struct.origin)
        if struct.right is None:
            return left
        right = self._live(struct.right)
        if strict and (right.keyed or (struct.origin is not None and left is not right)):
            raise Refusal("its neighbours are not in the same place")
        return right if left is GONE else left

    def _check_neighbours(
        self, client: int, struct: Struct, clock: int, left: Id | None, place: Place
    ) -> None:
        """Has a struct be between its neighbours, and a new rest where its known beginning is."""
        if left is not None and struct.right is not None:
            self._check_order(left, struct.right)
        if (
            clock > struct.clock
            and struct.ref != GC
            and place is not self._live((client, clock - 1))
        ):
            raise Refusal("it contradicts what was sent before")

    def _check_order(self, left: Id, right: Id) -> None:
        """Has the left neighbour be left of the right one, where both may be in one item.

        The CRDTs split that item twice and lose track: where the struct ends up then hangs on how
        the item happened to be merged before, and devices diverge.
        """
        if left[0] != right[0] or left[1] < right[1]:
            return
        if self._runs[left[0]].in_one_chain(left[1], right[1]):
            raise Refusal("its neighbours are in the wrong order")

    def _live(self, item: Id) -> Place:
        place = self._runs[item[0]].at(item[1])
        if place.tomb and place is not GONE:
            return self._value(msgspec.structs.replace(place, tomb=False))
        return place

    def _below(self, parent: str | Id, sub: str | None, *, strict: bool) -> Place:
        """Gives the place under a key, or in the sequence, of a root or a nested type."""
        keyed = sub is not None
        if isinstance(parent, str):
            if sub is not None:
                return self._value(_under_root(parent, sub))
            return self._value(Place(keyed, NO_TYPE, 0, parent))
        kind = self._kinds.get(parent)
        above = self.at(parent)
        if kind is None:
            if above.tomb or not strict:
                return GONE
            raise Refusal("it inserts into something that is no container")
        if strict and above.depth == MAX_NESTING:
            raise Refusal("types are nested too deeply")
        part, host = _part_below(above, parent, sub)
        return self._value(Place(keyed, kind, above.depth + 1, None, above.entry, part, host))

    def _check_content(self, struct: Struct, place: Place) -> None:
        if place is GONE:
            return
        if place.keyed:
            allowed = struct.ref in _KEYED_CONTENT
        elif place.root is not None:
            allowed = self._suits_root(place.root, struct.ref)
        else:
            allowed = struct.ref in _SEQUENCE_CONTENT[place.kind]
        if not allowed:
            raise Refusal("it puts a kind of content where its container holds none")

    def _suits_root(self, root: str, ref: int) -> bool:
        """Has a root hold text or values, never both: its first content tells what it is."""
        kind = _ROOT_KIND.get(ref)
        if kind is None:
            return True
        known = self._root_kinds.get(root)
        if known is None:
            self._root_kinds[root] = kind
            self._new_roots.append(root)
            return True
        return kind == known

    def _runs_of(self, client: int) -> Runs:
        runs = self._runs.get(client)
        if runs is None:
            runs = self._runs[client] = Runs()
        if client not in self._lengths:
            self._lengths[client] = runs.lengths
        return runs

    def _tomb(self, place: Place) -> Place:
        if place.tomb:
            return place
        return self._value(msgspec.structs.replace(place, tomb=True))

    def _value(self, place: Place) -> Place:
        return self._values.setdefault(place, place)


def _under_root(root: str, key: str) -> Place:
    part = _ROOT_PARTS.get(root)
    if part is not None:
        return Place(keyed=True, kind=NO_TYPE, depth=0, entry=key, part=part)
    if root == SESSION:
        part = Part.HEAD if key == HEAD else Part.SESSION
        return Place(keyed=True, kind=NO_TYPE, depth=0, part=part)
    return Place(keyed=True, kind=NO_TYPE, depth=0)


def _part_below(above: Place, parent: Id, sub: str | None) -> tuple[Part, Id | None]:
    match above.part:
        case Part.NONE | Part.REQUEST | Part.SESSION | Part.HEAD | Part.RUN | Part.CONTEXT:
            return Part.NONE, None
        case Part.ENTRY if sub in _MESSAGE_PARTS:
            return _MESSAGE_PARTS[sub], parent
        case Part.AUTHOR if sub in _AUTHOR_PARTS:
            return _AUTHOR_PARTS[sub], above.host
        case _:
            return Part.INSIDE, None
