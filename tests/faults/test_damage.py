"""A stored byte has changed: nobody is shown something else, nothing is overwritten, an operator is told.

A damaged snapshot is stood in for by the one before it, and the rows since.
"""

import random
from pathlib import Path
from typing import Final, Literal

import asyncpg
import pytest
from tally import Tally

from databases import connected
from devices import Device, DeviceHost
from servers import PostgresServer, SegueServer, new_session
from stored import read_stored
from waiting import until_folded

pytestmark = pytest.mark.anyio

STORY = "It was a dark and stormy night; the rain fell in torrents. " * 20
AT_ONCE = 8

What = Literal["row", "last snapshot", "both snapshots"]

READ: Final[dict[What, str]] = {
    "row": "SELECT position, payload FROM updates WHERE document = $1 ORDER BY position DESC LIMIT 1",
    "last snapshot": "SELECT position, payload FROM snapshots WHERE document = $1"
    " ORDER BY position DESC LIMIT 1",
    "both snapshots": "SELECT position, payload FROM snapshots WHERE document = $1",
}
WRITE = "UPDATE {} SET payload = $3 WHERE document = $1 AND position = $2"


async def store_stories(
    host: DeviceHost, server: SegueServer, sessions: list[str], *, folded: bool
) -> None:
    """Has each session written to by two devices, one after the other."""
    for session in sessions:
        for _ in range(2):
            writer = await host.open("hocuspocus", server.url, session, server.token("alice"))
            await writer.wait(synced=True)
            await writer.edit((0, 0, STORY))
            await writer.wait(saved=True)
            await writer.call("close")
            if folded:
                await until_folded(server.dsn, session)


async def flip_a_byte(
    sql: asyncpg.Connection, what: What, session: str, fate: random.Random
) -> dict[int, bytes]:
    damaged = {}
    for row in await sql.fetch(READ[what], session):
        payload = bytearray(row["payload"])
        payload[fate.randrange(len(payload))] ^= 1 << fate.randrange(8)
        damaged[row["position"]] = bytes(payload)
        table = "updates" if what == "row" else "snapshots"
        await sql.execute(WRITE.format(table), session, row["position"], bytes(payload))
    return damaged


async def assert_told_that_it_cannot_be_opened(reader: Device) -> None:
    await reader.wait(closed=1)
    (close, *_) = await reader.call("closes")
    assert close["code"] == 4504, close
    assert await reader.text() == ""


@pytest.mark.share(1 / 10)
@pytest.mark.parametrize("what", READ)
async def test_flipped_bit_in(
    host: DeviceHost,
    own_postgres: PostgresServer,
    tmp_path: Path,
    tally: Tally,
    what: What,
) -> None:
    fate = random.Random(what)
    address = await own_postgres.new_database()
    folded = what != "row"
    settings = {"SEGUE_ROOM_GRACE": "20ms" if folded else "1h"}
    async with (
        SegueServer.started(tmp_path, database_url=address, **settings) as server,
        connected(address) as sql,
    ):
        while tally.left:
            sessions = [new_session() for _ in range(AT_ONCE)]
            await store_stories(host, server, sessions, folded=folded)
            tally.acknowledged += len(sessions)
            before = [
                await host.fold((await read_stored(address, session)).updates)
                for session in sessions
            ]
            server.kill()
            await host.close_all()
            damaged = [await flip_a_byte(sql, what, session, fate) for session in sessions]
            await server.start()
            token = server.token("alice")
            readers = [
                await host.open("y-websocket", server.url, session, token) for session in sessions
            ]
            for reader, session, found, bytes_then in zip(
                readers, sessions, before, damaged, strict=True
            ):
                if what == "last snapshot":
                    await reader.wait(synced=True)
                    hashes = await host.equal([reader])
                    assert hashes["content"] == found["content"]
                    assert hashes["state"] == found["state"]
                else:
                    await assert_told_that_it_cannot_be_opened(reader)
                kept = {
                    row["position"]: row["payload"] for row in await sql.fetch(READ[what], session)
                }
                assert kept == bytes_then
                assert session in server.log.read_text()
            await host.close_all()
            tally.rounds += 1
