"""How fast a device may send: a token bucket that reads no clock.

`left` is counted down by frames and up by `replenish`, which the owner calls about once a second. At
zero the device has to wait, for a second at most: one that has sent more than that is a flood.
"""

import sys
from dataclasses import dataclass


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
