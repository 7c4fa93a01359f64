"""The update log in Postgres: loading, committing, compacting."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog

from segue.errors import Deleted, Forbidden, Quarantined
from segue.ids import DocumentId
from segue.storage.database import Database
from segue.storage.group_commit import GroupCommit
from segue.storage.payload import (
    CorruptPayload,
    decode_snapshot,
    decode_updates,
    encode_snapshot,
)
from segue.storage.ports import Base, BatchSource

log = structlog.get_logger()

# One statement sees one state of the database. In two, a compaction in between would take away the
# rows that the first one's snapshot doesn't hold yet.
LOAD: Final = """
WITH document AS (SELECT * FROM documents WHERE id = $1)
SELECT 'document' AS part, position, generation, snapshot_position, deleted_at, NULL AS payload
FROM document
UNION ALL
(SELECT 'snapshot', position, generation, NULL, NULL, payload
 FROM snapshots WHERE document = $1 ORDER BY position DESC LIMIT 1)
UNION ALL
SELECT 'update', updates.position, NULL, NULL, NULL, payload
FROM updates JOIN document ON updates.document = document.id
WHERE updates.document = $1 AND updates.position > document.snapshot_position
"""

# With the snapshot before the last one, and what stands between the two: for when the last is damaged.
LOAD_ALL: Final = """
SELECT 'document' AS part, position, generation, snapshot_position, deleted_at, NULL AS payload
FROM documents WHERE id = $1
UNION ALL
SELECT 'snapshot', position, generation, NULL, NULL, payload FROM snapshots WHERE document = $1
UNION ALL
SELECT 'update', position, NULL, NULL, NULL, payload FROM updates WHERE document = $1
"""

# All or nothing, as it is one statement. `document` locks the row that every claim needs, and waits
# for whoever holds it. The statement sees every row up to $3: they were committed before the caller
# could know of them. What is older than the snapshot before this one ($5) goes.
SAVE_SNAPSHOT: Final = """
WITH document AS (
    SELECT id FROM documents
    WHERE id = $1 AND generation = $2 AND deleted_at IS NULL
      AND snapshot_position < $3 AND $3 <= position
    FOR NO KEY UPDATE
), stored AS (
    INSERT INTO snapshots (document, generation, position, payload)
    SELECT id, $2, $3, $4 FROM document
), outdated AS (
    DELETE FROM snapshots USING document
    WHERE snapshots.document = document.id AND snapshots.position < $5
), covered AS (
    DELETE FROM updates USING document
    WHERE updates.document = document.id AND updates.position <= $5
)
UPDATE documents SET snapshot_position = $3 FROM document WHERE documents.id = document.id
RETURNING documents.id
"""


# Likewise. Both numbers are raised, so that no claim made for the former generation can succeed.
REWRITE: Final = """
WITH document AS (
    SELECT id FROM documents
    WHERE id = $1 AND generation = $2 AND position = $3 AND deleted_at IS NULL
    FOR NO KEY UPDATE
), outdated AS (
    DELETE FROM snapshots USING document WHERE snapshots.document = document.id
), covered AS (
    DELETE FROM updates USING document WHERE updates.document = document.id
), stored AS (
    INSERT INTO snapshots (document, generation, position, payload)
    SELECT id, $2 + 1, $3 + 1, $4 FROM document
)
UPDATE documents SET generation = $2 + 1, position = $3 + 1, snapshot_position = $3 + 1
FROM document WHERE documents.id = document.id
RETURNING documents.id
"""


_QUARANTINED: Final = (
    "The server can't open this document safely: what is stored of it is damaged. "
    "Nothing is overwritten; an operator has been told, and has to look at the log."
)


class PostgresUpdateLog:
    """`UpdateLog` on Postgres."""

    def __init__(self, database: Database, commits: GroupCommit) -> None:
        self._database = database
        self._commits = commits

    async def load(self, document: DocumentId) -> Base:
        """See `UpdateLog.load`.

        Raises:
            Deleted: the document is a tombstone.
            Forbidden: no such document was ever registered.
            Quarantined: what is stored doesn't fit together; the log says what.
            StorageUnavailable: Postgres can't be asked right now.
        """
        try:
            return _last_base(await self._read(LOAD, document))
        except CorruptPayload:
            log.exception("storage.corrupt", document=document)
        try:
            base = _previous_base(await self._read(LOAD_ALL, document))
        except CorruptPayload as error:
            raise Quarantined(_QUARANTINED) from error
        served_from = base.snapshot_position
        log.error("storage.previous_serves", document=document, snapshot_position=served_from)
        return base

    async def _read(self, query: str, document: DocumentId) -> "_Stored":
        return _stored(await self._database.run(lambda sql: sql.fetch(query, document)))

    def enqueue(self, source: BatchSource) -> None:
        """See `UpdateLog.enqueue`."""
        self._commits.enqueue(source)

    async def rewrite(
        self, document: DocumentId, generation: int, position: int, snapshot: bytes
    ) -> bool:
        """See `UpdateLog.rewrite`."""
        return await self._save(REWRITE, document, generation, position, encode_snapshot(snapshot))

    async def save_snapshot(
        self, document: DocumentId, generation: int, position: int, snapshot: bytes, previous: int
    ) -> bool:
        """See `UpdateLog.save_snapshot`."""
        payload = encode_snapshot(snapshot)
        return await self._save(SAVE_SNAPSHOT, document, generation, position, payload, previous)

    async def _save(self, statement: str, *values: object) -> bool:
        saved = await self._database.write(lambda sql: sql.fetchval(statement, *values))
        return saved is not None


@dataclass(frozen=True, slots=True)
class _Stored:
    """The rows of a document: its own, its snapshots from the last one on, its updates in order."""

    head: asyncpg.Record
    snapshots: Sequence[asyncpg.Record]
    updates: Sequence[asyncpg.Record]


def _stored(rows: Sequence[asyncpg.Record]) -> _Stored:
    head = next((row for row in rows if row["part"] == "document"), None)
    if head is None:
        raise Forbidden("There is no such document, or you have no right to it.")
    if head["deleted_at"] is not None:
        raise Deleted("This document was deleted.")
    rows = sorted(rows, key=lambda row: int(row["position"]))
    return _Stored(
        head,
        [row for row in reversed(rows) if row["part"] == "snapshot"],
        [row for row in rows if row["part"] == "update"],
    )


def _last_base(stored: _Stored) -> Base:
    """Builds on the last snapshot, which the document's row tells."""
    snapshot = next(iter(stored.snapshots), None)
    covered, due = _position(snapshot), stored.head["snapshot_position"]
    if covered != due:
        raise CorruptPayload(f"a snapshot to {due} is due, found {covered}")
    return _base(stored, snapshot)


