"""What a scenario has to show for itself: one line each, at the end of a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter

WIDTH = 48
HEADING = (
    f"{'scenario':<{WIDTH}} {'rounds':>6} {'acknowledged':>12} {'lost':>5}  recovered within, s"
)


@dataclass(slots=True)
class Tally:
    """Counts of one scenario. `recoveries_s`: from the end of a fault until every device is served.

    `wanted`: how many rounds are to be played; `rounds`: how many were.
    """

    test: str
    wanted: int = 1
    rounds: int = 0
    acknowledged: int = 0
    lost: int = 0
    recoveries_s: list[float] = field(default_factory=list)

    @property
    def left(self) -> int:
        """How many rounds are still to be played."""
        return self.wanted - self.rounds

    @contextmanager
    def recovery(self) -> Iterator[None]:
        """Times a recovery. It is only reported: no test depends on the clock."""
        began = perf_counter()
        yield
        self.recoveries_s.append(perf_counter() - began)

    def line(self, *, failed: bool) -> str:
        """Gives the scenario's line of the table."""
        scenario = self.test.partition("::test_")[2].replace("_", " ")
        times = self.recoveries_s
        recovered = f"median {median(times):.1f}, longest {max(times):.1f}" if times else "-"
        counts = f"{self.rounds:>6} {self.acknowledged:>12,} {self.lost:>5}  {recovered}"
        return f"{scenario:<{WIDTH}} {counts}{'  FAILED' if failed else ''}"
