"""A device that was asleep sends what builds on an old view: nothing that others wrote is touched."""

import pytest
from crowd import STOCKS, USER, Scene

from devices import Device, Stock
from http_client import HttpClient
from servers import new_session
from settled import assert_settled
from stored import read_stored

pytestmark = pytest.mark.anyio

KNOWN = 3
"""Messages that it had seen when it fell asleep."""

WRITTEN = 10


async def say(device: Device, message: str, **fields: str) -> None:
    part = {"type": "text", "text": {"$text": f"This is {message}."}}
    author = {"$json": {"kind": "user", "id": USER}}
    value = {"role": "user", "author": author, "parts": {"0": part}, **fields}
    await device.put("messages", [message], value)


async def open_apart(scene: Scene, sleeper: Stock, session: str) -> list[Device]:
    """Has one device write ten messages of which the other has seen three."""
    server = scene.server
    stocks = (sleeper, "hocuspocus")
    devices = await scene.host.open_all(stocks, server.url, session, server.token(USER))
    asleep, awake = devices
    await scene.host.wait_all(devices, synced=True)
    # Without an agent's answers there is one line of messages to compare with.
    await awake.put("session", ["settings"], {"$json": {"responder": "none"}})
    for number in range(KNOWN):
        await say(awake, f"m{number}")
    await asleep.wait(keys={"root": "messages", "count": KNOWN})
    await asleep.call("pause")
    for number in range(KNOWN, WRITTEN):
        await say(awake, f"m{number}")
    await awake.wait(saved=True)
    return devices


@pytest.mark.parametrize("dialect", STOCKS)
async def test_stale_device(scene: Scene, dialect: Stock) -> None:
    while scene.tally.left:
        session = new_session()
        asleep, awake = devices = await open_apart(scene, dialect, session)
        http = HttpClient(scene.server, scene.server.token(USER))
        path = f"/v1/sessions/{session}/messages"
        # Its socket has the rest in a buffer that it hasn't read; its request knows as little.
        await say(asleep, "by socket", parent=f"m{KNOWN - 1}")
        added = await http.ask("POST", path, {"id": "by-http", "text": "By HTTP."})
        assert added.status == 201, added
        await asleep.call("resume")
        await scene.host.wait_all(devices, keys={"root": "messages", "count": WRITTEN + 2})
        stored = await assert_settled(scene.host, scene.dsn, session, devices)
        page = await http.ask("GET", f"{path}?limit=50")
        shown = [message["id"] for message in page.json["messages"]]
        assert shown[:WRITTEN] == [f"m{number}" for number in range(WRITTEN)]
        assert sorted(shown[WRITTEN:]) == ["by socket", "by-http"]
        assert (await asleep.roots()) == (await awake.roots())
        assert stored == await read_stored(scene.dsn, session)
        scene.tally.acknowledged += (await awake.summary())["acknowledged"]
        for device in devices:
            await device.call("close")
        scene.tally.rounds += 1
