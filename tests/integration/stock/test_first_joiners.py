"""Many devices open a session that nobody has opened before."""

import asyncpg
import pytest

from devices import DeviceHost
from servers import SegueServer
from settled import assert_settled

pytestmark = pytest.mark.anyio

COUNT = "SELECT count(*) FROM sessions WHERE id = $1"


@pytest.mark.parametrize("count", [2, 50])
async def test_all_sync_one_row_is_made_and_the_first_message_is_kept(
    host: DeviceHost, server: SegueServer, session: str, count: int
) -> None:
    dialects = ["y-websocket", "hocuspocus"] * (count // 2)
    devices = await host.open_all(dialects, server.url, session, server.token("alice"))
    # Before any of them is connected: what is typed first must survive the creation.
    for number, device in enumerate(devices):
        await device.put("facts", [f"device-{number}"], number)
    await host.wait_all(devices, 40, synced=True, keys={"root": "facts", "count": count})
    await assert_settled(host, server.dsn, session, devices)
    for device in devices:
        summary = await device.summary()
        assert summary["opened"] == 1, summary
    connection = await asyncpg.connect(server.dsn)
    try:
        assert await connection.fetchval(COUNT, session) == 1
    finally:
        await connection.close()
