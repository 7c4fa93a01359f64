"""The update log in Postgres: loading, committing, compacting."""

from collections.abc import Sequence
from typing import Final

import asyncpg
import structlog

from segue.errors import Deleted, Forbidden, Quarantined
from segue.ids import DocumentId
from segue.storage.database import AnyConnection, Database
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
SELECT 'document' AS part, position, generation, snapshot_position, deleted_at, NULL AS payload
FROM documents WHERE id = $1
UNION ALL
SELECT 'snapshot', position, generation, NULL, NULL, payload FROM snapshots WHERE document = $1
UNION ALL
SELECT 'update', position, NULL, NULL, NULL, payload FROM updates WHERE document = $1
"""

# All or nothing, as it is one statement. `document` locks the row that every claim needs, and waits
# for whoever holds it. The statement sees every row up to $3: they were committed before the caller
# could know of them.
SAVE_SNAPSHOT: Final = """
WITH document AS (
    SELECT id FROM documents
    WHERE id = $1 AND generation = $2 AND deleted_at IS NULL
      AND snapshot_position < $3 AND $3 <= position
    FOR NO KEY UPDATE
), stored AS (
    INSERT INTO snapshots (document, generation, position, payload)
    SELECT id, $2, $3, $4 FROM document
    ON CONFLICT (document) DO UPDATE
    SET generation = $2, position = $3, payload = $4, created_at = now()
), covered AS (
    DELETE FROM updates USING document
    WHERE updates.document = document.id AND updates.position <= $3
)
UPDATE documents SET snapshot_position = $3 FROM document WHERE documents.id = document.id
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
        rows = await self._database.run(lambda connection: connection.fetch(LOAD, document))
        try:
            return _base(rows)
        except CorruptPayload as error:
            log.exception("storage.corrupt", document=document)
            raise Quarantined(_QUARANTINED) from error

    def enqueue(self, source: BatchSource) -> None:
        """See `UpdateLog.enqueue`."""
        self._commits.enqueue(source)

    async def save_snapshot(
        self, document: DocumentId, generation: int, position: int, snapshot: bytes
    ) -> bool:
        """See `UpdateLog.save_snapshot`."""
        payload = encode_snapshot(snapshot)

        async def save(connection: AnyConnection) -> bool:
            saved = await connection.fetchval(
                SAVE_SNAPSHOT, document, generation, position, payload
            )
            return saved is not None

        return await self._database.run(save)


def _base(rows: Sequence[asyncpg.Record]) -> Base:
    head = next((row for row in rows if row["part"] == "document"), None)
    if head is None:
        raise Forbidden("There is no such document, or you have no right to it.")
    if head["deleted_at"] is not None:
        raise Deleted("This document was deleted.")
    snapshot = next((row for row in rows if row["part"] == "snapshot"), None)
    tail = sorted(
        (row for row in rows if row["part"] == "update"), key=lambda row: int(row["position"])
    )
    _check_whole(head, snapshot, [row["position"] for row in tail])
    return Base(
        generation=head["generation"],
        position=head["position"],
        snapshot=decode_snapshot(snapshot["payload"]) if snapshot else None,
        updates=tuple(update for row in tail for update in decode_updates(row["payload"])),
    )


def _check_whole(
    head: asyncpg.Record, snapshot: asyncpg.Record | None, positions: list[int]
) -> None:
    """Refuses to build a document from a part of its log: what is missing would look deleted."""
    covered = snapshot["position"] if snapshot else 0
    if covered != head["snapshot_position"]:
        raise CorruptPayload(f"a snapshot to {head['snapshot_position']} is due, found {covered}")
    if snapshot and snapshot["generation"] != head["generation"]:
        raise CorruptPayload(f"the snapshot is of generation {snapshot['generation']}")
    if positions != list(range(covered + 1, head["position"] + 1)):
        raise CorruptPayload(
            f"rows {covered + 1} to {head['position']} are due, found {len(positions)} others"
        )
