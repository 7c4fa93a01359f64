"""What is left of a document when its last device has gone: a snapshot in the database, no memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from devices import DeviceHost
from servers import PostgresServer, SegueServer, new_session
from waiting import until_folded

pytestmark = pytest.mark.anyio

TEXT = "what somebody wrote, " * 30_000
"""600 kB. A worker that keeps its documents grows by 20 MB from the first half of the rounds to the second."""

ROUNDS = 60
MAX_GROWTH_BYTES = 10_000_000


@pytest.fixture(scope="module")
async def server(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SegueServer]:
    """A server whose rooms end at once when nobody is in them."""
    folder: Path = tmp_path_factory.mktemp("server")
    address = await postgres.new_database()
    async with SegueServer.started(
        folder, database_url=address, SEGUE_ROOM_GRACE="20ms", SEGUE_WORKERS="1"
    ) as started:
        yield started


def memory_bytes(server: SegueServer) -> int:
    assert server.process is not None
    family = [psutil.Process(server.process.pid), *server.workers()]
    return sum(process.memory_full_info().uss for process in family)


async def visit(host: DeviceHost, server: SegueServer, session: str) -> None:
    """Writes into a session and leaves it, and waits until the room has ended."""
    device = await host.open("hocuspocus", server.url, session, server.token("alice"))
    await device.wait(synced=True)
    await device.edit((0, 0, TEXT))
    await device.wait(saved=True)
    await device.call("close")
    await until_folded(server.dsn, session)


async def test_its_log_is_one_snapshot_and_its_memory_is_given_back(
    host: DeviceHost, server: SegueServer
) -> None:
    before = 0
    for number in range(ROUNDS):
        await visit(host, server, new_session())
        if number == ROUNDS // 2:
            before = memory_bytes(server)
    grown = memory_bytes(server) - before
    assert grown < MAX_GROWTH_BYTES, f"{grown:,} bytes"
