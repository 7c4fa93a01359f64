"""Reads what the server has really stored: rows and snapshots, past every cache of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from databases import connected
from segue.document import snapshot as snapshots
from segue.storage.payload import decode_snapshot, decode_updates

LOCK_DOCUMENT = "SELECT position FROM documents WHERE id = $1 FOR UPDATE"
ROWS = "SELECT position, payload FROM updates WHERE document = $1 ORDER BY position"
SNAPSHOT = """
SELECT position, payload FROM snapshots WHERE document = $1 ORDER BY position DESC LIMIT 1
"""

# Every row that was ever committed, also those that a compaction has removed since.
KEEP_ALL = """
CREATE TABLE audit (document text, position bigint, payload bytea, PRIMARY KEY (document, position));
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO audit VALUES (NEW.document, NEW.position, NEW.payload); RETURN NULL; END';
CREATE TRIGGER audit AFTER INSERT ON updates FOR EACH ROW EXECUTE FUNCTION audit();
"""
ALL_ROWS = "SELECT payload FROM audit WHERE document = $1 ORDER BY position"


@dataclass(frozen=True, slots=True)
class Stored:
    """What a document is rebuilt from, as plain Yjs updates."""

    position: int
    snapshot_position: int
    updates: tuple[bytes, ...]


async def keep_all_rows(dsn: str) -> None:
    """Has every row kept from now on, for `read_all_rows`."""
    async with connected(dsn) as connection:
        await connection.execute(KEEP_ALL)


async def read_all_rows(dsn: str, document: str) -> tuple[bytes, ...]:
    """Gives all updates that were ever committed to the document, in their order."""
    async with connected(dsn) as connection:
        rows = await connection.fetch(ALL_ROWS, document)
    return tuple(update.data for row in rows for update in decode_updates(row["payload"]))


async def read_stored(dsn: str, document: str) -> Stored:
    """Reads the document as it is committed now."""
    async with frozen_log(dsn, document) as stored:
        return stored


@asynccontextmanager
async def frozen_log(dsn: str, document: str) -> AsyncIterator[Stored]:
    """Reads the document and lets nobody commit to it meanwhile."""
    async with connected(dsn) as connection, connection.transaction():
        position = await connection.fetchval(LOCK_DOCUMENT, document)
        rows = await connection.fetch(ROWS, document)
        snapshot = await connection.fetchrow(SNAPSHOT, document)
        yield _stored(position or 0, rows, snapshot)


def _stored(position: int, rows: list[asyncpg.Record], snapshot: asyncpg.Record | None) -> Stored:
    covered = snapshot["position"] if snapshot else 0
    tail = [
        update.data
        for row in rows
        if row["position"] > covered
        for update in decode_updates(row["payload"])
    ]
    if snapshot is None:
        return Stored(position, 0, tuple(tail))
    base = snapshots.decode(decode_snapshot(snapshot["payload"])).state
    return Stored(position, covered, (base, *tail))
