import signal

import pytest

from segue.workers.cause import Cause, Condemned, cause_of
from segue.workers.watch import Finding

RAN = 7
KILLED = -signal.SIGKILL


def certain(cause: Cause) -> bool:
    assert cause.ticket == RAN
    return cause.certain


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGBUS", "SIGILL", "SIGXCPU"])
def test_a_crash_is_the_running_requests_doing(name: str) -> None:
    assert certain(cause_of(-signal.Signals[name], RAN, None, crowded=True))


@pytest.mark.parametrize("status", [KILLED, -signal.SIGTERM, 0, 1])
def test_an_end_from_outside_is_a_suspicion_at_most(status: int) -> None:
    assert not certain(cause_of(status, RAN, None, crowded=False))


@pytest.mark.parametrize("crowded", [True, False])
def test_a_failed_allocation_tells_nothing_if_memory_was_short_before(crowded: bool) -> None:
    assert certain(cause_of(-signal.SIGABRT, RAN, None, crowded=crowded)) is not crowded
    condemned = Condemned(Finding.MEMORY, RAN)
    assert certain(cause_of(KILLED, RAN, condemned, crowded=crowded)) is not crowded


def test_a_request_over_its_time_is_certain() -> None:
    assert certain(cause_of(KILLED, RAN, Condemned(Finding.DEADLINE, RAN), crowded=True))


def test_what_ran_in_place_of_the_condemned_request_is_innocent() -> None:
    cause = cause_of(KILLED, RAN, Condemned(Finding.DEADLINE, RAN - 1), crowded=False)
    assert (cause.ticket, cause.certain) == (0, False)


@pytest.mark.parametrize("finding", [Finding.STALLED, Finding.RECYCLED])
def test_a_standstill_is_a_suspicion_at_most(finding: Finding) -> None:
    assert not certain(cause_of(KILLED, RAN, Condemned(finding, RAN), crowded=False))
