"""The implementations that the contracts of the storage ports run on."""

from collections.abc import AsyncIterator

import pytest

from databases import open_commits
from segue.storage.database import Database
from segue.storage.files import FileLimits, PostgresFiles, PostgresUploads
from segue.storage.members import PostgresMembers
from segue.storage.register import PostgresRegister
from segue.storage.share_links import PostgresShareLinks
from segue.storage.summaries import PostgresSummaries
from segue.storage.update_log import PostgresUpdateLog


@pytest.fixture
async def update_log(database: Database) -> AsyncIterator[PostgresUpdateLog]:
    async with open_commits(database) as commits:
        yield PostgresUpdateLog(database, commits)


@pytest.fixture
def register(database: Database) -> PostgresRegister:
    return PostgresRegister(database)


@pytest.fixture
def summaries(database: Database) -> PostgresSummaries:
    return PostgresSummaries(database)


@pytest.fixture
def members(database: Database) -> PostgresMembers:
    return PostgresMembers(database)


@pytest.fixture
def links(database: Database) -> PostgresShareLinks:
    return PostgresShareLinks(database)


@pytest.fixture
def uploads(database: Database) -> PostgresUploads:
    return PostgresUploads(database, FileLimits(1000, 1500, session_files=12, least_bytes=20))


@pytest.fixture
def files(database: Database) -> PostgresFiles:
    return PostgresFiles(database)
