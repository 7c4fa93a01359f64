"""The statement that makes updates durable: claims the next position of many documents at once.

A claim is a compare-and-set on the document's row, so commit order is position order, and whoever
is behind, deleted or of another generation is refused by the row itself. One statement, outside of
a transaction block: it commits as a whole when it ends.

Rows that somebody else holds (a snapshot being stored, a deletion, another node) are skipped and
reported as busy: no document waits for another's lock, and no two writers can deadlock.

What isn't claimed is looked up. That is also how a lost reply is resolved: the claim is simply
made again. If the first attempt was committed, the second is refused, and the row at that position
carries our own mark. An attempt that is still running inside a server that stopped answering holds
the document's lock, and is waited for as busy. So no attempt is ever counted as failed while it
could still succeed, and none can succeed twice.

Each claim holds the node's lease (see `lease`) until it is committed: of a node that was deposed none
is made, not even one that was sent before.

One row can't be found: an own one whose reply was lost and which another node compacted before the
look-up. It counts as a conflict; the state that is loaded then holds its updates, and checking them
again finds no news.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import asyncpg

from segue.errors import ConfigurationError
from segue.ids import DocumentId
from segue.storage.database import OUTAGE, Connection, Database, unavailable

# The order of ids is for the nodes of a later version that may wait for locks instead.
CLAIM: Final = """
WITH lease AS (
    SELECT 1 FROM leases WHERE name = 'node' AND epoch = $7 FOR SHARE
), wanted AS (
    SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bytea[])
        AS wanted (document, generation, last, batch, payload)
), locked AS (
    SELECT d.id, wanted.last + 1 AS position, wanted.batch, wanted.payload
    FROM lease CROSS JOIN wanted JOIN documents d ON d.id = wanted.document
    WHERE d.position = wanted.last AND d.generation = wanted.generation AND d.deleted_at IS NULL
    ORDER BY d.id
    FOR NO KEY UPDATE OF d SKIP LOCKED
), claimed AS (
    UPDATE documents d SET position = locked.position, last_active_at = now()
    FROM locked WHERE d.id = locked.id
    RETURNING d.id, d.position, locked.batch, locked.payload
)
INSERT INTO updates (document, position, writer, batch, payload)
SELECT id, position, $6, batch, payload FROM claimed
RETURNING batch
"""

# For each claim that was not made: did an earlier attempt of it, and could it still be made, by us?
LOOK_UP: Final = """
SELECT wanted.batch,
       coalesce(u.writer = $5 AND u.batch = wanted.batch, false) AS ours,
       coalesce(d.position = wanted.last AND d.generation = wanted.generation
                AND d.deleted_at IS NULL, false) AS free,
       EXISTS (SELECT 1 FROM leases WHERE name = 'node' AND epoch = $6) AS held
FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[])
    AS wanted (document, generation, last, batch)
LEFT JOIN documents d ON d.id = wanted.document
LEFT JOIN updates u ON u.document = wanted.document AND u.position = wanted.last + 1
"""

# A plan made for the arrays at hand costs more than it can gain. One that is made while the table is
# small, and kept, reads the whole table for each commit until Postgres analyses it.
FIXED_PLANS: Final = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off"

REFUSED_ROW: Final = (
    ValueError,  # asyncpg can't encode it
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.InternalServerError,  # a damaged page or index
)
"""What one document's row can cause; repeating it gives the same."""


class RowRefused(Exception):
    """Postgres will never take one of these rows; none of them was written."""


class Outcome(Enum):
    """What became of a claim."""

    COMMITTED = auto()
    CONFLICT = auto()
    """Not written, and never will be."""
    BUSY = auto()
    """Not written yet: somebody holds the document. Claim again."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that wants to be the one behind `last`. `batch` is unique in one writer's life."""

    document: DocumentId
    generation: int
    last: int
    batch: int
    payload: bytes


class ClaimWriter:
    """Makes claims on a connection of its own, opened when needed, dropped when in doubt."""

    def __init__(self, database: Database, writer: int, *, statement_s: float = 15) -> None:
        """Names the writer by a random 63-bit number, a new one for each life of the process.

        A name that came again (a host's, say) could take an older life's row for its own.
        """
        self._database = database
        self._writer = writer
        self._statement_s = statement_s
        self._connection: Connection | None = None

    async def write(self, claims: Sequence[Claim]) -> list[Outcome]:
        """Makes all claims in one statement; each has its own outcome, in the order given.

        Cancelling it leaves the outcome unknown: claim again.

        Raises:
            Deposed: another node has taken the lease; what has no row yet will never have one of ours.
            RowRefused: one of the rows is impossible; none was written by this attempt.
            StorageUnavailable: the outcome is unknown: claim again.
        """
        epoch = self._database.lease.epoch
        try:
            connection = await self._connected()
            claimed = await self._claim(connection, claims, epoch)
            open_claims = [claim for claim in claims if claim.batch not in claimed]
            found = await self._look_up(connection, open_claims, epoch) if open_claims else {}
        except (*OUTAGE, asyncpg.PostgresError, ConfigurationError) as error:
            self.close()
            raise unavailable(error) from error
        return [found.get(claim.batch, Outcome.COMMITTED) for claim in claims]

    def close(self) -> None:
        """Drops the connection; the next claim opens another."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            connection = await self._database.connect("writer", command_s=self._statement_s)
            self._connection = connection
            await connection.execute(FIXED_PLANS)
        return self._connection

    async def _claim(self, connection: Connection, claims: Sequence[Claim], epoch: int) -> set[int]:
        payloads = [claim.payload for claim in claims]
        try:
            rows = await connection.fetch(CLAIM, *_columns(claims), payloads, self._writer, epoch)
        except REFUSED_ROW as error:
            # Its text is left out: it may quote the row.
            raise RowRefused(type(error).__name__) from error
        return {row["batch"] for row in rows}

    async def _look_up(
        self, connection: Connection, claims: Sequence[Claim], epoch: int
    ) -> dict[int, Outcome]:
        rows = await connection.fetch(LOOK_UP, *_columns(claims), self._writer, epoch)
        if any(row["free"] and not row["held"] for row in rows):
            raise self._database.lease.refused(epoch)
        return {row["batch"]: _outcome(ours=row["ours"], free=row["free"]) for row in rows}


def _columns(claims: Sequence[Claim]) -> tuple[list[str], list[int], list[int], list[int]]:
    return (
        [claim.document for claim in claims],
        [claim.generation for claim in claims],
        [claim.last for claim in claims],
        [claim.batch for claim in claims],
    )


def _outcome(*, ours: bool, free: bool) -> Outcome:
    if ours:
        return Outcome.COMMITTED
    return Outcome.BUSY if free else Outcome.CONFLICT
