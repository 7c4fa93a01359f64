"""What is remembered of each client's clocks, in columns: which sequence they are in, what is behind them."""

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from segue.document.content import GC
from segue.document.update import Id

_STRIDE: Final = 32
"""How far a count may be behind that is given for a clock; each note costs 12 bytes."""


def _numbers() -> "array[int]":
    return array("I")


def _long_numbers() -> "array[int]":
    return array("Q")


def _flags() -> "array[int]":
    return array("B")


class Gap(NamedTuple):
    """What was put right behind an item: which is the first, and how much there was when it began.

    `shared`: more than one was put there.
    """

    first: Id
    base: int
    shared: bool


@dataclass(slots=True)
class Line:
    """One client's clocks. `last` is the kind and the right neighbour of its newest struct."""

    starts: "array[int]" = field(default_factory=_numbers)
    trees: "array[int]" = field(default_factory=_numbers)
    counts: "array[int]" = field(default_factory=_numbers)
    gaps: "array[int]" = field(default_factory=_numbers)
    first_clients: "array[int]" = field(default_factory=_long_numbers)
    first_clocks: "array[int]" = field(default_factory=_numbers)
    bases: "array[int]" = field(default_factory=_numbers)
    shared: "array[int]" = field(default_factory=_flags)
    last: tuple[int, Id | None] = (GC, None)

    def at(self, clock: int) -> tuple[int, int]:
        """Gives the sequence that a clock is in, and how much was in it when the clock came, or less."""
        index = bisect_right(self.starts, clock) - 1
        return self.trees[index], self.counts[index]

    def note(self, clock: int, tree: int, count: int) -> None:
        """Says where the clocks from `clock` on are."""
        if self.trees and self.trees[-1] == tree and count - self.counts[-1] < _STRIDE:
            return
        self.starts.append(clock)
        self.trees.append(tree)
        self.counts.append(count)

    def cut(self, length: int) -> None:
        """Forgets all notes but the first `length`."""
        for column in (self.starts, self.trees, self.counts):
            del column[length:]

    def gap(self, clock: int) -> Gap | None:
        """Gives what is known of the gap behind a clock, if there is one."""
        index = bisect_left(self.gaps, clock)
        if index == len(self.gaps) or self.gaps[index] != clock:
            return None
        first = self.first_clients[index], self.first_clocks[index]
        return Gap(first, self.bases[index], shared=bool(self.shared[index]))

    def set_gap(self, clock: int, gap: Gap | None) -> None:
        """Begins a gap behind a clock, changes it, or forgets it."""
        index = bisect_left(self.gaps, clock)
        known = index < len(self.gaps) and self.gaps[index] == clock
        rows = slice(index, index + known)
        for column, value in zip(self._gap_columns, _row(clock, gap), strict=True):
            column[rows] = array(column.typecode, value)

    @property
    def _gap_columns(self) -> "tuple[array[int], ...]":
        return self.gaps, self.first_clients, self.first_clocks, self.bases, self.shared


def _row(clock: int, gap: Gap | None) -> list[list[int]]:
    if gap is None:
        return [[]] * 5
    return [[clock], [gap.first[0]], [gap.first[1]], [gap.base], [gap.shared]]
