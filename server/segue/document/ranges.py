"""Sets of clocks as sorted ranges, by client: what of a document is deleted."""

from bisect import bisect_left, bisect_right

Ranges = list[tuple[int, int]]
"""Ascending, disjoint [start, end) ranges of clocks."""


class RangeSet:
    """The clocks of one client in a set. Adding and asking cost O(log n), a merge in the middle O(n)."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start: int, end: int) -> None:
        """Adds [start, end), merging what touches it."""
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def missing(self, start: int, end: int) -> Ranges:
        """Gives the parts of [start, end) that are not in the set."""
        gaps: Ranges = []
        index = bisect_right(self._ends, start)
        while start < end and index < len(self._starts) and self._starts[index] < end:
            if start < self._starts[index]:
                gaps.append((start, self._starts[index]))
            start = self._ends[index]
            index += 1
        if start < end:
            gaps.append((start, end))
        return gaps


class DeleteSet:
    """Deleted clocks of all clients; an id in it stays deleted for ever."""

    __slots__ = ("_clients",)

    def __init__(self) -> None:
        self._clients: dict[int, RangeSet] = {}

    def add(self, client: int, start: int, end: int) -> None:
        """Adds [start, end) of a client."""
        ranges = self._clients.get(client)
        if ranges is None:
            ranges = self._clients[client] = RangeSet()
        ranges.add(start, end)

    def add_all(self, deletes: dict[int, Ranges]) -> None:
        """Adds the delete set of an update."""
        for client, ranges in deletes.items():
            for start, end in ranges:
                self.add(client, start, end)

    def missing(self, deletes: dict[int, Ranges]) -> dict[int, Ranges]:
        """Gives what of `deletes` is not in the set; clients with nothing missing are left out."""
        missing: dict[int, Ranges] = {}
        for client, ranges in deletes.items():
            known = self._clients.get(client)
            left = ranges if known is None else _missing(known, ranges)
            if left:
                missing[client] = left
        return missing


def _missing(known: RangeSet, ranges: Ranges) -> Ranges:
    return [gap for start, end in ranges for gap in known.missing(start, end)]


def covers(ranges: Ranges, start: int, end: int) -> bool:
    """Tells whether ranges hold all of [start, end). They may touch."""
    index = max(0, bisect_right(ranges, start, key=_first) - 1)
    while index < len(ranges) and ranges[index][0] <= start < end:
        start = max(start, ranges[index][1])
        index += 1
    return start >= end


def _first(found: tuple[int, int]) -> int:
    return found[0]