def _previous_base(stored: _Stored) -> Base:
    """Builds on the snapshot before the last one, or on nothing: whichever the first row follows."""
    first = stored.updates[0]["position"] if stored.updates else 0
    found = (row for row in stored.snapshots if row["position"] == first - 1)
    return _base(stored, next(found, None))


def _base(stored: _Stored, snapshot: asyncpg.Record | None) -> Base:
    """Builds on a snapshot, and refuses what lacks a part: what is missing would look deleted."""
    head, covered = stored.head, _position(snapshot)
    if snapshot and snapshot["generation"] != head["generation"]:
        raise CorruptPayload(f"the snapshot is of generation {snapshot['generation']}")
    tail = [row for row in stored.updates if row["position"] > covered]
    if [row["position"] for row in tail] != list(range(covered + 1, head["position"] + 1)):
        raise CorruptPayload(
            f"rows {covered + 1} to {head['position']} are due, found {len(tail)} others"
        )
    return Base(
        generation=head["generation"],
        position=head["position"],
        snapshot=decode_snapshot(snapshot["payload"]) if snapshot else None,
        updates=tuple(update for row in tail for update in decode_updates(row["payload"])),
        snapshot_position=covered,
    )


def _position(snapshot: asyncpg.Record | None) -> int:
    return snapshot["position"] if snapshot else 0
