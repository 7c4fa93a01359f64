"""Which process does what: only the workers may hold the CRDT, and they give its memory back."""

import psutil
import pytest

from devices import DeviceHost
from servers import SegueServer
from settled import assert_settled

pytestmark = pytest.mark.anyio


def has_loaded(process: psutil.Process, library: str) -> bool:
    return any(library in each.path for each in process.memory_maps())


async def test_the_hub_process_never_loads_the_crdt(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    token = server.token("alice")
    devices = await host.open_all(("y-websocket", "hocuspocus"), server.url, session, token)
    await host.wait_all(devices, synced=True)
    await devices[0].call("type", root="text", seed=1, count=20)
    await assert_settled(host, server.dsn, session, devices)
    assert server.process is not None
    assert not has_loaded(psutil.Process(server.process.pid), "pycrdt")
    assert all(has_loaded(worker, "pycrdt") for worker in server.workers())
