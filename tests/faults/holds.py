"""Stops Postgres at a step of its work, so that something can be killed right there.

A failpoint without a line of it in the product: a trigger waits for a lock that the test holds.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal, get_args

import asyncpg

from databases import connected
from waiting import until_it_is

Step = Literal["commit", "snapshot written", "rows removed", "position moved", "snapshot commit"]

STEPS: Final[dict[Step, str]] = {
    "commit": "CONSTRAINT TRIGGER hold AFTER INSERT ON updates DEFERRABLE INITIALLY DEFERRED FOR EACH ROW",
    "snapshot written": "TRIGGER hold AFTER INSERT OR UPDATE ON snapshots FOR EACH ROW",
    "rows removed": "TRIGGER hold AFTER DELETE ON updates FOR EACH STATEMENT",
    "position moved": "TRIGGER hold AFTER UPDATE OF snapshot_position ON documents FOR EACH ROW",
    "snapshot commit": "CONSTRAINT TRIGGER hold AFTER INSERT OR UPDATE ON snapshots"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW",
}
OF_A_COMPACTION: Final[tuple[Step, ...]] = get_args(Step)[1:]

FUNCTION: Final = """
CREATE OR REPLACE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END'
"""
HELD: Final = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted"


class Hold:
    """Whoever comes to the step waits there."""

    def __init__(self, sql: asyncpg.Connection) -> None:
        self._sql = sql

    async def reached(self) -> None:
        """Returns once somebody waits."""

        async def look() -> bool:
            return bool(await self._sql.fetch(HELD))

        await until_it_is(look, timeout_s=60)

    async def terminate(self) -> None:
        """Ends the sessions that wait."""
        await self._sql.execute(f"SELECT pg_terminate_backend(pid) FROM ({HELD}) AS held")


@asynccontextmanager
async def hold(dsn: str, step: Step) -> AsyncIterator[Hold]:
    """Holds whoever comes to a step, until the end of the block."""
    async with connected(dsn) as sql:
        await sql.execute("SELECT pg_advisory_lock(42)")
        await sql.execute(FUNCTION)
        await sql.execute(f"CREATE {STEPS[step]} EXECUTE FUNCTION hold()")
        try:
            yield Hold(sql)
        finally:
            # Where Postgres was killed, the lock is gone with it.
            with suppress(asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError):
                await sql.execute("SELECT pg_advisory_unlock(42)")
    async with connected(dsn) as sql:
        table = STEPS[step].partition(" ON ")[2].split()[0]
        await sql.execute(f"DROP TRIGGER hold ON {table}")
