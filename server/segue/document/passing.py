"""How many others a struct passes on the way to its place: what a concurrent edit costs the CRDT.

A CRDT looks at all that lies between a new struct's two neighbours, one after the other. People who
write in one place at once pass each other's last words. A device that lies about its neighbours passes
the whole document with each of ten thousand structs: 120 kB cost 18 s, and again at each load. So what
is passed is bounded, from above, without keeping the sequence.

A *gap* is what was put right behind one item, or at a beginning; all that is in it came after the first
that was put there. Whoever is put in front of the gap's first item passes nothing; in front of another
one that was noted as put there, what the sequence has grown by since; else what it has grown by since
the gap began.

Rejected: counting the clients that write in one place (two are enough for the attack), and measuring
time (a large text makes honest edits slow as well).
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from segue.document.content import GC, STRING, Refusal
from segue.document.lines import Gap, Line
from segue.document.trees import Trees
from segue.document.update import Id, Struct

MAX_PASSED: Final = 4_000_000
"""For each life of a document in memory; a step costs the CRDT up to 0.2 us. Real devices stay far below."""

FREE: Final = 32
"""What each struct may pass uncounted, on average: it costs no more than taking the struct itself."""

_CROWDED: Final = (
    "too much was written in one place at the same time; load a fresh copy and write it there again"
)
_MAX_GAPS: Final = 128
_MAX_PUT: Final = 64
_UNKNOWN: Final[Id] = (0, 0xFFFF_FFFF)
_NOBODY: Final = 1 << 53
"""Above all client ids."""

_Where = Id | int
"""Behind an item, or the beginning of the sequence with this number."""


class _Put(NamedTuple):
    """An item in a gap: it has at most in front of it what the sequence has grown by since `base`.

    `lowest` is at most the lowest client of what was put into the gap before it and may be in front.
    """

    item: Id
    base: int
    lowest: int


class Passing:
    """Counts what is passed. `put` one struct after the other, then `keep` or `undo` all since the last."""

    def __init__(self, is_followed: Callable[[Id], bool]) -> None:
        """`is_followed` tells whether an item's client put its next clock right behind it."""
        self._is_followed = is_followed
        self._trees = Trees()
        self._lines: dict[int, Line] = {}
        self._recent: dict[_Where, list[_Put]] = {}
        self._passed = 0
        self.keep()

    def keep(self) -> None:
        """Makes what was put permanent."""
        self._kept = len(self._trees), self._passed
        self._counts_before: dict[int, int] = {}
        self._lines_before: dict[int, tuple[int, tuple[int, Id | None]]] = {}
        self._gaps_before: list[tuple[_Where, Gap | None]] = []

    def undo(self) -> None:
        """Forgets what was put since the last `keep`."""
        trees, self._passed = self._kept
        for where, gap in reversed(self._gaps_before):
            self._recent.pop(where, None)
            if isinstance(where, tuple):
                self._lines[where[0]].set_gap(where[1], gap)
            elif gap is not None:
                self._trees.set_gap(where, gap)
        for client, (length, last) in self._lines_before.items():
            self._lines[client].cut(length)
            self._lines[client].last = last
            if not length:
                del self._lines[client]
        for tree, count in self._counts_before.items():
            self._trees.counts[tree] = count
        self._trees.forget_from(trees)
        self.keep()

    def put(
        self, client: int, struct: Struct, clock: int, *, leads: bool = True, strict: bool = True
    ) -> None:
        """Takes note of a struct from `clock` on, whose past is known.

        `leads`: it is the first news of its client in an update. Not `strict`: it was counted when it came.

        Raises:
            Refusal: too much would be passed.
        """
        line = self._line(client)
        item = client, clock
        if struct.ref == GC:
            line.note(clock, self._trees.number(None, None, item), 0)
            line.last = GC, None
            return
        left = struct.origin if clock == struct.clock else (client, clock - 1)
        tree = self._tree_of(item, left, struct)
        count = self._trees.counts[tree]
        line.note(clock, tree, count)
        follows = left == (client, clock - 1)
        passed = 0
        if not follows or line.gap(clock - 1) is not None:
            passed = self._enter(tree if left is None else left, item, struct.right, count)
        self._pass(passed, strict=strict)
        # What is typed letter by letter is one piece to the CRDT; only in the same update it isn't yet.
        joins = leads and follows and struct.ref == STRING
        if not (joins and line.last == (STRING, struct.right)):
            self._grow(tree, 1 if follows else 2)
        line.last = struct.ref, struct.right

    def split(self, client: int, start: int, end: int) -> None:
        """Takes that a range was deleted: what is around it are pieces of their own now."""
        line = self._lines[client]
        for clock in (start, end - 1):
            self._trees.counts[line.at(clock)[0]] += 1

    def _pass(self, passed: int, *, strict: bool) -> None:
        if not strict:
            return
        self._passed = max(0, self._passed + passed - FREE)
        if self._passed > MAX_PASSED:
            raise Refusal(_CROWDED)

    def _tree_of(self, item: Id, left: Id | None, struct: Struct) -> int:
        beside = left or struct.right
        if beside is not None:
            return self._lines[beside[0]].at(beside[1])[0]
        return self._trees.number(struct.parent, struct.sub, item)

    def _enter(self, where: _Where, item: Id, right: Id | None, count: int) -> int:
        """Notes an item in a gap; gives how much it passes at most."""
        gap = self._gap(where)
        if gap is None:
            self._change(where, Gap(item, count, shared=False))
            return 0
        if gap.first == item:
            return 0
        recent = self._recent_in(where, gap)
        since, lowest = (count, _NOBODY) if right == gap.first else _before(recent, right, gap.base)
        first, put = gap.first, _Put(item, since, lowest)
        # The CRDT goes past items of lower clients, and into nothing else that is in front of those.
        if lowest >= item[0]:
            first, put = item, _Put(item, count, _NOBODY)
        elif first[0] >= item[0]:
            first = _UNKNOWN
        self._change(where, Gap(first, gap.base, shared=True))
        recent.append(put)
        if len(recent) > _MAX_PUT:
            recent[:2] = [_Put(_UNKNOWN, gap.base, min(map(_lowest_of, recent[:2])))]
        return count - since

    def _recent_in(self, where: _Where, gap: Gap) -> list[_Put]:
        recent = self._recent.pop(where, None)
        if recent is None:
            if len(self._recent) == _MAX_GAPS:
                del self._recent[next(iter(self._recent))]
            # Who else was put into a shared one is forgotten: it may be of any client.
            recent = [_Put(gap.first, gap.base, 0 if gap.shared else _NOBODY)]
        self._recent[where] = recent
        return recent

    def _gap(self, where: _Where) -> Gap | None:
        if isinstance(where, int):
            return self._trees.gap(where)
        client, clock = where
        line = self._lines[client]
        noted = line.gap(clock)
        if noted is None and self._is_followed(where):
            return Gap((client, clock + 1), line.at(clock + 1)[1], shared=False)
        return noted

    def _change(self, where: _Where, gap: Gap) -> None:
        if isinstance(where, int):
            self._gaps_before.append((where, self._trees.gap(where)))
            self._trees.set_gap(where, gap)
        else:
            line = self._lines[where[0]]
            self._gaps_before.append((where, line.gap(where[1])))
            line.set_gap(where[1], gap)

    def _line(self, client: int) -> Line:
        line = self._lines.get(client)
        if line is None:
            line = self._lines[client] = Line()
        if client not in self._lines_before:
            self._lines_before[client] = len(line.starts), line.last
        return line

    def _grow(self, tree: int, pieces: int) -> None:
        counts = self._trees.counts
        self._counts_before.setdefault(tree, counts[tree])
        counts[tree] += pieces


def _before(recent: list[_Put], right: Id | None, base: int) -> tuple[int, int]:
    """Gives since when all came that may be in front of an item in a gap, and the lowest client of it."""
    lowest = _NOBODY
    for put in reversed(recent):
        if put.item == right:
            return put.base, min(lowest, put.lowest)
        lowest = min(lowest, put.item[0])
    return base, min(lowest, recent[0].lowest)


def _lowest_of(put: _Put) -> int:
    return min(put.item[0], put.lowest)
