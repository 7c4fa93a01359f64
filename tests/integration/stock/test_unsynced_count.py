"""`hasUnsyncedChanges`: back to 0 in the end, and never 0 with something unsaved."""

import random

import anyio
import pytest

from devices import Device, DeviceHost
from servers import SegueServer
from settled import assert_all_acknowledged, assert_settled
from stored import frozen_log

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

EDITS = 10_000
RECONNECTS = 50
LOOKS = 20


async def test_it_is_true_through_10000_edits_and_50_reconnects(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    dialects = ("hocuspocus", "hocuspocus", "y-websocket", "y-websocket")
    devices = await host.open_all(dialects, server.url, session, server.token("alice"))
    await host.wait_all(devices, synced=True)
    async with anyio.create_task_group() as tasks:
        for device in devices:
            tasks.start_soon(_type_through_drops, device, EDITS // len(devices))
        tasks.start_soon(_look_now_and_then, host, server.dsn, session, devices)
    await assert_settled(host, server.dsn, session, devices)
    assert [(await device.summary())["unsynced"] for device in devices] == [0] * len(devices)


async def test_deletions_made_while_a_device_reconnects_are_counted(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    """A deletion names no clock of its own: nothing in it tells whether it was made before the step 1."""
    eraser, other = await host.open_all(
        ("hocuspocus", "y-websocket"), server.url, session, server.token("alice")
    )
    await eraser.edit((0, 0, "letters to be erased " * 500))
    await host.wait_all([eraser, other], synced=True, saved=True)
    await eraser.call("type", root="text", seed=1, hz=500, erase=True)
    for round_number in range(1, 6):
        await host.each("cut", [eraser])
        await eraser.wait(closed=round_number, synced=True)
    await eraser.call("stop_typing")
    await assert_settled(host, server.dsn, session, [eraser, other])


async def _type_through_drops(device: Device, edits: int) -> None:
    drops = RECONNECTS // 4 + 1
    fate = random.Random(device.id)
    for round_number in range(drops):
        count = edits // drops + 1
        await device.call("type", root="text", seed=round_number, count=count // 2, window=1000)
        # Sometimes in the middle of the flow, sometimes after an offline spell with edits.
        if fate.random() < 0.5:
            await device.host.each("cut", [device])
            await device.call("type", root="text", seed=round_number, count=count // 2, window=5000)
        else:
            await device.host.each("offline", [device])
            await device.call("type", root="text", seed=round_number, count=count // 2, window=5000)
            await device.host.each("online", [device])
        await device.wait(synced=True)


async def _look_now_and_then(
    host: DeviceHost, dsn: str, session: str, devices: list[Device]
) -> None:
    """While the log is frozen, what devices were told is safe must be in it already."""
    share = EDITS // len(devices) // LOOKS
    for look in range(1, LOOKS):
        await devices[look % len(devices)].wait(made=look * share)
        async with frozen_log(dsn, session) as stored:
            await assert_all_acknowledged(host, stored, devices)
