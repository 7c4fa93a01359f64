from dataclasses import replace

import pytest

from segue.workers.options import PoolOptions
from segue.workers.protocol import Kind
from segue.workers.watch import Finding, Vitals, Watch

OPTIONS = PoolOptions(
    check_cpu_s=2.0,
    open_cpu_s=20.0,
    read_cpu_s=10.0,
    stall_s=10.0,
    watch_every_s=0.25,
    memory_bytes=1000,
    recycle_after_s=600.0,
)
RESTING = Vitals(running=0, since_cpu_s=0, cpu_s=1.0, memory_bytes=100, done=0, waiting=False)


@pytest.fixture
def watch() -> Watch:
    return Watch(OPTIONS, now_s=0.0)


@pytest.mark.parametrize(
    ("kind", "allowed_s"),
    [
        (Kind.CHECK, 2.0),
        (Kind.IMPORT, 20.0),
        (Kind.OPEN, 20.0),
        (Kind.STATE, 10.0),
        (Kind.SNAPSHOT, 10.0),
    ],
)
def test_each_kind_has_its_cpu_time(watch: Watch, kind: Kind, allowed_s: float) -> None:
    vitals = replace(RESTING, running=5, since_cpu_s=30.0, waiting=True)
    within = replace(vitals, cpu_s=30.0 + allowed_s)
    beyond = replace(vitals, cpu_s=30.1 + allowed_s)
    assert watch.examine(0.25, within, kind) is None
    assert watch.examine(0.5, beyond, kind) is Finding.DEADLINE


def looks(watch: Watch, vitals: Vitals, *, count: int, every_s: float) -> list[Finding | None]:
    return [watch.examine(n * every_s, vitals, Kind.CHECK) for n in range(1, count + 1)]


def test_a_worker_that_owes_answers_and_stands_still_is_found(watch: Watch) -> None:
    still = replace(RESTING, waiting=True)
    found = looks(watch, still, count=42, every_s=0.25)
    assert found == [None] * 40 + [Finding.STALLED] * 2


def test_a_worker_that_owes_nothing_may_stand_still(watch: Watch) -> None:
    assert set(looks(watch, RESTING, count=100, every_s=0.25)) == {None}


def test_time_in_which_the_pool_itself_was_frozen_does_not_count(watch: Watch) -> None:
    still = replace(RESTING, waiting=True)
    assert looks(watch, still, count=10, every_s=3600.0) == [None] * 10


@pytest.mark.parametrize("change", [{"cpu_s": 1.01}, {"running": 1}, {"done": 1}])
def test_anything_that_moves_is_no_standstill(watch: Watch, change: dict[str, float]) -> None:
    still = replace(RESTING, waiting=True)
    looks(watch, still, count=40, every_s=0.25)
    moved = replace(still, **change)
    assert watch.examine(10.25, moved, Kind.CHECK) is None
    assert watch.examine(10.5, moved, Kind.CHECK) is None


def test_memory_beyond_the_limit_is_found(watch: Watch) -> None:
    assert watch.examine(0.25, replace(RESTING, memory_bytes=1001), None) is Finding.MEMORY


def test_an_old_idle_worker_that_grew_is_recycled(watch: Watch) -> None:
    grown = replace(RESTING, memory_bytes=501)
    assert watch.examine(599.0, grown, None) is None
    assert watch.examine(600.0, replace(grown, waiting=True), None) is None
    assert watch.examine(600.0, grown, None) is Finding.RECYCLED


def test_memory_that_was_short_before_is_told_from_what_a_request_took(watch: Watch) -> None:
    watch.examine(0.25, RESTING, None)
    watch.examine(0.5, replace(RESTING, running=7, memory_bytes=900), Kind.CHECK)
    watch.examine(0.75, replace(RESTING, running=7, memory_bytes=950), Kind.CHECK)
    assert not watch.was_crowded(7)
    assert watch.was_crowded(8)
