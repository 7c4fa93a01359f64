"""Loading, writing and compacting one document at once, from two nodes: what is read is always whole."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import structlog.testing

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
        previous = base.snapshot_position
        await log.save_snapshot(DOCUMENT, base.generation, base.position, snapshot, previous)


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
    # Deleting what is outdated comes last, and fails.
    await _crash_at(database_dsn, "DELETE ON updates")
    with pytest.raises(StorageUnavailable):
        await log.save_snapshot(DOCUMENT, 1, 2, b"12", 0)
    assert await log.load(DOCUMENT) == before


@pytest.mark.parametrize(
    "event", ["INSERT ON snapshots", "DELETE ON updates", "UPDATE ON documents"]
)
async def test_crash_while_a_document_is_rewritten_leaves_it_as_it_was(
    log: PostgresUpdateLog, commits: GroupCommit, database_dsn: str, event: str
) -> None:
    source = Source(commits, DOCUMENT)
    for data in (b"1", b"2", b"3"):
        source.write(data)
        await source.settled()
    await log.save_snapshot(DOCUMENT, 1, 2, b"12", 0)
    before = await log.load(DOCUMENT)
    await _crash_at(database_dsn, event)
    with pytest.raises(StorageUnavailable):
        await log.rewrite(DOCUMENT, 1, 3, b"anew")
    assert await log.load(DOCUMENT) == before


async def test_crash_while_a_document_is_deleted_leaves_all_of_it(
    database: Database, log: PostgresUpdateLog, commits: GroupCommit, database_dsn: str
) -> None:
    source = Source(commits, DOCUMENT)
    for data in (b"1", b"2"):
        source.write(data)
        await source.settled()
    await log.save_snapshot(DOCUMENT, 1, 1, b"1", 0)
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


async def _compacted_twice(log: PostgresUpdateLog, commits: GroupCommit) -> None:
    """Rows 1 to 5, snapshots at 2 and 4: what a document has after some time."""
    source = Source(commits, DOCUMENT)
    for data in (b"1 ", b"2 ", b"3 ", b"4 ", b"5"):
        source.write(data)
        await source.settled()
    await log.save_snapshot(DOCUMENT, 1, 2, b"1 2", 0)
    await log.save_snapshot(DOCUMENT, 1, 4, b"1 2 3 4", 2)


async def test_a_compaction_leaves_the_snapshot_before_it_and_the_rows_between(
    log: PostgresUpdateLog, commits: GroupCommit, database_dsn: str
) -> None:
    await _compacted_twice(log, commits)
    assert await _kept(database_dsn) == ([2, 4], [3, 4, 5])
    await log.save_snapshot(DOCUMENT, 1, 5, b"1 2 3 4 5", 4)
    assert await _kept(database_dsn) == ([4, 5], [5])


async def _kept(dsn: str) -> tuple[list[int], list[int]]:
    async with connected(dsn) as sql:
        snapshots = await sql.fetch("SELECT position FROM snapshots ORDER BY position")
        rows = await sql.fetch("SELECT position FROM updates ORDER BY position")
    return [row["position"] for row in snapshots], [row["position"] for row in rows]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM snapshots WHERE position = 4",
        "UPDATE snapshots SET position = 3 WHERE position = 4",
        "UPDATE snapshots SET generation = 2 WHERE position = 4",
        "UPDATE snapshots SET payload = '\\x77' WHERE position = 4",
        "UPDATE documents SET snapshot_position = 3 WHERE position = 5",
    ],
)
async def test_where_the_last_snapshot_is_damaged_the_one_before_it_serves(
    log: PostgresUpdateLog, commits: GroupCommit, database_dsn: str, damage: str
) -> None:
    await _compacted_twice(log, commits)
    await _do(database_dsn, damage)
    with structlog.testing.capture_logs() as told:
        base = await log.load(DOCUMENT)
    assert _content(base) == ["1", "2", "3", "4", "5"]
    assert {each["event"] for each in told if each["log_level"] == "error"} == {
        "storage.corrupt",
        "storage.previous_serves",
    }


async def test_nothing_is_deleted_that_a_damaged_document_still_needs(
    log: PostgresUpdateLog, commits: GroupCommit, database_dsn: str
) -> None:
    await _compacted_twice(log, commits)
    await _do(database_dsn, "UPDATE snapshots SET payload = '\\x77' WHERE position = 4")
    base = await log.load(DOCUMENT)
    assert await log.save_snapshot(DOCUMENT, 1, 5, b"1 2 3 4 5", base.snapshot_position)
    assert await _kept(database_dsn) == ([2, 4, 5], [3, 4, 5])
    await _do(database_dsn, "UPDATE snapshots SET payload = '\\x77' WHERE position = 5")
    assert await log.load(DOCUMENT) == base


async def test_before_the_second_snapshot_the_rows_alone_serve(
    log: PostgresUpdateLog, commits: GroupCommit, database_dsn: str
) -> None:
    source = Source(commits, DOCUMENT)
    for data in (b"1", b"2"):
        source.write(data)
        await source.settled()
    before = await log.load(DOCUMENT)
    await log.save_snapshot(DOCUMENT, 1, 2, b"12", 0)
    await _do(database_dsn, "UPDATE snapshots SET payload = '\\x77'")
    assert await log.load(DOCUMENT) == before


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM updates WHERE position = 5",
        "UPDATE documents SET position = 4",
        "DELETE FROM snapshots",
        "UPDATE snapshots SET position = position - 1",
        "UPDATE snapshots SET generation = 2",
        "UPDATE updates SET payload = '\\x00ff' WHERE position = 5",
        "UPDATE updates SET payload = '' WHERE position = 5",
        "UPDATE snapshots SET payload = '\\x77'",
    ],
)
async def test_log_that_does_not_fit_together_is_not_opened(
    log: PostgresUpdateLog, commits: GroupCommit, database_dsn: str, damage: str
) -> None:
    await _compacted_twice(log, commits)
    await log.load(DOCUMENT)
    await _do(database_dsn, damage)
    kept = await _kept(database_dsn)
    with pytest.raises(Quarantined, match="damaged"):
        await log.load(DOCUMENT)
    assert await _kept(database_dsn) == kept


async def _do(dsn: str, statement: str) -> None:
    async with connected(dsn) as sql:
        await sql.execute(statement)
