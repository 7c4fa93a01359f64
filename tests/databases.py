"""Databases for tests: each a clone of a migrated template, on the embedded server and on Debian's 15.

A clone takes about 0.1 s. A test that asks for `database` or `database_dsn` runs on both servers.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from postgres_servers import KINDS, throwaway_server
from segue.ids import DocumentId, UserId
from segue.storage.claims import ClaimWriter
from segue.storage.database import Database, Limits
from segue.storage.group_commit import GroupCommit, group_commit
from segue.storage.migrations import migrate
from segue.storage.register import PostgresRegister

TEMPLATE = "segue_template"

# Nothing here may hang for long; a server that a test stopped is not waited for.
LIMITS = Limits(patience_s=20, connect_s=5, command_s=20)


@pytest.fixture(scope="session", params=KINDS)
async def server_dsn(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Gives the connection string of a server that all tests share: don't stop it."""
    async with throwaway_server(request.param) as server:
        await _create(server.dsn, TEMPLATE)
        await migrated(for_database(server.dsn, TEMPLATE))
        yield server.dsn


@pytest.fixture
async def database_dsn(server_dsn: str) -> AsyncIterator[str]:
    """Gives the connection string of a migrated database of the test's own."""
    async with cloned(server_dsn, TEMPLATE) as dsn:
        yield dsn


@pytest.fixture
async def empty_dsn(server_dsn: str) -> AsyncIterator[str]:
    """Gives the connection string of a database without a schema."""
    async with cloned(server_dsn, "template0") as dsn:
        yield dsn


@pytest.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    """Gives a migrated database of the test's own, open."""
    async with open_database(database_dsn) as database:
        yield database


def open_database(dsn: str, limits: Limits = LIMITS) -> Database:
    """Gives a database to enter; throw-away servers have fsync off."""
    return Database(dsn, allow_unsafe=True, limits=limits)


async def migrated(dsn: str) -> None:
    """Gives a database the schema."""
    async with open_database(dsn) as database:
        await migrate(database)


def for_database(dsn: str, name: str) -> str:
    """Gives the connection string of another database of the same server."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


@asynccontextmanager
async def cloned(server_dsn: str, template: str) -> AsyncIterator[str]:
    """Makes a copy of a database; it is gone afterwards, with whoever is still connected to it."""
    name = f"segue_test_{secrets.token_hex(6)}"
    await _create(server_dsn, name, template)
    try:
        yield for_database(server_dsn, name)
    finally:
        await execute(server_dsn, f"DROP DATABASE {name} WITH (FORCE)")


async def execute(dsn: str, statement: str, *arguments: object) -> None:
    """Runs one statement on a connection of its own."""
    async with connected(dsn) as connection:
        await connection.execute(statement, *arguments)


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Gives a plain connection."""
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def create_session(database: Database, session: str, user: str = "alice") -> None:
    """Registers a session."""
    register = PostgresRegister(database)
    await register.open_session(DocumentId(session), UserId(user), create=True)


async def _create(server_dsn: str, name: str, template: str = "template0") -> None:
    await execute(server_dsn, f"CREATE DATABASE {name} TEMPLATE {template}")


@asynccontextmanager
async def open_commits(
    database: Database, writer: ClaimWriter | None = None
) -> AsyncIterator[GroupCommit]:
    """Runs a group commit as a node does, but for the node lock."""
    claims = writer or ClaimWriter(database, secrets.randbits(63))
    async with group_commit(claims, held=always_held) as commits:
        yield commits


async def always_held() -> None:
    """Stands for a node lock that is held."""
