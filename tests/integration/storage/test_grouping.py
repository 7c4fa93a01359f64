"""Many documents share few statements, and none of them pays for another."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from databases import connected, create_session, open_commits
from segue.storage import group_commit as group_commit_module
from segue.storage.database import Database
from segue.storage.group_commit import GroupCommit
from segue.storage.register import PostgresRegister
from segue.storage.update_log import PostgresUpdateLog
from update_sources import CONFLICT, Source, drained
from waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def commits(database: Database) -> AsyncIterator[GroupCommit]:
    async with open_commits(database) as commits:
        yield commits


async def test_hundred_documents_take_few_statements(
    database: Database, commits: GroupCommit
) -> None:
    sources = [Source(commits, f"session-{n:03}") for n in range(100)]
    for source in sources:
        await create_session(database, source.document)
    for n in range(20):
        for source in sources:
            source.write(b"%d" % n)
        await drained(commits)
    assert commits.stats.rows == 2000
    assert commits.stats.rounds == 20


async def test_round_is_bounded_in_bytes(
    database: Database,
    commits: GroupCommit,
    documents: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group_commit_module, "MAX_ROUND_BYTES", 1000)
    sources = [Source(commits, name) for name in documents]
    for source in sources:
        source.write(b"x" * 300)
    await drained(commits)
    assert [source.outcomes for source in sources] == [[1]] * 20
    assert commits.stats.rounds == 5  # the fourth goes over the limit


async def test_impossible_row_does_not_keep_the_others_out(
    database_dsn: str, commits: GroupCommit, documents: list[str]
) -> None:
    async with connected(database_dsn) as sql:
        await sql.execute("INSERT INTO updates VALUES ($1, 1, 0, 0, '')", documents[7])
    sources = [Source(commits, name) for name in documents]
    for source in sources:
        source.write(b"in one group with an impossible one")
    await drained(commits)
    assert sources[7].outcomes == [CONFLICT]
    assert all(source.outcomes == [1] for source in sources if source is not sources[7])
    assert commits.stats.refused == 1
    sources[3].write(b"and it goes on")
    assert await sources[3].settled() == 2


async def test_writer_that_is_behind_is_refused_by_the_claim_itself(
    database: Database, commits: GroupCommit, documents: list[str]
) -> None:
    """Not by a constraint further down, which can't see what a compaction removed."""
    ahead, behind = Source(commits, documents[0]), Source(commits, documents[0])
    for _ in range(3):
        ahead.write(b"row")
        await ahead.settled()
    behind.write(b"late")
    assert await behind.settled() == CONFLICT
    await PostgresUpdateLog(database, commits).save_snapshot(ahead.document, 1, 3, b"all", 0)
    behind.write(b"late")
    assert await behind.settled() == CONFLICT
    assert (commits.stats.conflicts, commits.stats.refused) == (2, 0)


async def test_document_that_somebody_holds_delays_itself_only(
    database_dsn: str, commits: GroupCommit, documents: list[str]
) -> None:
    sources = [Source(commits, name) for name in documents]
    async with connected(database_dsn) as sql:
        async with sql.transaction():
            await sql.execute("SELECT FROM documents WHERE id = $1 FOR UPDATE", documents[0])
            for source in sources:
                source.write(b"one")
            for source in sources[1:]:
                assert await source.settled() == 1
            for source in sources[1:]:
                source.write(b"two")
                assert await source.settled() == 2
            assert sources[0].outcomes == []
    assert await sources[0].settled() == 1


async def test_writers_that_meet_on_many_documents_never_deadlock(
    database: Database, documents: list[str]
) -> None:
    """Each claims all documents in its own order, and loads after a conflict."""
    async with open_commits(database) as left, open_commits(database) as right:
        rivals = [Source(left, name) for name in documents]
        rivals += [Source(right, name) for name in reversed(documents)]
        positions = dict.fromkeys(documents, 0)
        for _ in range(20):
            for source in rivals:
                source.last = positions[source.document]
                source.write(b"mine")
            await drained(left)
            await drained(right)
            for name in documents:
                won = [source for source in rivals if source.document == name]
                assert sorted(str(source.outcomes[-1]) for source in won)[1] == CONFLICT
                positions[name] += 1
        assert left.stats.outages == right.stats.outages == 0


async def test_no_row_survives_a_deletion_in_the_middle_of_writing(
    database: Database, database_dsn: str, commits: GroupCommit, documents: list[str]
) -> None:
    sources = [Source(commits, name) for name in documents]
    register = PostgresRegister(database)
    async with asyncio.TaskGroup() as tasks:
        for source in sources:
            tasks.create_task(_write_until_refused(source))
        for source in sources:
            tasks.create_task(_delete_later(register, source))
    async with connected(database_dsn) as sql:
        assert await sql.fetchval("SELECT count(*) FROM updates") == 0


async def _delete_later(register: PostgresRegister, source: Source) -> None:
    await until(lambda: len(source.outcomes) >= 3)
    await register.delete(source.document)


async def _write_until_refused(source: Source) -> None:
    while not source.outcomes or source.outcomes[-1] != CONFLICT:
        source.write(b"more")
        await source.settled()
