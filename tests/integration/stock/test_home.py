"""Texts that two devices begin at once, and read markers."""

import random

import pytest

from devices import Device, DeviceHost
from servers import SegueServer
from settled import assert_settled

pytestmark = pytest.mark.anyio

RACES = 200


async def open_pair(host: DeviceHost, url: str, document: str, token: str) -> list[Device]:
    devices = await host.open_all(("y-websocket", "hocuspocus"), url, document, token)
    await host.wait_all(devices, synced=True)
    return devices


async def write_apart(host: DeviceHost, devices: list[Device], root: str) -> None:
    await host.each("offline", devices)
    for device in devices:
        await device.edit((0, 0, f"<{device.id} 😀>"), root=root)
    await host.each("online", devices)
    for device in devices:
        for other in devices:
            await device.wait(contains={"root": root, "text": f"<{other.id} 😀>"})


async def test_both_drafts_of_one_session_survive(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    user = f"user-{session}"
    devices = await open_pair(host, server.url, "home", server.token(user))
    await write_apart(host, devices, f"draft:{session}")
    await assert_settled(host, server.dsn, f"home:{user}", devices)


async def test_both_texts_of_one_artifact_survive(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    devices = await open_pair(host, server.url, session, server.token("alice"))
    await write_apart(host, devices, "artifact:itinerary")
    await assert_settled(host, server.dsn, session, devices)


async def test_homes_are_private(host: DeviceHost, server: SegueServer, session: str) -> None:
    mine, theirs = [
        await host.open("hocuspocus", server.url, "home", server.token(f"{name}-{session}"))
        for name in ("alice", "bob")
    ]
    await mine.edit((0, 0, "my draft"))
    await mine.wait(saved=True)
    await theirs.wait(synced=True, saved=True)
    assert await theirs.roots() == {}


async def test_read_markers_only_grow_through_200_races(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    token = server.token(f"user-{session}")
    devices = await open_pair(host, server.url, "home", token)
    reader = await host.open("y-websocket", server.url, "home", token)
    for device in (*devices, reader):
        await device.call("watch_marks", root="read")
    fate = random.Random(39)
    for mark in range(1, RACES + 1):
        if mark % 20 == 0:
            await host.each(fate.choice(["cut", "offline"]), [fate.choice(devices)])
        for device in fate.sample(devices, 2):
            await device.put("read", [f"{session}/{device.id}"], mark)
        if mark % 20 == 10:
            await host.each("online", devices)
    await host.each("online", devices)
    await host.equal([*devices, reader])
    marks = (await reader.roots())["read"]
    assert marks == {f"{session}/{device.id}": RACES for device in devices}
    for device in (*devices, reader):
        assert (await device.summary())["marks_fell"] == 0
