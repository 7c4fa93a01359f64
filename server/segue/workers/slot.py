"""A few bytes that a worker and its pool share: which request runs, and since when.

Shared memory outlives the process that wrote it: when a worker is killed, by itself or by others, the
pool reads here exactly which request was running. Layout: ticket (0: none), CPU time of the process
at its start in nanoseconds; 8 bytes each, written as a whole.
"""

import mmap
import os
import sys
import tempfile
from dataclasses import dataclass
from typing import Final, Self

_BYTES: Final = 16
_TICKET: Final = 0
_STARTED: Final = 1


@dataclass(frozen=True, slots=True)
class Running:
    """A request that a worker has begun and not ended."""

    ticket: int
    started_cpu_ns: int


class Slot:
    """One side's view of the shared bytes. The worker begins and ends, the pool reads."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map = mmap.mmap(fd, _BYTES)
        self._words = memoryview(self._map).cast("Q")

    @classmethod
    def create(cls) -> Self:
        """Makes the shared bytes, all zero. The descriptor is closed with the slot."""
        fd = _shared_file()
        os.ftruncate(fd, _BYTES)
        return cls(fd)

    def begin(self, ticket: int, cpu_ns: int) -> None:
        """Says that the request with this ticket runs from now on."""
        self._words[_STARTED] = cpu_ns
        self._words[_TICKET] = ticket

    def end(self) -> None:
        """Says that no request runs."""
        self._words[_TICKET] = 0

    def running(self) -> Running | None:
        """Tells what runs. A request that begins at this very moment may show as none."""
        ticket, started = self._words[_TICKET], self._words[_STARTED]
        # The worker may be writing: a start time that belongs to the next ticket must not be paired
        # with this one.
        if ticket == 0 or ticket != self._words[_TICKET]:
            return None
        return Running(ticket, started)

    def close(self) -> None:
        """Gives the memory and the descriptor back."""
        self._words.release()
        self._map.close()
        os.close(self.fd)


def _shared_file() -> int:
    # Not a file on disk where it can be helped: touching a mapped page of a full disk is a SIGBUS.
    if sys.platform == "linux":
        return os.memfd_create("segue-slot")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
