"""Postgres away, slow or failing: nothing is acknowledged meanwhile, all is saved afterwards."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from crowd import Crowd, Scene, play
from holds import hold

from databases import connected
from devices import DeviceHost
from servers import PostgresServer, SegueServer
from settled import assert_settled
from waiting import until_a_commit_waits, until_folded, until_logged

pytestmark = pytest.mark.anyio

LONG = 30
"""Edits of each device during an outage: five seconds' worth."""

DISK_FULL = """
CREATE OR REPLACE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''could not extend file: No space left on device'' USING ERRCODE = ''53100''; END';
CREATE TRIGGER disk_full BEFORE INSERT ON updates FOR EACH STATEMENT EXECUTE FUNCTION disk_full();
"""
TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'segue %'
"""

Outage = Callable[[Scene], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def frozen(scene: Scene) -> AsyncIterator[None]:
    with scene.postgres.stopped():
        yield


@asynccontextmanager
async def restarted(scene: Scene) -> AsyncIterator[None]:
    scene.postgres.stop()
    yield
    scene.postgres.start()


@asynccontextmanager
async def refusing(scene: Scene) -> AsyncIterator[None]:
    scene.proxy.close()
    yield
    await scene.proxy.open()


@asynccontextmanager
async def full(scene: Scene) -> AsyncIterator[None]:
    async with connected(scene.dsn) as sql:
        await sql.execute(DISK_FULL)
        yield
        await sql.execute("DROP TRIGGER disk_full ON updates")


AWAY: dict[str, Outage] = {
    "frozen": frozen,
    "restarted": restarted,
    "refusing connections": refusing,
    "its disk full": full,
}


@pytest.mark.share(1 / 5)
@pytest.mark.parametrize("how", AWAY)
async def test_postgres(scene: Scene, how: str) -> None:
    async def go_away(crowd: Crowd) -> None:
        async with AWAY[how](scene):
            # Acknowledgements of commits before may still be on their way; then there are none.
            first = await crowd.write_on(3)
            assert await crowd.write_on(LONG) == first
            for device in crowd.devices:
                summary = await device.summary()
                assert summary["unsynced"] > 0
                assert summary["closes"] == [], "a device works on through an outage"
        with scene.tally.recovery():
            await crowd.carry_on()

    await play(scene, go_away)


async def test_postgres_ends_sessions_in_mid_commit(scene: Scene) -> None:
    async def end_sessions(crowd: Crowd) -> None:
        async with hold(scene.dsn, "commit") as held:
            await held.reached()
            await held.terminate()
        async with connected(scene.dsn) as sql:
            await sql.execute(TERMINATE)
        with scene.tally.recovery():
            await crowd.carry_on()

    await play(scene, end_sessions)


async def test_postgres_commits_and_its_reply_is_lost(scene: Scene) -> None:
    async def lose_a_reply(crowd: Crowd) -> None:
        before = scene.proxy.lost_replies
        scene.proxy.lose_reply_to(crowd.fate.choice(list(crowd.rooms)).encode())
        with scene.tally.recovery():
            await crowd.carry_on()
        assert scene.proxy.lost_replies - before == 1

    await play(scene, lose_a_reply)


async def test_postgres_is_200_ms_away(scene: Scene) -> None:
    async def go_on_slowly(crowd: Crowd) -> None:
        with scene.tally.recovery():
            await crowd.carry_on()

    scene.proxy.delay_s = 0.2
    try:
        await play(scene, go_on_slowly)
    finally:
        scene.proxy.delay_s = 0


async def test_backlog_is_full(
    host: DeviceHost, own_postgres: PostgresServer, tmp_path: Path, session: str
) -> None:
    """Writers are sent away and come back; what they hold is saved in the end."""
    address = await own_postgres.new_database()
    async with SegueServer.started(
        tmp_path, database_url=address, SEGUE_MAX_BACKLOG="64KiB"
    ) as server:
        stocks = ("hocuspocus", "y-websocket", "hocuspocus", "y-websocket")
        devices = await host.open_all(stocks, server.url, session, server.token("alice"))
        await host.wait_all(devices, synced=True)
        with own_postgres.stopped():
            for number, device in enumerate(devices):
                how = {"seed": number, "hz": 50, "append": "a hundred letters " * 6}
                await device.call("type", root="text", **how)
            await host.wait_all(devices, 60, closed=1)
        for device in devices:
            await device.call("stop_typing")
            closes = await device.call("closes")
            assert {close["code"] for close in closes} == {1013}, closes
        await assert_settled(host, address, session, devices, timeout_s=90)
        for device in devices:
            assert (await device.summary())["stop"] is None


async def test_a_device_that_leaves_during_the_outage_has_its_text_saved(
    host: DeviceHost, own_postgres: PostgresServer, tmp_path: Path, session: str
) -> None:
    """Its document is not closed before, though nobody is in it."""
    address = await own_postgres.new_database()
    settings = {"SEGUE_ROOM_GRACE": "20ms", "SEGUE_SNAPSHOT_EVERY": "1"}
    async with SegueServer.started(tmp_path, database_url=address, **settings) as server:
        token = server.token("alice")
        writer = await host.open("hocuspocus", server.url, session, token)
        watcher = await host.open("y-websocket", server.url, session, token)
        await writer.edit((0, 0, "before, "))
        await writer.wait(saved=True)
        await until_folded(address, session)
        async with connected(address) as sql:
            await sql.execute(DISK_FULL)
            logged = server.log.stat().st_size
            await writer.edit((8, 0, "during"))
            await until_logged(server.log, "storage.commits_waiting", logged)
            await writer.edit((14, 0, ", after"))
            # What is shown at once, and comes behind the edit.
            await writer.call("present", state={"typing": True})
            await watcher.wait(present={"typing": True})
            assert (await writer.summary())["unsynced"] > 0
            await watcher.call("close")
            await writer.call("close")
            await until_a_commit_waits(address)
            await sql.execute("DROP TRIGGER disk_full ON updates")
        reader = await host.open("y-websocket", server.url, session, token)
        await reader.wait(60, contains={"root": "text", "text": "before, during, after"})
