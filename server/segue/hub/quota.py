"""How much each holder has of something, and the most that one may have."""

from collections.abc import Hashable
from typing import Generic, TypeVar

Holder = TypeVar("Holder", bound=Hashable)


class Quota(Generic[Holder]):
    """Counts by holder; who has nothing costs nothing. Its owner says what follows at the limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken: dict[Holder, int] = {}

    def take(self, holder: Holder, amount: int = 1) -> bool:
        """Adds to the holder's count; False, and nothing added, if it would go over the limit.

        Who has nothing may take any amount: what is larger than the limit must pass alone, or never.
        """
        taken = self._taken.get(holder, 0)
        if taken and taken + amount > self.limit:
            return False
        if amount:
            self._taken[holder] = taken + amount
        return True

    def give_back(self, holder: Holder, amount: int = 1) -> None:
        """Takes off the holder's count."""
        left = self._taken.get(holder, 0) - amount
        if left > 0:
            self._taken[holder] = left
        else:
            self._taken.pop(holder, None)
