"""Reads what the server has really stored: rows and snapshots, past every cache of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from segue.document import snapshot as snapshots
from segue.storage.payload import decode_snapshot, decode_updates

LOCK_DOCUMENT = "SELECT position FROM documents WHERE id = $1 FOR UPDATE"
ROWS = "SELECT position, payload FROM updates WHERE document = $1 ORDER BY position"
SNAPSHOT = "SELECT position, payload FROM snapshots WHERE document = $1"


@dataclass(frozen=True, slots=True)
class Stored:
    """What a document is rebuilt from, as plain Yjs updates."""

    position: int
    snapshot_position: int
    updates: tuple[bytes, ...]


async def read_stored(dsn: str, document: str) -> Stored:
    """Reads the document as it is committed now."""
    async with frozen_log(dsn, document) as stored:
        return stored


@asynccontextmanager
async def frozen_log(dsn: str, document: str) -> AsyncIterator[Stored]:
    """Reads the document and lets nobody commit to it meanwhile."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            position = await connection.fetchval(LOCK_DOCUMENT, document)
            rows = await connection.fetch(ROWS, document)
            snapshot = await connection.fetchrow(SNAPSHOT, document)
            yield _stored(position or 0, rows, snapshot)
    finally:
        await connection.close()


def _stored(position: int, rows: list[asyncpg.Record], snapshot: asyncpg.Record | None) -> Stored:
    tail = [update.data for row in rows for update in decode_updates(row["payload"])]
    if snapshot is None:
        return Stored(position, 0, tuple(tail))
    base = snapshots.decode(decode_snapshot(snapshot["payload"])).state
    return Stored(position, snapshot["position"], (base, *tail))
