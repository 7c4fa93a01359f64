"""Who pays for a worker's end: the request that brought it about, where that is certain; nobody else."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from integration.workers.rooms import PATIENCE_S, Room
from segue.document.verdict import Accepted
from segue.workers.options import PoolOptions
from segue.workers.pool import Pool
from segue.workers.ports import Loss

pytestmark = pytest.mark.anyio

_PARENT = Path(__file__).with_name("parent.py")


def two_rooms(pool: Pool) -> tuple[Room, Room]:
    """Two documents of one worker."""
    rooms = Room(pool, "bad"), Room(pool, "good")
    for room in rooms:
        room.open()
    return rooms


@pytest.mark.parametrize("what", ["hang", "abort", "SIGSEGV", "SIGBUS"])
async def test_the_update_that_kills_its_worker_is_blamed_and_nothing_else(
    scripted: PoolOptions, what: str
) -> None:
    async with Pool(scripted) as pool:
        bad, good = two_rooms(pool)
        await good.says(b"zero")
        poison = f"check:{what}".encode()
        bad.submit(b"one", poison, b"two")
        good.submit(b"one", b"two")
        await bad.settled()
        await good.says(b"three")
        assert (bad.blamed, good.blamed) == ([poison], [])
        assert set(bad.verdicts) == {b"one", b"two"}
        assert set(good.verdicts) == {b"zero", b"one", b"two", b"three"}
        assert len(bad.losses) == len(good.losses) == 1


async def test_the_other_worker_does_not_notice(scripted: PoolOptions) -> None:
    async with Pool(replace(scripted, workers=2)) as pool:
        bad = Room(pool, "bad")
        names = (f"good-{n}" for n in range(100))
        other = next(name for name in names if pool.worker_of(name) != pool.worker_of("bad"))
        good = Room(pool, other)
        bad.open()
        good.open()
        bad.submit(b"check:hang")
        while not bad.losses:
            await good.says(b"%d" % len(good.verdicts))
        assert good.losses == []


async def test_an_operators_kill_blames_nobody(scripted: PoolOptions) -> None:
    async with Pool(scripted) as pool:
        rooms = two_rooms(pool)
        for number in range(5):
            pid = pool.pids[0]
            assert pid is not None
            for room in rooms:
                room.submit(*(b"%d-%d" % (number, n) for n in range(20)))
            os.kill(pid, signal.SIGKILL)
            for room in rooms:
                await room.until_lost(number + 1)
                await room.settled()
        for room in rooms:
            assert room.blamed == []
            assert len(room.verdicts) == 100


@pytest.mark.parametrize("what", ["SIGKILL", "SIGSTOP", "doze"])
async def test_an_update_caught_at_two_deaths_in_a_row_is_blamed(
    scripted: PoolOptions, what: str
) -> None:
    async with Pool(scripted) as pool:
        bad, good = two_rooms(pool)
        poison = f"check:{what}".encode()
        bad.submit(b"one", poison, b"two")
        await bad.settled()
        await good.says(b"one")
        assert (bad.blamed, good.blamed) == ([poison], [])
        assert [loss.blamed is None for loss in bad.losses] == [True, False]
        assert set(bad.verdicts) == {b"one", b"two"}


async def test_a_stopped_worker_is_replaced_under_load(scripted: PoolOptions) -> None:
    async with Pool(scripted) as pool:
        rooms = two_rooms(pool)
        for room in rooms:
            await room.says(b"before")
        pid = pool.pids[0]
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        for room in rooms:
            room.submit(*(b"%d" % n for n in range(100)))
        for room in rooms:
            await room.settled()
            assert room.blamed == []
            assert len(room.log) == 101
        assert pool.pids[0] != pid
        assert not psutil.pid_exists(pid)


async def test_a_long_request_that_gets_on_is_not_a_standstill(scripted: PoolOptions) -> None:
    async with Pool(replace(scripted, check_cpu_s=1.5, stall_s=0.3)) as pool:
        room = Room(pool, "a")
        room.open()
        await room.says(b"check:hang")
        (loss,) = room.losses
        assert "CPU" in loss.reason
        assert room.blamed == [b"check:hang"]


async def test_a_request_ends_even_if_the_pool_does_not_look(scripted: PoolOptions) -> None:
    async with Pool(replace(scripted, watch_every_s=3600.0)) as pool:
        room = Room(pool, "a")
        room.open()
        await room.says(b"check:hang")
        assert room.blamed == [b"check:hang"]


async def test_a_slow_open_does_not_hold_up_the_answers_before_it(scripted: PoolOptions) -> None:
    async with Pool(scripted) as pool:
        quick, slow = Room(pool, "quick"), Room(pool, "slow", log=(b"open:hang",))
        quick.open()
        quick.submit(b"one")
        slow.open()
        await quick.until_lost(1)
        assert list(map(type, quick.heard)) == [dict, Accepted, Loss]


@pytest.mark.parametrize("what", ["hang", "abort", "panic", "SIGKILL", "doze"])
async def test_a_log_that_kills_is_quarantined_the_second_time(
    scripted: PoolOptions, what: str
) -> None:
    async with Pool(scripted) as pool:
        bad, good = Room(pool, "bad", log=(f"open:{what}".encode(),)), Room(pool, "good")
        good.open()
        bad.open()
        await bad.until(lambda: bad.quarantined)
        await good.says(b"one")
        assert [loss.quarantined for loss in bad.losses] == [False, True]
        assert good.blamed == []


async def test_a_quarantined_log_costs_no_worker_again(scripted: PoolOptions) -> None:
    async with Pool(scripted) as pool:
        bad = Room(pool, "bad", log=(b"open:abort",))
        bad.open()
        await bad.until(lambda: bad.quarantined)
        good = Room(pool, "good")
        good.open()
        await good.says(b"one")
        bad.quarantined = False
        bad.open()
        assert not bad.quarantined
        await bad.until(lambda: bad.quarantined)
        await good.says(b"two")
        assert good.losses == []


async def test_quarantine_ends_and_a_repaired_log_opens(scripted: PoolOptions) -> None:
    async with Pool(replace(scripted, quarantine_s=0.0)) as pool:
        bad = Room(pool, "bad", log=(b"open:panic",))
        bad.open()
        await bad.until(lambda: bad.quarantined)
        bad.log.clear()
        bad.open()
        await bad.says(b"one")


async def test_a_document_that_cannot_be_read_is_quarantined(scripted: PoolOptions) -> None:
    async with Pool(scripted) as pool:
        bad, good = two_rooms(pool)
        await bad.says(b"state:abort")
        bad.take_state(1)
        await bad.until(lambda: bad.quarantined)
        await good.says(b"one")
        assert good.blamed == bad.blamed == []


async def test_a_snapshot_that_kills_is_not_taken_again(scripted: PoolOptions) -> None:
    async with Pool(scripted) as pool:
        bad = Room(pool, "bad")
        bad.open()
        await bad.says(b"snapshot:abort")
        bad.take_snapshot(1)
        await bad.until(lambda: bad.lives == 2)
        bad.take_snapshot(2)
        await bad.until(lambda: bad.states)
        assert [(state.request, state.data) for state in bad.states] == [(2, b"")]
        assert len(bad.losses) == 1


async def test_a_memory_bomb_in_python_costs_its_document_at_most(scripted: PoolOptions) -> None:
    async with Pool(scripted) as pool:
        bad, good = two_rooms(pool)
        bad.submit(b"check:eat", b"two")
        await good.says(b"one")
        await bad.settled()
        # Memory may have been short before: the first time is a suspicion only.
        assert [loss.blamed is None for loss in bad.losses] == [True, False]
        assert bad.blamed == [b"check:eat"]
        assert good.losses == []


async def test_a_memory_bomb_in_native_code_is_stopped_by_the_limit_and_blamed(
    scripted: PoolOptions,
) -> None:
    async with Pool(replace(scripted, memory_bytes=2**28, check_cpu_s=10.0)) as pool:
        bad, good = two_rooms(pool)
        bad.submit(b"check:bomb", b"two")
        await good.says(b"one")
        await bad.settled()
        assert (bad.blamed, good.blamed) == ([b"check:bomb"], [])
        assert ["aborted" in loss.reason for loss in bad.losses] == [True]


async def test_an_overgrown_worker_is_replaced_when_it_is_idle(scripted: PoolOptions) -> None:
    async with Pool(replace(scripted, memory_bytes=2**25, recycle_after_s=0.2)) as pool:
        room = Room(pool, "a")
        room.open()
        await room.until(lambda: room.losses)
        assert room.losses[0].blamed is None


async def test_what_a_terminal_sends_to_all_does_not_end_a_worker(scripted: PoolOptions) -> None:
    async with Pool(scripted) as pool:
        room = Room(pool, "a")
        room.open()
        await room.says(b"one")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pool.pids[0] or 0, number)
        await room.says(b"two")
        assert room.losses == []


async def test_a_worker_sees_nothing_of_the_environment(scripted: PoolOptions) -> None:
    async with Pool(scripted) as pool:
        assert psutil.Process(pool.pids[0]).environ() == {}


async def test_a_dying_worker_prints_nothing(
    scripted: PoolOptions, capfd: pytest.CaptureFixture[str]
) -> None:
    async with Pool(replace(scripted, memory_bytes=2**28, check_cpu_s=10.0)) as pool:
        room = Room(pool, "a")
        room.open()
        await room.says(b"check:bomb")
    assert "aborted" in room.losses[0].reason
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("busy", ["busy", "idle"])
def test_workers_die_with_their_parent(busy: str) -> None:
    read_fd, write_fd = os.pipe()
    command = [sys.executable, str(_PARENT), busy, str(write_fd)]
    with subprocess.Popen(command, pass_fds=(write_fd,)) as parent, open(read_fd) as report:
        os.close(write_fd)
        children = [psutil.Process(int(pid)) for pid in report.read().split()]
        parent.kill()
    assert len(children) == 2
    gone, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
    for orphan in alive:
        orphan.kill()
    assert (len(gone), alive) == (2, [])
