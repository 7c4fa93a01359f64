"""`kill -9` of a server with a Postgres of its own, and of that Postgres: nothing is lost."""

import random
from pathlib import Path

import pytest

from devices import Device, DeviceHost
from servers import SegueServer

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

DIALECTS = ("hocuspocus", "y-websocket", "hocuspocus", "y-websocket")


async def start_typing(devices: list[Device], seed: int) -> None:
    """Half of them at 20 Hz, as an agent streams; half far faster than people do."""
    for number, device in enumerate(devices):
        pace = (
            {"hz": 20, "append": f"{device.id}:"}
            if number < 2
            else {"hz": 150, "append": f"{device.id}:"}
        )
        await device.call("type", root="text", seed=seed + number, **pace)


async def let_them_type(devices: list[Device], fate: random.Random) -> None:
    """Returns after a random number of acknowledgements, some within the very turn of one."""
    device = fate.choice(devices)
    known = (await device.summary())["acknowledged"]
    await device.wait(acknowledged=known + fate.randrange(3, 15))
    if fate.random() < 0.5:
        await fate.choice(devices[:2]).wait(saved=True)


async def test_its_own_postgres_keeps_the_promise_too(
    host: DeviceHost, session: str, open_folder: Path
) -> None:
    fate = random.Random(3)
    async with SegueServer.started(open_folder) as server:
        devices = await host.open_all(DIALECTS, server.url, session, server.token("alice"))
        await host.wait_all(devices, synced=True)
        await start_typing(devices, 3)
        for _ in range(2):
            await let_them_type(devices, fate)
            server.kill()
            # Else they would send again what the server had lost.
            await host.each("offline", devices)
            await server.start()
            witness = await host.open("y-websocket", server.url, session, server.token("alice"))
            await witness.wait(synced=True)
            ids = [device.id for device in devices]
            for found in await witness.call("holds_acknowledged", ids=ids):
                assert found["lost"] == 0, found
            await host.each("online", devices)
            await host.wait_all(devices, 40, synced=True)
        for device in devices:
            await device.call("stop_typing")
        await host.wait_all(devices, 30, saved=True, settled=True)
        await host.equal(devices, 30)


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
