"""Remembers who lately brought what the server could not build on, per user and document."""

from collections import OrderedDict

from segue.ids import DocumentId, UserId


class Strikes:
    """Counts within a window of time; bounded, the oldest are forgotten first."""

    def __init__(self, window_s: float = 60.0, max_entries: int = 10_000) -> None:
        self._window_s = window_s
        self._max_entries = max_entries
        self._strikes: OrderedDict[tuple[UserId, DocumentId], tuple[int, float]] = OrderedDict()

    def add(self, user: UserId, document: DocumentId, now_s: float) -> int:
        """Adds a strike at a time in seconds; gives how many there are within the window."""
        count, since_s = self._strikes.pop((user, document), (0, now_s))
        if now_s - since_s > self._window_s:
            count, since_s = 0, now_s
        self._strikes[user, document] = (count + 1, since_s)
        if len(self._strikes) > self._max_entries:
            self._strikes.popitem(last=False)
        return count + 1
