"""Connections that only cost: thousands that say nothing, and more sockets than one may have."""

import asyncio
import resource
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest

from raw_websocket import HANDSHAKE, RawWebSocket
from segue.http.requests import MAX_SILENT
from servers import PostgresServer, SegueServer
from waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

SILENT = 2_500
SOCKETS = 300
LIMIT = 50
MAX_GROWTH_BYTES = 40 << 20

ELSEWHERE = b"X-Forwarded-For: 198.51.100.7\r\n"


def connections_of(server: SegueServer) -> int:
    """Counts the connections that the server has open on its port."""
    assert server.process is not None
    found = psutil.Process(server.process.pid).net_connections("tcp")
    return sum(each.status == "ESTABLISHED" and each.laddr.port == server.port for each in found)


def memory_bytes(server: SegueServer) -> int:
    assert server.process is not None
    return int(psutil.Process(server.process.pid).memory_info().rss)


async def answer_of(reader: asyncio.StreamReader) -> bytes:
    return (await reader.readline()).strip()


async def test_they_are_refused_and_others_come_in(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < SILENT + 1_000:
        pytest.skip(f"only {most} files may be open here")
    async with (
        SegueServer.started(
            tmp_path,
            database_url=await postgres.new_database(),
            SEGUE_MAX_SOCKETS_PER_ADDRESS=str(LIMIT),
        ) as server,
        AsyncExitStack() as stack,
    ):
        before = memory_bytes(server)
        path = f"/v1/sync/talk?token={server.token('alice')}"

        async def connect(request: bytes) -> asyncio.StreamReader:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            stack.callback(lambda: writer.transport.abort())  # a writer that is let go closes
            writer.write(request)
            return reader

        for _ in range(SILENT):
            await connect(b"")
        assert connections_of(server) <= MAX_SILENT + LIMIT
        handshake = HANDSHAKE % (path.encode(), b"")
        answers = [await answer_of(await connect(handshake)) for _ in range(SOCKETS)]
        assert answers.count(b"HTTP/1.1 101 Switching Protocols") == LIMIT
        assert answers.count(b"HTTP/1.1 503 Service Unavailable") == SOCKETS - LIMIT
        assert memory_bytes(server) - before < MAX_GROWTH_BYTES
        async with RawWebSocket.connected(server.port, path, headers=ELSEWHERE) as client:
            await client.accepted()
        await stack.aclose()
        await until(lambda: connections_of(server) == 0)
        async with RawWebSocket.connected(server.port, path) as client:
            await client.accepted()
        assert "Traceback" not in server.log.read_text()
