"""When a worker has to go: deadlines in CPU time, standstill, memory. Decisions only, no process.

The pool looks at each worker every quarter of a second and feeds what it sees to `Watch.examine`.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from segue.workers.options import PoolOptions
from segue.workers.protocol import Kind

_MAX_TICKS_COUNTED: Final = 2
_RECYCLE_SHARE: Final = 0.5


class Finding(Enum):
    """Why a worker is to be ended."""

    DEADLINE = "a request ran over its CPU time"
    STALLED = "nothing moved while requests waited"
    MEMORY = "over its memory limit"
    RECYCLED = "replaced after it grew"


@dataclass(frozen=True, slots=True)
class Vitals:
    """A worker at one moment. `running` is a ticket (0: none), `since_cpu_s` its start in CPU time."""

    running: int
    since_cpu_s: float
    cpu_s: float
    memory_bytes: int
    done: int
    waiting: bool


class Watch:
    """Looks after one process, from when it is ready."""

    def __init__(self, options: PoolOptions, now_s: float) -> None:
        self._options = options
        self._started_s = now_s
        self._last_s = now_s
        self._last: Vitals | None = None
        self._still_s = 0.0
        self._resting_bytes = 0

    def was_crowded(self, ticket: int) -> bool:
        """Tells whether memory was short before the request with this ticket began.

        Then an allocation that failed says little about the request in which it did.
        """
        last = self._last
        before = self._resting_bytes
        if last is not None and last.running != ticket:
            before = last.memory_bytes
        return before > self._options.memory_bytes * _RECYCLE_SHARE

    def examine(self, now_s: float, vitals: Vitals, running: Kind | None) -> Finding | None:
        """Judges what is seen now, `running` being the kind of the running request."""
        elapsed_s = self._elapsed(now_s)
        moved = self._moved(vitals)
        self._still_s = 0.0 if moved or not vitals.waiting else self._still_s + elapsed_s
        if self._last is not None and vitals.running != self._last.running:
            self._resting_bytes = self._last.memory_bytes
        self._last = vitals
        return self._finding(now_s, vitals, running)

    def _elapsed(self, now_s: float) -> float:
        """Gives the time since the last look, without that in which we did not run ourselves."""
        elapsed_s = now_s - self._last_s
        self._last_s = now_s
        return min(elapsed_s, _MAX_TICKS_COUNTED * self._options.watch_every_s)

    def _moved(self, vitals: Vitals) -> bool:
        last = self._last
        if last is None:
            return True
        return (vitals.done, vitals.running, vitals.cpu_s) != (last.done, last.running, last.cpu_s)

    def _finding(self, now_s: float, vitals: Vitals, running: Kind | None) -> Finding | None:
        options = self._options
        if vitals.running and vitals.cpu_s - vitals.since_cpu_s > self._allowed_cpu_s(running):
            return Finding.DEADLINE
        if self._still_s >= options.stall_s:
            return Finding.STALLED
        if vitals.memory_bytes > options.memory_bytes:
            return Finding.MEMORY
        if self._overgrown(now_s, vitals):
            return Finding.RECYCLED
        return None

    def _allowed_cpu_s(self, running: Kind | None) -> float:
        options = self._options
        match running:
            case Kind.CHECK:
                return options.check_cpu_s
            case Kind.OPEN | Kind.IMPORT:
                return options.open_cpu_s
            case _:
                return options.read_cpu_s

    def _overgrown(self, now_s: float, vitals: Vitals) -> bool:
        options = self._options
        return (
            not vitals.waiting
            and vitals.memory_bytes > options.memory_bytes * _RECYCLE_SHARE
            and now_s - self._started_s >= options.recycle_after_s
        )
