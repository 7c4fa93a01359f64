"""How fast a device, or a user, may send: token buckets that read no clock.

`left` is counted down by frames and up by `replenish`, which the owner calls about once a second. At
zero the device has to wait, for a second at most: one that has sent more than that is a flood.
"""

import sys
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from segue.ids import UserId

_MAX_USERS: Final = 10_000


@dataclass(slots=True)
class Pace:
    """So many frames a second for long, and so many at once."""

    per_s: int = sys.maxsize
    burst: int = sys.maxsize
    left: int = sys.maxsize

    @property
    def must_wait(self) -> bool:
        """Tells whether nothing more is to be read for now."""
        return self.left <= 0

    @property
    def is_flood(self) -> bool:
        """Tells whether more came than a second's wait would pay for."""
        return self.left < -self.per_s

    def replenish(self, elapsed_s: float) -> None:
        """Takes that so much time has passed."""
        self.left = min(self.burst, self.left + int(self.per_s * elapsed_s))


def pace(per_s: int, burst: int) -> Pace:
    """Gives a full one; a burst below what a second allows would be no burst."""
    burst = max(burst, per_s)
    return Pace(per_s, burst, burst)


class Writes:
    """What each user writes over HTTP, wherever it comes from. Bounded: who wrote longest ago is forgotten."""

    def __init__(self, per_s: int, burst: int) -> None:
        """Lets a user write so often a second for long, and so often at once."""
        self.per_s = per_s
        self._burst = burst
        self._users: OrderedDict[UserId, tuple[Pace, float]] = OrderedDict()

    def take(self, user: UserId, now_s: float) -> bool:
        """Counts a write at a time in seconds; False, and not counted, if it comes too soon."""
        allowed, since_s = self._users.pop(user, (None, now_s))
        if allowed is None:
            allowed = pace(self.per_s, self._burst)
        # Whole ones only, and the rest kept: who asks again and again earns as much as who waits.
        earned = int((now_s - since_s) * allowed.per_s)
        allowed.left = min(allowed.burst, allowed.left + earned)
        self._users[user] = allowed, since_s + earned / allowed.per_s
        if len(self._users) > _MAX_USERS:
            self._users.popitem(last=False)
        if allowed.must_wait:
            return False
        allowed.left -= 1
        return True
