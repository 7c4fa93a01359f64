"""A group commit, a log and a register on a database that can fail on command."""

from collections.abc import AsyncIterator

import pytest

from databases import always_held, create_session, open_database
from postgres_proxy import PostgresProxy, postgres_proxy
from segue.storage.claims import ClaimWriter
from segue.storage.database import Database, Limits
from segue.storage.group_commit import GroupCommit, Pace, group_commit

HASTY = Limits(patience_s=5, connect_s=1, command_s=1)
WRITER = 4711


@pytest.fixture
async def proxy(database_dsn: str) -> AsyncIterator[PostgresProxy]:
    async with postgres_proxy(database_dsn) as proxy:
        yield proxy


@pytest.fixture
async def behind_proxy(proxy: PostgresProxy) -> AsyncIterator[Database]:
    """The database as seen through the proxy, soon out of patience."""
    async with open_database(proxy.dsn, HASTY) as database:
        yield database


@pytest.fixture
async def commits(behind_proxy: Database) -> AsyncIterator[GroupCommit]:
    """A writer through the proxy that gives a statement 0.3 s."""
    writer = ClaimWriter(behind_proxy, WRITER, statement_s=0.3)
    pace = Pace(outage_first=0.01, outage_longest=0.05)
    async with group_commit(writer, held=always_held, pace=pace) as commits:
        yield commits


@pytest.fixture
async def documents(database: Database) -> list[str]:
    """Twenty sessions."""
    names = [f"session-{n:02}" for n in range(20)]
    for name in names:
        await create_session(database, name)
    return names
