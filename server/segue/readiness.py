"""What a node that runs says in `/readyz`: of Postgres, of its migrations and of its workers."""

import asyncio
from collections.abc import Mapping
from typing import Final

from segue.errors import StorageUnavailable
from segue.http.health import OK, Checks
from segue.storage import migrations
from segue.storage.database import Database
from segue.storage.group_commit import GroupCommit
from segue.storage.node_lock import NodeLock
from segue.workers.pool import Pool

_PROBE_S: Final = 2.0


def always(checks: Mapping[str, str]) -> Checks:
    """Gives checks that always find the same."""

    async def find() -> Mapping[str, str]:
        return checks

    return find


async def check(
    database: Database, lock: NodeLock, commits: GroupCommit, pool: Pool
) -> Mapping[str, str]:
    """Gives by name `OK`, or a sentence why the node can't save edits now."""
    postgres, schema = await _check_schema(database)
    if postgres == OK and not lock.held:
        postgres = "The node has lost its lock on the database and tries to get it back."
    if postgres == OK and commits.stats.last_error is not None:
        postgres = "The database can't be written right now; edits wait, nothing is lost."
    workers = OK if pool.ready else "A document worker does not start. Read the node's log."
    return {"postgres": postgres, "migrations": schema, "workers": workers}


async def _check_schema(database: Database) -> tuple[str, str]:
    """Asks the database itself; a newer schema is no obstacle: during an upgrade it comes first."""
    unknown = "The schema can't be checked without the database."
    try:
        async with asyncio.timeout(_PROBE_S):
            found = await migrations.status(database)
    except (StorageUnavailable, TimeoutError):
        return "The database does not answer; edits wait, nothing is lost.", unknown
    missing = ", ".join((*found.pending, *found.altered))
    return OK, f"The database lacks {missing}. Run `segue migrate`." if missing else OK
