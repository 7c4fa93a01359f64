"""A device that is sent away to come back does so at a pace that a busy server can bear.

y-websocket 2.1 begins its waits anew whenever a socket opens, Hocuspocus 2.15 doesn't wait at all once it
has heard a word: told at once, they came back 10 and 160 times a second.
"""

import time
from collections.abc import AsyncIterator

import pytest

from devices import STOCK_CLIENTS, DeviceHost
from servers import PostgresServer, SegueServer

pytestmark = pytest.mark.anyio

OPENED = 3
LEAST_S = OPENED - 1.0
"""Each socket lives for a second at least."""


@pytest.fixture(scope="module")
async def server(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SegueServer]:
    """A server that has no room for the edits below, whenever they come."""
    folder = tmp_path_factory.mktemp("server")
    address = await postgres.new_database()
    async with SegueServer.started(
        folder, database_url=address, SEGUE_MAX_BACKLOG="16KiB"
    ) as started:
        yield started


async def test_an_overloaded_server_is_not_hammered(host: DeviceHost, server: SegueServer) -> None:
    begun = time.monotonic()
    devices = [
        await host.open(
            stock,
            server.url,
            f"of-{stock}",
            server.token("alice"),
            impatient=False,
            before=[[0, 0, "too much. " * 3_000]],
        )
        for stock in STOCK_CLIENTS
    ]
    for device in devices:
        summary = await device.wait(opened=OPENED)
        assert time.monotonic() - begun >= LEAST_S, device.id
        assert {closed["code"] for closed in summary["closes"]} == {1013}
        assert summary["unsynced"] > 0
        assert summary["stop"] is None
