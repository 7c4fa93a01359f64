"""What ended a worker, and what that says of the request that ran. Decisions only, no process."""

import signal
from dataclasses import dataclass
from typing import Final

from segue.workers.watch import Finding

_FAULTS: Final = frozenset(
    (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGXCPU)
)
"""Signals that a process brings on itself; SIGXCPU is the worker's own ceiling."""


@dataclass(frozen=True, slots=True)
class Condemned:
    """Why the pool ended a worker, and the ticket of the request that was seen running."""

    finding: Finding
    ticket: int


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a worker ended, the ticket to suspect (0: none), and whether it was that one for certain."""

    reason: str
    ticket: int
    certain: bool


def cause_of(status: int, ticket: int, condemned: Condemned | None, *, crowded: bool) -> Cause:
    """Reads an exit status (negative for a signal), `ticket` being what ran at the end.

    `crowded`: memory was short before that request began.
    """
    match condemned:
        case None:
            return _cause_of_signal(-status, ticket, crowded=crowded)
        case Condemned(Finding.DEADLINE as finding, late) if late != ticket:
            # It ended in the very moment it was condemned; what ran then is innocent.
            return Cause(finding.value, 0, certain=False)
        case Condemned(Finding.DEADLINE as finding):
            return Cause(finding.value, ticket, certain=True)
        case Condemned(Finding.MEMORY as finding):
            return Cause(finding.value, ticket, certain=not crowded)
        case Condemned(finding):
            return Cause(finding.value, ticket, certain=False)


def _cause_of_signal(number: int, ticket: int, *, crowded: bool) -> Cause:
    if number in _FAULTS:
        return Cause("its worker crashed", ticket, certain=True)
    if number == signal.SIGABRT:
        # Native code aborts where memory can't be had, too.
        return Cause("its worker aborted", ticket, certain=not crowded)
    return Cause("its worker was ended", ticket, certain=False)
