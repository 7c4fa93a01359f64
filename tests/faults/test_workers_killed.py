"""`kill -9` of document workers while people type: no device notices, nothing is lost or doubled."""

import random

import pytest

from devices import DeviceHost
from servers import SegueServer, new_session
from settled import assert_settled

pytestmark = pytest.mark.anyio

DIALECTS = ("hocuspocus", "y-websocket")


@pytest.mark.parametrize("seed", [1, 2])
async def test_rooms_reload_and_their_devices_stay_connected(
    host: DeviceHost, server: SegueServer, seed: int
) -> None:
    fate = random.Random(seed)
    token = server.token("alice")
    rooms = {}
    for session in [new_session() for _ in range(4)]:
        rooms[session] = await host.open_all(DIALECTS, server.url, session, token)
    devices = [device for room in rooms.values() for device in room]
    await host.wait_all(devices, synced=True)
    for number, device in enumerate(devices):
        await device.call("type", root="text", seed=seed * 100 + number, hz=50)
    for _ in range(5):
        device = fate.choice(devices)
        known = (await device.summary())["acknowledged"]
        await device.wait(acknowledged=known + fate.randrange(5, 30))
        fate.choice(server.workers()).kill()
    # Each of them goes on after the last blow.
    for device in devices:
        known = (await device.summary())["acknowledged"]
        await device.wait(acknowledged=known + 5)
    for device in devices:
        await device.call("stop_typing")
    for device in devices:
        summary = await device.summary()
        assert summary["stop"] is None
        assert summary["opened"] == 1, "a worker's death is not its devices' affair"
    for session, room in rooms.items():
        await assert_settled(host, server.dsn, session, room)
