"""Postgres is killed or freezes under load: nothing is acknowledged meanwhile, all is saved after."""

import random
from pathlib import Path

import pytest

from devices import Device, DeviceHost
from servers import PostgresServer, SegueServer
from settled import assert_settled

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

DIALECTS = ("hocuspocus", "y-websocket", "hocuspocus", "y-websocket")


async def open_typing(host: DeviceHost, server: SegueServer, session: str) -> list[Device]:
    devices = await host.open_all(DIALECTS, server.url, session, server.token("alice"))
    await host.wait_all(devices, synced=True)
    for number, device in enumerate(devices):
        await device.call("type", root="text", seed=number, hz=40)
    return devices


async def type_on(devices: list[Device], edits: int) -> list[int]:
    """Waits until each has made so many more; gives how many each was told are safe."""
    for device in devices:
        made = (await device.summary())["made"]
        await device.wait(made=made + edits)
    return [(await device.summary())["acknowledged"] for device in devices]


async def finish(
    host: DeviceHost, server: SegueServer, session: str, devices: list[Device]
) -> None:
    for device in devices:
        await device.call("stop_typing")
    await assert_settled(host, server.dsn, session, devices, timeout_s=60)
    for device in devices:
        assert (await device.summary())["stop"] is None


async def test_it_is_killed_and_comes_back(
    host: DeviceHost, own_postgres: PostgresServer, own_server: SegueServer, session: str
) -> None:
    fate = random.Random(1)
    devices = await open_typing(host, own_server, session)
    for _ in range(3):
        await type_on(devices, fate.randrange(5, 15))
        own_postgres.kill()
        # Acknowledgements of commits before the blow may still be on their way; then there are none.
        first = await type_on(devices, 5)
        assert await type_on(devices, 20) == first
        for device in devices:
            assert (await device.summary())["unsynced"] > 0
        own_postgres.start()
        await host.wait_all(devices, 60, acknowledged=max(first) + 1)
    await finish(host, own_server, session, devices)


async def test_the_servers_own_is_killed_and_started_again(
    host: DeviceHost, session: str, open_folder: Path
) -> None:
    async with SegueServer.started(open_folder) as server:
        devices = await open_typing(host, server, session)
        for _ in range(2):
            await type_on(devices, 10)
            server.postmaster().kill()
            first = await type_on(devices, 5)
            await host.wait_all(devices, 60, acknowledged=max(first) + 1)
        for device in devices:
            await device.call("stop_typing")
            await device.call("settle")
        await host.equal(devices)
        for device in devices:
            assert (await device.summary())["stop"] is None


async def test_it_freezes_and_goes_on(
    host: DeviceHost, own_postgres: PostgresServer, own_server: SegueServer, session: str
) -> None:
    devices = await open_typing(host, own_server, session)
    for _ in range(2):
        await type_on(devices, 10)
        with own_postgres.stopped():
            first = await type_on(devices, 5)
            assert await type_on(devices, 40) == first
        await host.wait_all(devices, 60, acknowledged=max(first) + 1)
    await finish(host, own_server, session, devices)


async def test_a_device_that_leaves_during_the_outage_has_its_text_saved(
    host: DeviceHost, own_postgres: PostgresServer, own_server: SegueServer, session: str
) -> None:
    writer = await host.open("hocuspocus", own_server.url, session, own_server.token("alice"))
    await writer.edit((0, 0, "before, "))
    await writer.wait(saved=True)
    own_postgres.kill()
    watcher = await host.open("hocuspocus", own_server.url, session, own_server.token("alice"))
    await writer.edit((8, 0, "during"))
    # Its own keep-alive comes back behind the edit, so the server has it.
    await writer.call("present", state={"typing": True})
    await writer.wait(saved=False)
    await watcher.wait(connected=True)
    await writer.call("close")
    own_postgres.start()
    await watcher.wait(60, contains={"root": "text", "text": "before, "})
    reader = await host.open("y-websocket", own_server.url, session, own_server.token("alice"))
    await reader.wait(contains={"root": "text", "text": "before, during"})
