import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from integration.workers.rooms import Room
from segue.document.verdict import Accepted, Refused
from segue.errors import SegueError
from segue.workers.options import PoolOptions
from segue.workers.pool import Pool
from segue.workers.ports import Loss, State
from waiting import until

pytestmark = pytest.mark.anyio


async def test_answers_come_in_the_order_of_requests(scripted: PoolOptions) -> None:
    async with Pool(scripted) as pool:
        room = Room(pool, "a", log=(b"old",))
        room.open()
        room.submit(b"one", b"two")
        room.take_state(7)
        room.submit(b"refuse", b"three")
        room.take_snapshot(8)
        await room.until(lambda: len(room.states) == 2)
    assert room.heard == [
        {1: 1},
        Accepted(1, ((1, 1, 2),)),
        Accepted(2, ((1, 2, 3),)),
        State(7, 2, b"old,one,two"),
        Refused(3, "scripted"),
        Accepted(4, ((1, 3, 4),)),
        State(8, 3, b"old,one,two,three"),
    ]


async def test_requests_of_one_loop_turn_are_one_frame(
    scripted: PoolOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames: list[int] = []
    async with Pool(scripted) as pool:
        shard = pool._keepers[0].shard
        send = shard._send
        assert send is not None
        monkeypatch.setattr(
            shard, "_send", lambda encoded: (frames.append(len(encoded)), send(encoded))
        )
        rooms = [Room(pool, name) for name in "abc"]
        for room in rooms:
            room.open()
            room.submit(*(b"%d" % n for n in range(10)))  # no more than a document's turn
        assert pool.pending_bytes > 30
        for room in rooms:
            await room.settled()
        assert frames == [33]
        assert pool.pending_bytes == 0


async def test_one_broken_document_leaves_its_neighbours(scripted: PoolOptions) -> None:
    async with Pool(scripted) as pool:
        bad, good = Room(pool, "bad"), Room(pool, "good")
        for room in (bad, good):
            room.open()
        bad.submit(b"one", b"break", b"two")
        good.submit(b"one", b"two")
        await bad.settled()
        await good.settled()
        assert good.losses == []
        assert bad.losses == [Loss("scripted")]
    assert isinstance(bad.verdicts[b"break"], Refused)
    assert [update.data for update in bad.log] == [b"one", b"two"]


@pytest.mark.parametrize("what", ["panic", "raise"])
async def test_an_exception_in_a_check_is_blamed_and_costs_one_document(
    scripted: PoolOptions, what: str
) -> None:
    async with Pool(scripted) as pool:
        bad, good = Room(pool, "bad"), Room(pool, "good")
        for room in (bad, good):
            room.open()
        poison = f"check:{what}".encode()
        bad.submit(b"one", poison, b"two")
        await good.says(b"one", b"two")
        await bad.settled()
        assert (good.losses, bad.blamed) == ([], [poison])
        assert set(bad.verdicts) == {b"one", b"two"}


async def test_a_closed_document_is_not_heard_of_again(scripted: PoolOptions) -> None:
    async with Pool(scripted) as pool:
        room, other = Room(pool, "a"), Room(pool, "b")
        room.open()
        room.submit(b"one")
        pool.close(room.document)
        other.open()
        await other.says(b"one")
        assert room.heard == []
        room.open()
        await room.until(lambda: room.lives)


async def test_requests_for_a_document_that_is_not_open_are_ignored(
    scripted: PoolOptions,
) -> None:
    async with Pool(scripted) as pool:
        room = Room(pool, "a")
        room.submit(b"one")
        room.take_state(1)
        room.take_snapshot(2)
        pool.close(room.document)
        assert pool.pending_bytes == 0


async def test_a_failing_sink_is_not_the_others_problem(scripted: PoolOptions) -> None:
    class Failing(Room):
        def on_verdict(self, verdict: object) -> None:
            raise ValueError

        def on_lost(self, loss: Loss) -> None:
            self.losses.append(loss)
            raise ValueError

    async with Pool(scripted) as pool:
        failing, good = Failing(pool, "a"), Room(pool, "b")
        for room in (failing, good):
            room.open()
        failing.submit(b"one")
        await good.says(b"one")
        os.kill(pool.pids[0] or 0, signal.SIGKILL)
        await good.until(lambda: good.losses)
        assert failing.losses
        await good.says(b"two")


async def test_documents_are_spread_over_workers_and_stay_where_they_are(
    scripted: PoolOptions,
) -> None:
    async with Pool(replace(scripted, workers=2)) as pool:
        rooms = [Room(pool, f"doc-{n}") for n in range(40)]
        workers = [pool.worker_of(room.document) for room in rooms]
        for room in rooms:
            room.open()
            await room.says(b"one")
        assert set(workers) == {0, 1}
        assert workers == [pool.worker_of(room.document) for room in rooms]


async def test_nothing_is_left_of_a_closed_pool(scripted: PoolOptions) -> None:
    me = psutil.Process()
    async with Pool(scripted):
        pass  # The first one also opens what the loop keeps for watching children.
    before = me.num_fds()
    async with Pool(replace(scripted, workers=2)) as pool:
        room = Room(pool, "a")
        room.open()
        room.submit(b"check:hang")
        children = [psutil.Process(pid) for pid in pool.pids if pid]
    assert len(children) == 2
    assert not any(child.is_running() for child in children)
    assert me.num_fds() == before


async def test_a_worker_that_cannot_start_is_said_at_the_start(scripted: PoolOptions) -> None:
    options = replace(scripted, program=(sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(SegueError, match="does not start"):
        async with Pool(options):
            pytest.fail("entered")


async def test_a_worker_that_does_not_come_back_makes_the_pool_not_ready(
    scripted: PoolOptions, tmp_path: Path
) -> None:
    """One that is replaced at once does not: an update that kills it would turn a node away."""
    program = tmp_path / "program.py"
    real = scripted.program[-1]
    program.write_text(f"import runpy; runpy.run_path({real!r}, run_name='__main__')")
    async with Pool(replace(scripted, program=(*scripted.program[:-1], str(program)))) as pool:
        assert pool.ready
        first = pool.pids[0]
        os.kill(first or 0, signal.SIGKILL)
        await until(lambda: pool.pids[0] not in (None, first))
        assert pool.ready
        broken = program.rename(tmp_path / "gone.py")
        await until(lambda: pool.pids[0] is not None)
        os.kill(pool.pids[0] or 0, signal.SIGKILL)
        await until(lambda: not pool.ready)
        broken.rename(program)
        await until(lambda: pool.ready)


async def test_errors_of_those_who_use_the_pool_leave_it_as_they_are(
    scripted: PoolOptions,
) -> None:
    with pytest.raises(LookupError):
        async with Pool(scripted):
            raise LookupError


def test_the_pool_does_not_import_the_crdt() -> None:
    code = "import sys, segue.workers.pool; sys.exit('pycrdt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("round_", range(5))
async def test_a_pool_that_closes_while_a_worker_is_replaced_leaves_nothing(
    scripted: PoolOptions, round_: int
) -> None:
    """Nothing: a process left behind is a warning of the loop, and so a failure."""
    async with Pool(scripted) as pool:
        room = Room(pool, "a")
        room.open()
        await room.says(b"one")
        os.kill(pool.pids[0] or 0, signal.SIGKILL)
        await room.until_lost(1)
        for _ in range(round_):
            await asyncio.sleep(0)
