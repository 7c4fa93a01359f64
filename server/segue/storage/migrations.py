"""Brings the schema forward: numbered SQL files, each applied once, in a transaction of its own.

Forward only. What was applied is kept in `schema_migrations` with a checksum, so that an edited
file is noticed instead of making two installations differ. Any number of runners may start at once:
one holds an advisory lock and applies, the others find the work done.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import pairwise
from pathlib import Path
from typing import Final

import asyncpg
import structlog

import segue
from segue.errors import ConfigurationError
from segue.storage.database import OUTAGE, AnyConnection, Connection, Database, unavailable

log = structlog.get_logger()

_FILE_NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_LOCK_KEY: Final = int.from_bytes(hashlib.sha256(b"segue migrations").digest()[:8], signed=True)
_POLL_S: Final = 0.2

# Polled: a session that waits inside pg_advisory_lock holds a snapshot, which a migration that
# builds an index concurrently would wait for, while the session waits for the migration.
TRY_LOCK: Final = "SELECT pg_try_advisory_lock($1)"

CREATE_TABLE: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text COLLATE "C" PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
TABLE_EXISTS: Final = "SELECT to_regclass('schema_migrations') IS NOT NULL"
APPLIED: Final = "SELECT name, checksum FROM schema_migrations ORDER BY name"
RECORD: Final = "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name without `.sql`, and its text."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Identifies the text; line ends don't count, a checkout may change them."""
        return hashlib.sha256(self.sql.replace("\r\n", "\n").encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Status:
    """How a database compares with the migrations of this version. Names, in order."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    altered: tuple[str, ...]
    """Applied, and different from the file now."""
    unknown: tuple[str, ...]
    """Applied, and not among the files: a newer version was here."""


def available(folder: Traversable | None = None) -> tuple[Migration, ...]:
    """Gives the migrations of this version (or of `folder`) in order.

    Raises:
        ConfigurationError: two have one number, or there are none.
    """
    files = sorted((folder or _folder()).iterdir(), key=lambda file: file.name)
    files = [file for file in files if _FILE_NAME.fullmatch(file.name)]
    if not files:
        raise ConfigurationError("This installation has no migrations. Install Segue again.")
    for file, following in pairwise(files):
        if file.name[:4] == following.name[:4]:
            raise ConfigurationError(f"{file.name} and {following.name} have one number.")
    return tuple(
        Migration(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
        for file in files
    )


async def status(database: Database, migrations: Sequence[Migration] | None = None) -> Status:
    """Compares the database with the files, without changing anything.

    Raises:
        StorageUnavailable: Postgres can't be asked right now.
    """
    known = available() if migrations is None else migrations
    return await database.run(lambda connection: _compare(connection, known))


async def check(database: Database, migrations: Sequence[Migration] | None = None) -> None:
    """Makes sure that the schema is the one of this version.

    Raises:
        ConfigurationError: it is not; the text says what to do.
        StorageUnavailable: Postgres can't be asked right now.
    """
    found = await status(database, migrations)
    _refuse_foreign(found)
    if found.pending:
        names = ", ".join(found.pending)
        raise ConfigurationError(f"The database lacks {names}. Run `segue migrate`, then start.")


async def migrate(
    database: Database, migrations: Sequence[Migration] | None = None, *, patience_s: float = 60
) -> tuple[str, ...]:
    """Applies what is pending and names it. Each migration is applied whole or not at all.

    Raises:
        ConfigurationError: an applied migration was altered, or is of a newer version; a migration
            fails; another runner takes longer than `patience_s`.
        StorageUnavailable: Postgres went away. Running it again is safe.
    """
    known = available() if migrations is None else migrations
    try:
        async with _alone(database, patience_s) as connection:
            await connection.execute(CREATE_TABLE)
            found = await _compare(connection, known)
            _refuse_foreign(found)
            for migration in known:
                if migration.name in found.pending:
                    await _apply(connection, migration)
            return found.pending
    except OUTAGE as error:
        raise unavailable(error) from error


def _folder() -> Traversable:
    """Finds the files: inside the package in a wheel, at the top of the repository otherwise."""
    packaged = resources.files(segue) / "migrations"
    if packaged.is_dir():
        return packaged
    return Path(segue.__file__).parents[2] / "migrations"


@asynccontextmanager
async def _alone(database: Database, patience_s: float) -> AsyncIterator[Connection]:
    """Gives a connection that holds the runners' lock; both end together."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    connection = await database.connect("migrate")
    try:
        while not await connection.fetchval(TRY_LOCK, _LOCK_KEY):
            if loop.time() >= deadline:
                raise ConfigurationError(
                    f"Another `segue migrate` has been running for over {patience_s:g} s. "
                    "Wait for it, or end its session in PostgreSQL, and run it again."
                )
            await asyncio.sleep(_POLL_S)
        yield connection
    finally:
        connection.terminate()


async def _compare(connection: AnyConnection, known: Sequence[Migration]) -> Status:
    exists = await connection.fetchval(TABLE_EXISTS)
    rows = await connection.fetch(APPLIED) if exists else []
    applied: dict[str, str] = {row["name"]: row["checksum"] for row in rows}
    checksums = {migration.name: migration.checksum for migration in known}
    return Status(
        applied=tuple(applied),
        pending=tuple(name for name in checksums if name not in applied),
        altered=tuple(
            name for name in applied if checksums.get(name, applied[name]) != applied[name]
        ),
        unknown=tuple(name for name in applied if name not in checksums),
    )


def _refuse_foreign(found: Status) -> None:
    if found.unknown:
        raise ConfigurationError(
            f"The database has {', '.join(found.unknown)}, which this version of Segue doesn't "
            "know: a newer version was here. Install that one."
        )
    if found.altered:
        raise ConfigurationError(
            f"{', '.join(found.altered)} was changed after it had been applied. Restore the file, "
            "and put the change into a migration with a new number."
        )


async def _apply(connection: Connection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(RECORD, migration.name, migration.checksum)
    except OUTAGE as error:
        # A mistake in the SQL, or missing rights, are no outage here: waiting won't help.
        if isinstance(error, asyncpg.SyntaxOrAccessError):
            raise _failed(migration, error) from error
        raise
    except asyncpg.PostgresError as error:
        raise _failed(migration, error) from error
    log.info("migration.applied", migration=migration.name)


def _failed(migration: Migration, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{migration.name} failed, and nothing of it was applied: {error}. "
        "Remove the cause, then run `segue migrate` again."
    )
