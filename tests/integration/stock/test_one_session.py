"""The promise in one picture: two kinds of stock clients, one conversation, a bad network."""

import anyio
import pytest

from devices import Device, DeviceHost
from servers import SegueServer
from settled import assert_settled

pytestmark = pytest.mark.anyio

LONG = "a long story 📖 " * 8_000
"""What nobody wants to receive twice."""

MISSED_BYTES = 20_000
"""More than what is missed below needs, and a small part of `LONG`."""


async def open_four(host: DeviceHost, server: SegueServer, session: str) -> list[Device]:
    dialects = ("y-websocket", "hocuspocus", "y-websocket", "hocuspocus")
    token = server.token("alice")
    devices = await host.open_all(dialects, server.url, session, token)
    await host.wait_all(devices, synced=True)
    return devices


async def all_type(devices: list[Device], count: int, seed: int) -> None:
    async with anyio.create_task_group() as tasks:
        for number, device in enumerate(devices):
            how = {"root": "text", "seed": seed + number, "count": count}
            tasks.start_soon(lambda device=device, how=how: device.call("type", **how))


async def test_edits_at_once_are_the_same_everywhere_and_stored(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    devices = await open_four(host, server, session)
    await all_type(devices, 60, seed=1)
    await assert_settled(host, server.dsn, session, devices)


async def test_each_sees_the_presence_of_the_others(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    devices = await open_four(host, server, session)
    for device in devices:
        await device.call("present", state={"label": device.id})
    for device in devices:
        for other in devices:
            if other is not device:
                await device.wait(present={"label": other.id})
    await devices[0].call("close")
    for device in devices[1:]:
        await device.wait(others=2)


async def test_a_returning_device_receives_only_what_it_missed(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    devices = await open_four(host, server, session)
    await devices[0].edit((0, 0, LONG))
    for device in devices:
        await device.call("present", state={"label": device.id})
    await host.equal(devices)
    await host.each("offline", devices)
    await host.wait_all(devices, connected=False)
    await all_type(devices, 25, seed=7)
    assert len({await device.text() for device in devices}) == len(devices)
    await host.each("mark", devices)
    await host.each("online", devices)
    await assert_settled(host, server.dsn, session, devices)
    await host.wait_all(devices, others=3)
    for device in devices:
        received = (await device.summary())["received"]
        assert received["bytes"] < MISSED_BYTES, (device.id, received)


async def test_the_libraries_own_backoff_brings_a_cut_device_back(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    dialects = ("y-websocket", "hocuspocus")
    devices = await host.open_all(
        dialects, server.url, session, server.token("alice"), impatient=False
    )
    await host.wait_all(devices, synced=True)
    await host.each("cut", devices)
    await host.wait_all(devices, connected=False)
    for device in devices:
        await device.edit((0, 0, f"typed in the tunnel by {device.id}\n"))
    await assert_settled(host, server.dsn, session, devices)
