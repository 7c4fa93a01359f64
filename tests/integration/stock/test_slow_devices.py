"""A device that reads nothing for a while costs nobody anything, and is caught up with one state."""

import pytest

from devices import DeviceHost
from servers import SegueServer
from settled import assert_settled

pytestmark = pytest.mark.anyio

REWRITES = 500
SIZE = 64_000
"""Of a value that is written anew each time: 32 MB pass, and 64 kB are left."""

UNREAD_BYTES = 16_000_000
"""More than the kernels on both sides and the server's mark hold back; half of what passes."""


@pytest.mark.parametrize("dialect", ["y-websocket", "hocuspocus"])
async def test_it_misses_the_flood_and_gets_the_state(
    host: DeviceHost, server: SegueServer, session: str, dialect: str
) -> None:
    dialects = (dialect, "y-websocket", "hocuspocus")
    sleeper, writer, reader = devices = await host.open_all(
        dialects, server.url, session, server.token("alice")
    )
    await host.wait_all(devices, synced=True)
    await sleeper.call("pause")
    await host.each("mark", [sleeper])
    for number in range(REWRITES):
        await writer.put("facts", ["big"], f"{number}:" + "x" * SIZE)
    await writer.wait(40, settled=True)
    await host.equal([writer, reader])
    await sleeper.call("resume")
    await assert_settled(host, server.dsn, session, devices)
    summary = await sleeper.summary()
    assert summary["opened"] == 1
    assert summary["received"]["bytes"] < UNREAD_BYTES, summary["received"]
