"""The log can't be read, or only slowly: nobody gets an empty document."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from databases import connected
from devices import Device, DeviceHost
from servers import PostgresServer, SegueServer, new_session
from settled import assert_settled
from stored import read_stored
from waiting import until_a_statement_waits, until_logged

pytestmark = pytest.mark.anyio

STORY = "once upon a time "
DIALECTS = ("y-websocket", "hocuspocus")
AGE = "UPDATE documents SET last_active_at = now() - interval '1 hour' WHERE id = $1"


async def store_a_story(host: DeviceHost, server: SegueServer, session: str) -> None:
    """Leaves a stored session that no server has in memory: a start opens what was active last."""
    writer = await host.open("hocuspocus", server.url, session, server.token("alice"))
    await writer.edit((0, 0, STORY))
    await writer.wait(saved=True)
    await writer.call("close")
    server.kill()
    async with connected(server.dsn) as sql:
        await sql.execute("INSERT INTO documents (id, kind) VALUES ($1, 'session')", new_session())
        await sql.execute(AGE, session)
    await server.start()


async def open_impatiently(host: DeviceHost, server: SegueServer, session: str) -> list[Device]:
    """Opens devices that type before they have anything."""
    devices = await host.open_all(DIALECTS, server.url, session, server.token("alice"))
    for device in devices:
        await device.edit((0, 0, f"({device.id})"))
    await host.wait_all(devices, connected=True)
    return devices


async def assert_story_is_whole(
    host: DeviceHost, server: SegueServer, session: str, devices: list[Device]
) -> None:
    await assert_settled(host, server.dsn, session, devices, timeout_s=60)
    for device in devices:
        read = await device.call("read")
        assert STORY in read["first_sync"]["text"], (
            "it was called synced before the story was there"
        )
        assert read["roots"]["text"].count(STORY) == 1
        assert all(other.id in read["roots"]["text"] for other in devices)


@asynccontextmanager
async def statement_run(dsn: str, before: str, after: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(before)
        yield
        await connection.execute(after)
    finally:
        await connection.close()


async def test_a_slow_load_keeps_devices_waiting(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    await store_a_story(host, server, session)
    stored = await read_stored(server.dsn, session)
    async with statement_run(
        server.dsn, "BEGIN; LOCK TABLE updates, snapshots IN ACCESS EXCLUSIVE MODE", "COMMIT"
    ):
        devices = await open_impatiently(host, server, session)
        await until_a_statement_waits(server.dsn)
        for device in devices:
            assert not (await device.summary())["synced"]
            assert await device.text() == f"({device.id})"
    await assert_story_is_whole(host, server, session, devices)
    assert (await read_stored(server.dsn, session)).position > stored.position


async def test_a_failed_load_is_tried_again(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    await store_a_story(host, server, session)
    logged = server.log.stat().st_size
    async with statement_run(
        server.dsn, "ALTER TABLE updates RENAME TO away", "ALTER TABLE away RENAME TO updates"
    ):
        devices = await open_impatiently(host, server, session)
        await until_logged(server.log, "unavailable", logged)
        for device in devices:
            assert not (await device.summary())["synced"]
    await assert_story_is_whole(host, server, session, devices)


async def test_a_frozen_postgres_gives_nobody_an_empty_document(
    host: DeviceHost, own_postgres: PostgresServer, own_server: SegueServer, session: str
) -> None:
    await store_a_story(host, own_server, session)
    with own_postgres.stopped():
        devices = await open_impatiently(host, own_server, session)
        for device in devices:
            # A second signed-in moment of typing, and still no answer.
            await device.call("type", root="text-2", seed=1, hz=50, count=50, append="x")
            assert not (await device.summary())["synced"]
    await assert_story_is_whole(host, own_server, session, devices)
