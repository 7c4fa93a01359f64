"""A commit whose reply was lost is counted once, and never taken for lost."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import anyio
import asyncpg
import pytest

from databases import connected
from postgres_proxy import PostgresProxy
from segue.ids import DocumentId
from segue.storage.database import Database
from segue.storage.group_commit import GroupCommit
from segue.storage.update_log import PostgresUpdateLog
from update_sources import CONFLICT, Source, rounds_later
from waiting import until

pytestmark = pytest.mark.anyio

Sql = asyncpg.Connection

ROWS = "SELECT document, position FROM updates ORDER BY document, position"
WRITER_PID = "SELECT pid FROM pg_stat_activity WHERE application_name = 'segue writer' AND datname = current_database()"

# Makes a commit wait for whoever holds the advisory lock 42.
SLOW_COMMITS = """
CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON updates
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_for_test();
"""


@pytest.fixture
async def sql(database_dsn: str) -> AsyncIterator[Sql]:
    """A connection past the proxy."""
    async with connected(database_dsn) as connection:
        yield connection


async def test_commit_whose_reply_is_lost_is_found_and_not_repeated(
    proxy: PostgresProxy,
    commits: GroupCommit,
    documents: list[str],
    sql: Sql,
) -> None:
    sources = [Source(commits, name) for name in documents]
    proxy.lose_reply_to(b"a marker in the payload")
    for source in sources:
        source.write(b"a marker in the payload")
    assert [await source.settled() for source in sources] == [1] * 20
    assert proxy.lost_replies == 1
    assert commits.stats.outages == 1
    assert [tuple(row) for row in await sql.fetch(ROWS)] == [(name, 1) for name in documents]


async def test_reply_lost_again_and_again(
    proxy: PostgresProxy, commits: GroupCommit, documents: list[str]
) -> None:
    source = Source(commits, documents[0])
    for n in range(30):
        proxy.lose_reply_to(b"update %03d" % n)
        source.write(b"update %03d" % n)
        assert await source.settled() == n + 1
    assert proxy.lost_replies == 30


async def test_row_of_another_writer_is_not_taken_for_ones_own(
    proxy: PostgresProxy,
    commits: GroupCommit,
    documents: list[str],
    sql: Sql,
) -> None:
    """The same batch number, even: numbers start again with each life of a process."""
    await sql.execute("UPDATE documents SET position = 1 WHERE id = $1", documents[0])
    await sql.execute("INSERT INTO updates VALUES ($1, 1, 1, 1, '')", documents[0])
    source = Source(commits, documents[0])
    source.write(b"first batch of this writer")
    assert await source.settled() == CONFLICT


async def test_backend_terminated_in_mid_commit(
    commits: GroupCommit, documents: list[str], sql: Sql
) -> None:
    await sql.execute(SLOW_COMMITS)
    sources = [Source(commits, name) for name in documents]
    await sql.execute("SELECT pg_advisory_lock(42)")
    for source in sources:
        source.write(b"in the middle of it")
    await _until(
        sql, "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    )
    await sql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    )
    await sql.execute("SELECT pg_advisory_unlock(42)")
    assert [await source.settled() for source in sources] == [1] * 20
    assert commits.stats.outages >= 1
    assert len(await sql.fetch(ROWS)) == 20


async def test_statement_that_outlives_our_patience_is_counted_once(
    commits: GroupCommit, documents: list[str], sql: Sql
) -> None:
    """The first attempt holds the documents; the later ones see them busy until it has an end."""
    await sql.execute(SLOW_COMMITS)
    await sql.execute("ALTER TABLE updates DISABLE TRIGGER slow_commit")
    source = Source(commits, documents[0])
    source.write(b"warm")
    await source.settled()
    await sql.execute("ALTER TABLE updates ENABLE TRIGGER slow_commit")
    await sql.execute("SELECT pg_advisory_lock(42)")
    source.write(b"slow")
    await until(lambda: commits.stats.outages == 1)
    await rounds_later(commits, 3)
    assert source.outcomes == [1]
    await sql.execute("SELECT pg_advisory_unlock(42)")
    assert await source.settled() == 2
    assert len(await sql.fetch(ROWS)) == 2


async def test_stopped_backend_that_wakes_up_later_changes_nothing(
    commits: GroupCommit,
    database: Database,
    documents: list[str],
    sql: Sql,
) -> None:
    """It reads our statement from its socket after we gave it up and wrote the row otherwise."""
    source = Source(commits, documents[0])
    source.write(b"one")
    await source.settled()
    pid = await sql.fetchval(WRITER_PID)
    with _stopped(pid):
        source.write(b"two")
        assert await source.settled() == 2
        source.write(b"three")
        assert await source.settled() == 3
    await _until(sql, f"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = {pid}")
    log = PostgresUpdateLog(database, commits)
    base = await log.load(DocumentId(documents[0]))
    assert [update.data for update in base.updates] == [b"one", b"two", b"three"]


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def _until(sql: Sql, condition: str) -> None:
    with anyio.fail_after(20):
        while not await sql.fetchval(condition):
            await sql.execute("SELECT pg_sleep(0.01)")
