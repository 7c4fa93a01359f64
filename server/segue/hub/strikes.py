"""Remembers who did lately what they should not; of what, and what follows, is for the owner to say."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Strikes(Generic[Key]):
    """Counts within a window of time; bounded, the oldest are forgotten first."""

    def __init__(self, window_s: float = 60.0, max_entries: int = 10_000) -> None:
        self._window_s = window_s
        self._max_entries = max_entries
        self._strikes: OrderedDict[Key, tuple[int, float]] = OrderedDict()

    def add(self, key: Key, now_s: float) -> int:
        """Adds a strike at a time in seconds; gives how many there are within the window."""
        count, since_s = self._strikes.pop(key, (0, now_s))
        if now_s - since_s > self._window_s:
            count, since_s = 0, now_s
        self._strikes[key] = (count + 1, since_s)
        if len(self._strikes) > self._max_entries:
            self._strikes.popitem(last=False)
        return count + 1

    def count(self, key: Key, now_s: float) -> int:
        """Gives how many there are within the window."""
        count, since_s = self._strikes.get(key, (0, now_s))
        return 0 if now_s - since_s > self._window_s else count
