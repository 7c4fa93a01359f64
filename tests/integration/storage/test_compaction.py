"""Loading, writing and compacting one document at once, from two nodes: what is read is always whole."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from databases import connected, open_commits
from segue.errors import Quarantined, StorageUnavailable
from segue.ids import DocumentId
from segue.storage.database import Database
from segue.storage.group_commit import GroupCommit
from segue.storage.ports import Base
from segue.storage.register import PostgresRegister
from segue.storage.update_log import PostgresUpdateLog
from update_sources import CONFLICT, Source

pytestmark = pytest.mark.anyio

DOCUMENT = DocumentId("session-00")
ROUNDS = 150


@pytest.fixture
async def commits(database: Database) -> AsyncIterator[GroupCommit]:
    async with open_commits(database) as commits:
        yield commits


@pytest.fixture
def log(database: Database, commits: GroupCommit, documents: list[str]) -> PostgresUpdateLog:
    return PostgresUpdateLog(database, commits)


async def test_nothing_is_missing_or_doubled_while_two_write_and_compact(
    database: Database, log: PostgresUpdateLog
) -> None:
    """Snapshots here are the updates joined, so that any loss or repetition shows."""
    async with open_commits(database) as other_commits:
        other = PostgresUpdateLog(database, other_commits)
        async with asyncio.TaskGroup() as tasks:
            writing = [
                tasks.create_task(_write(log, "A")),
                tasks.create_task(_write(other, "B")),
            ]
            compacting = tasks.create_task(_compact(log))
            reading = tasks.create_task(_read(other))
            for task in writing:
                await task
            reading.cancel()
            compacting.cancel()
    content = _content(await log.load(DOCUMENT))
    for name in "AB":
        mine = [word for word in content if word.startswith(name)]
        assert mine == [f"{name}{n}" for n in range(ROUNDS)]


async def _write(log: PostgresUpdateLog, name: str) -> None:
    source = Source(log, DOCUMENT)
    source.reload(await log.load(DOCUMENT))
    for n in range(ROUNDS):
        while True:
            source.write(f"{name}{n} ".encode())
            if await source.settled() != CONFLICT:
                break
            source.reload(await log.load(DOCUMENT))


async def _compact(log: PostgresUpdateLog) -> None:
    while True:
        base = await log.load(DOCUMENT)
        snapshot = " ".join(_content(base)).encode()
        await log.save_snapshot(DOCUMENT, base.generation, base.position, snapshot)


async def _read(log: PostgresUpdateLog) -> None:
    seen: list[str] = []
    while True:
        content = _content(await log.load(DOCUMENT))
        assert content[: len(seen)] == seen
        seen = content


def _content(base: Base) -> list[str]:
    parts = (base.snapshot or b"", *(update.data for update in base.updates))
    return b" ".join(parts).decode().split()


async def test_crash_while_a_snapshot_is_stored_leaves_the_log_as_it_was(
    log: PostgresUpdateLog, commits: GroupCommit, database_dsn: str
) -> None:
    source = Source(commits, DOCUMENT)
    for data in (b"1", b"2", b"3"):
        source.write(data)
        await source.settled()
    before = await log.load(DOCUMENT)
    # Deleting the covered rows comes last, and fails.
    await _crash_at(database_dsn, "DELETE ON updates")
    with pytest.raises(StorageUnavailable):
        await log.save_snapshot(DOCUMENT, 1, 2, b"12")
    assert await log.load(DOCUMENT) == before


async def test_crash_while_a_document_is_deleted_leaves_all_of_it(
    database: Database, log: PostgresUpdateLog, commits: GroupCommit, database_dsn: str
) -> None:
    source = Source(commits, DOCUMENT)
    for data in (b"1", b"2"):
        source.write(data)
        await source.settled()
    await log.save_snapshot(DOCUMENT, 1, 1, b"1")
    before = await log.load(DOCUMENT)
    await _crash_at(database_dsn, "DELETE ON snapshots")
    with pytest.raises(StorageUnavailable):
        await PostgresRegister(database).delete(DOCUMENT)
    assert await log.load(DOCUMENT) == before


async def _crash_at(dsn: str, event: str) -> None:
    """Has the server end the session that does it."""
    async with connected(dsn) as sql:
        await sql.execute(
            "CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';"
            f"CREATE TRIGGER crash AFTER {event} FOR EACH STATEMENT EXECUTE FUNCTION crash()"
        )


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM updates WHERE position = 3",
        "DELETE FROM updates WHERE position = 5",
        "UPDATE documents SET position = 4",
        "DELETE FROM snapshots",
        "UPDATE snapshots SET position = 1",
        "UPDATE snapshots SET generation = 2",
        "UPDATE documents SET snapshot_position = 0",
        "UPDATE updates SET payload = '\\x00ff' WHERE position = 4",
        "UPDATE updates SET payload = '' WHERE position = 4",
        "UPDATE snapshots SET payload = '\\x77'",
    ],
)
async def test_log_that_does_not_fit_together_is_not_opened(
    log: PostgresUpdateLog, commits: GroupCommit, database_dsn: str, damage: str
) -> None:
    source = Source(commits, DOCUMENT)
    for data in (b"1", b"2", b"3", b"4", b"5"):
        source.write(data)
        await source.settled()
    await log.save_snapshot(DOCUMENT, 1, 2, b"12")
    await log.load(DOCUMENT)
    async with connected(database_dsn) as sql:
        await sql.execute(damage)
    with pytest.raises(Quarantined, match="damaged"):
        await log.load(DOCUMENT)
