"""Devices that write and vanish in mid-frame: the others notice nothing."""

import random

import anyio
import psutil
import pytest
from pycrdt import Doc, Text
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode

from devices import DeviceHost
from servers import SegueServer
from settled import assert_settled

pytestmark = pytest.mark.anyio

TEARS = 500
AT_ONCE = 8


def an_update(text: str) -> bytes:
    """Gives the frame of a y-websocket client that wrote `text` into an empty document."""
    doc: Doc[Text] = Doc({"torn": Text(text)})
    update = doc.get_update()
    assert len(update) < 128
    return b"\x00\x02" + bytes([len(update)]) + update


async def write_and_vanish(address: str, fate: random.Random) -> None:
    async with connect(address, compression=None, max_size=None, ping_interval=None) as socket:
        if fate.random() < 0.5:
            await socket.send(an_update("whole "))
        tear(socket, an_update("never seen whole"), fate)


def tear(socket: ClientConnection, data: bytes, fate: random.Random) -> None:
    frame = Frame(Opcode.BINARY, data).serialize(mask=True)
    socket.transport.write(frame[: fate.randrange(1, len(frame))])
    if fate.random() < 0.5:
        socket.transport.abort()
    else:
        socket.transport.close()


async def test_500_torn_sockets_disturb_nobody(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    token = server.token("alice")
    devices = await host.open_all(("y-websocket", "hocuspocus"), server.url, session, token)
    await host.wait_all(devices, synced=True)
    assert server.process is not None
    before = {
        process.pid for process in psutil.Process(server.process.pid).children(recursive=True)
    }
    fate = random.Random(5)
    address = f"{server.url}/v1/sync/{session}?token={token}"
    # They type all the while, at a human speed.
    for number, device in enumerate(devices):
        await device.call("type", root="text", seed=number, hz=50)
    for _ in range(TEARS // AT_ONCE + 1):
        async with anyio.create_task_group() as tasks:
            for _ in range(AT_ONCE):
                tasks.start_soon(write_and_vanish, address, fate)
    for device in devices:
        await device.call("stop_typing")
    for device in devices:
        summary = await device.summary()
        assert summary["opened"] == 1
        assert summary["closes"] == []
    await assert_settled(host, server.dsn, session, devices)
    assert "never seen whole" not in await devices[0].text("torn")
    after = {process.pid for process in psutil.Process(server.process.pid).children(recursive=True)}
    assert after == before
