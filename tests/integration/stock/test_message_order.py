"""Messages of stock clients: one order, the same everywhere, given once, whatever the network did."""

from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from devices import Device, DeviceHost
from servers import SegueServer

pytestmark = pytest.mark.anyio


async def open_two(host: DeviceHost, server: SegueServer, session: str) -> list[Device]:
    devices = await host.open_all(
        ("y-websocket", "hocuspocus"), server.url, session, server.token("alice")
    )
    await host.wait_all(devices, synced=True)
    return devices


async def say(device: Device, message: str, **fields: Any) -> None:
    part = {"type": "text", "text": {"$text": f"This is {message}."}}
    author = {"$json": {"kind": "user", "id": "alice"}}
    value = {"role": "user", "author": author, "parts": {"0": part}, **fields}
    await device.put("messages", [message], value)


async def ask(device: Device, request: str, kind: str, target: str) -> None:
    value = {"$json": {"kind": kind, "target": target, "by": "alice"}}
    await device.put("requests", [request], value)


def path_in(roots: Mapping[str, Any]) -> list[str]:
    """History as a client reads it: from the head to the root."""
    messages, path = roots["messages"], []
    message = roots["session"]["head"]
    while message is not None:
        path.append(message)
        message = messages[message]["parent"]
    return path[::-1]


async def settled_path(host: DeviceHost, devices: list[Device]) -> list[str]:
    await host.wait_all(devices, synced=True)
    await host.equal(devices)
    first, *others = [path_in(await device.roots()) for device in devices]
    assert all(other == first for other in others)
    return first


async def test_sent_in_the_same_instant_they_follow_one_another(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    devices = await open_two(host, server, session)
    for round_ in range(10):
        async with anyio.create_task_group() as tasks:
            for name, device in zip("ab", devices, strict=True):
                tasks.start_soon(say, device, f"{name}{round_}")
    await host.wait_all(devices, keys={"root": "messages", "count": 20})
    path = await settled_path(host, devices)
    for name in "ab":
        assert [m for m in path if m[0] == name] == [f"{name}{n}" for n in range(10)]
    assert len(path) == 20
    seqs = [(await devices[0].roots())["messages"][message]["seq"] for message in path]
    assert seqs == list(range(1, 21))


@pytest.mark.parametrize("stale", [0, 1])
async def test_a_stale_device_removes_nothing_and_lands_at_the_end(
    host: DeviceHost, server: SegueServer, session: str, stale: int
) -> None:
    devices = await open_two(host, server, session)
    sleeper, awake = devices[stale], devices[1 - stale]
    for number in range(1, 4):
        await say(awake, f"m{number}")
    await host.wait_all(devices, keys={"root": "messages", "count": 3})
    await sleeper.call("pause")
    for number in range(4, 11):
        await say(awake, f"m{number}")
    await say(sleeper, "late")
    await sleeper.call("resume")
    await host.wait_all(devices, keys={"root": "messages", "count": 11})
    path = await settled_path(host, devices)
    assert [m for m in path if m != "late"] == [f"m{number}" for number in range(1, 11)]
    assert "late" in path


async def test_what_was_written_offline_comes_behind_what_others_wrote(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    await say(phone, "m1")
    await host.wait_all(devices, keys={"root": "messages", "count": 1})
    await host.each("offline", [phone])
    for number in (1, 2, 3):
        await say(phone, f"tunnel {number}")
    for number in (2, 3):
        await say(laptop, f"m{number}")
    await laptop.wait(saved=True)
    await host.each("online", [phone])
    await host.wait_all(devices, keys={"root": "messages", "count": 6})
    path = await settled_path(host, devices)
    assert path == ["m1", "m2", "m3", "tunnel 1", "tunnel 2", "tunnel 3"]


async def test_a_restart_keeps_the_order_and_goes_on_in_it(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    await say(phone, "m1")
    await say(phone, "m2")
    await laptop.wait(keys={"root": "messages", "count": 2})
    before = (await laptop.roots())["messages"]
    await server.restart()
    await say(laptop, "m3")
    await host.wait_all(devices, keys={"root": "messages", "count": 3})
    assert await settled_path(host, devices) == ["m1", "m2", "m3"]
    after = (await phone.roots())["messages"]
    assert {message: after[message] for message in before} == before


async def test_versions_are_switched_for_everybody_by_whoever_asks_last(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    await say(phone, "q")
    await say(phone, "a")
    await laptop.wait(keys={"root": "messages", "count": 2})
    await say(laptop, "q, better", supersedes="q")
    await phone.wait(keys={"root": "messages", "count": 3})
    assert await settled_path(host, devices) == ["q, better"]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, phone, "r1", "switch", "q")
        tasks.start_soon(ask, laptop, "r2", "switch", "q, better")
    await host.wait_all(devices, keys={"root": "requests", "count": 2})
    path = await settled_path(host, devices)
    requests = (await phone.roots())["requests"]
    assert {request["outcome"] for request in requests.values()} == {"done"}
    assert path in (["q", "a"], ["q, better"])
