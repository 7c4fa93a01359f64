"""A stored byte has changed: nobody is shown something else, nothing is overwritten, an operator is told."""

import random
from pathlib import Path

import asyncpg
import pytest
from tally import Tally

from databases import connected
from devices import DeviceHost
from servers import PostgresServer, SegueServer, new_session
from waiting import until_folded

pytestmark = pytest.mark.anyio

STORY = "It was a dark and stormy night; the rain fell in torrents. " * 20
AT_ONCE = 8

READ = {
    "snapshots": "SELECT payload FROM snapshots WHERE document = $1",
    "updates": "SELECT payload FROM updates WHERE document = $1 AND position = 1",
}
WRITE = {
    "snapshots": "UPDATE snapshots SET payload = $2 WHERE document = $1",
    "updates": "UPDATE updates SET payload = $2 WHERE document = $1 AND position = 1",
}


async def store_stories(
    host: DeviceHost, server: SegueServer, table: str, sessions: list[str]
) -> None:
    for session in sessions:
        writer = await host.open("hocuspocus", server.url, session, server.token("alice"))
        await writer.edit((0, 0, STORY))
        await writer.wait(saved=True)
        if table == "updates":
            continue
        await writer.call("close")
        await until_folded(server.dsn, session)


async def flip_a_byte(
    sql: asyncpg.Connection, table: str, session: str, fate: random.Random
) -> bytes:
    payload = bytearray(await sql.fetchval(READ[table], session))
    payload[fate.randrange(len(payload))] ^= 1 << fate.randrange(8)
    await sql.execute(WRITE[table], session, bytes(payload))
    return bytes(payload)


@pytest.mark.parametrize("table", READ)
async def test_flipped_bit_in(
    host: DeviceHost,
    own_postgres: PostgresServer,
    tmp_path: Path,
    tally: Tally,
    rounds: int,
    table: str,
) -> None:
    fate = random.Random(table)
    address = await own_postgres.new_database()
    async with (
        SegueServer.started(tmp_path, database_url=address, SEGUE_ROOM_GRACE="20ms") as server,
        connected(address) as sql,
    ):
        while tally.rounds < rounds:
            sessions = [new_session() for _ in range(AT_ONCE)]
            await store_stories(host, server, table, sessions)
            tally.acknowledged += len(sessions)
            server.kill()
            await host.close_all()
            damaged = [await flip_a_byte(sql, table, session, fate) for session in sessions]
            await server.start()
            token = server.token("alice")
            readers = [
                await host.open("y-websocket", server.url, session, token) for session in sessions
            ]
            for reader, session, payload in zip(readers, sessions, damaged, strict=True):
                await reader.wait(closed=1)
                (close, *_) = await reader.call("closes")
                assert close["code"] == 4504, close
                assert await reader.text() == ""
                assert await sql.fetchval(READ[table], session) == payload
                assert session in server.log.read_text()
            await host.close_all()
            tally.rounds += 1
