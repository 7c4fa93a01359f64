"""`kill -9` of the server while people type: what was acknowledged is there."""

import random
from pathlib import Path

import pytest

from devices import Device, DeviceHost
from servers import SegueServer
from settled import assert_all_acknowledged, assert_settled
from stored import read_stored

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

DIALECTS = ("hocuspocus", "y-websocket", "hocuspocus", "y-websocket")
ROUNDS = 4


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


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_acknowledged_update_is_in_the_log_and_clients_carry_on(
    host: DeviceHost, server: SegueServer, session: str, seed: int
) -> None:
    fate = random.Random(seed)
    devices = await host.open_all(DIALECTS, server.url, session, server.token("alice"))
    await host.wait_all(devices, synced=True)
    await start_typing(devices, seed)
    for _ in range(ROUNDS):
        await let_them_type(devices, fate)
        server.kill()
        # Nobody can have been told anything since: there is no server.
        await host.wait_all(devices, connected=False)
        await assert_all_acknowledged(host, await read_stored(server.dsn, session), devices)
        await server.start()
        await host.wait_all(devices, 40, synced=True)
    for device in devices:
        await device.call("stop_typing")
    await assert_settled(host, server.dsn, session, devices)


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
