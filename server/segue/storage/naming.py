"""Runs what has names of users and sessions in it, which Postgres may be unable to store."""

from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from segue.errors import InvalidName
from segue.storage.database import AnyConnection, Database, Result

_UNSTORABLE: Final = (ValueError, asyncpg.DataError, asyncpg.CheckViolationError)


async def write_with_names(
    database: Database, action: Callable[[AnyConnection], Awaitable[Result]]
) -> Result:
    """Runs an idempotent action in a transaction, as `Database.write`.

    Raises:
        InvalidName: Postgres can't store a name in it (a NUL, too long).
        StorageUnavailable: Postgres can't be asked right now.
    """
    return await _named(database.write(action))


async def read_with_names(
    database: Database, action: Callable[[AnyConnection], Awaitable[Result]]
) -> Result:
    """Runs an action that only reads, as `Database.run`; otherwise as `write_with_names`."""
    return await _named(database.run(action))


async def _named(work: Awaitable[Result]) -> Result:
    try:
        return await work
    except _UNSTORABLE as error:
        raise InvalidName("The name of the user or the session can't be stored.") from error
