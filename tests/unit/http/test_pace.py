"""How fast a device may send: what is counted, when it waits, when it is a flood."""

import asyncio
from collections.abc import AsyncIterator

import anyio
import pytest
from direct_host import Host, pair

from raw_websocket import CONT, PING, PONG, frame
from segue.http import pace as pace_module
from segue.http.pace import Writes, pace
from segue.ids import UserId

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(20)]

PER_S, BURST = 20, 50


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    async with Host.running() as running:
        running.pace = lambda: pace(PER_S, BURST)
        yield running


def test_what_was_not_sent_is_saved_up_to_the_burst() -> None:
    allowed = pace(PER_S, BURST)
    allowed.left -= 30
    allowed.replenish(1)
    assert allowed.left == BURST - 30 + PER_S
    allowed.replenish(60)
    assert allowed.left == BURST


def test_a_flood_is_what_a_second_would_not_pay_for() -> None:
    allowed = pace(PER_S, BURST)
    allowed.left -= BURST + PER_S
    assert allowed.must_wait
    assert not allowed.is_flood
    allowed.left -= 1
    assert allowed.is_flood


def test_a_burst_is_at_least_what_a_second_allows() -> None:
    assert pace(500, 10).burst == 500


async def test_who_sends_too_fast_is_not_read_until_it_may_go_on(host: Host) -> None:
    async with pair(host) as (client, recorder):
        await client.send(frame(b"x") * BURST)
        await recorder.until(lambda: recorder.heard.count(b"x") == BURST)
        await recorder.until(lambda: recorder.socket._is_paced)
        assert not recorder.socket.transport.is_reading()
        await client.send(frame(b"y") * PER_S)
        for _ in range(20):  # it would be read by now
            await asyncio.sleep(0)
        assert b"y" not in recorder.heard
        recorder.socket.replenish(1)
        await recorder.until(lambda: recorder.heard.count(b"y") == PER_S)
        assert "flood" not in recorder.heard


@pytest.mark.parametrize("small", [frame(b"x"), frame(b"", PING), frame(b"", CONT, fin=False)])
async def test_a_flood_is_told_once_and_nothing_behind_it_is_taken(
    host: Host, small: bytes
) -> None:
    async with pair(host) as (client, recorder):
        first = frame(b"", fin=False) if small == frame(b"", CONT, fin=False) else b""
        flood = first + small * 10 * (BURST + PER_S)
        await client.send(flood)
        await recorder.until(lambda: "flood" in recorder.heard)
        recorder.socket.replenish(60)
        behind = frame(b"behind") if not first else frame(b"", CONT) + frame(b"behind")
        await client.send(behind)
        await host.reads(len(flood + behind))
        recorder.socket.close(4529, "Slower.")
        while (told := await client.read()).opcode == PONG:
            pass
        assert told.code == 4529
        await client.send(frame(b"behind"))
        client.writer.write_eof()
        await recorder.until(lambda: recorder.heard[-1] == "closed")
        assert recorder.heard.count("flood") == 1
        assert recorder.heard.count(b"x") <= BURST + PER_S
        assert b"behind" not in recorder.heard


async def test_a_pong_that_is_not_read_yet_is_no_missing_one() -> None:
    async with Host.running(ping_s=0.03) as host:
        host.pace = lambda: pace(PER_S, BURST)
        async with pair(host) as (client, recorder):
            await client.send(frame(b"x") * BURST)
            await recorder.until(lambda: recorder.socket._is_paced)
            pings, asked = recorder.socket.ping_sent_at, 0
            while asked < 3:
                await anyio.lowlevel.checkpoint()
                asked += recorder.socket.ping_sent_at != pings
                pings = recorder.socket.ping_sent_at
            assert "closed" not in recorder.heard


def test_each_user_writes_at_a_pace_of_their_own() -> None:
    writes = Writes(10, 20)
    alice, bob = UserId("alice"), UserId("bob")
    assert [writes.take(alice, 5.0) for _ in range(21)] == [True] * 20 + [False]
    assert writes.take(bob, 5.0)
    # Asking again and again earns no less than waiting does.
    taken = sum(writes.take(alice, 5.0 + tick / 100) for tick in range(1, 101))
    assert taken in (9, 10)
    assert sum(writes.take(alice, 60.0) for _ in range(30)) == 20


def test_users_that_write_no_more_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace_module, "_MAX_USERS", 2)
    writes = Writes(1, 1)
    assert all(writes.take(UserId(name), 0.0) for name in "abc")
    assert not writes.take(UserId("c"), 0.0)
    assert writes.take(UserId("a"), 0.0)
