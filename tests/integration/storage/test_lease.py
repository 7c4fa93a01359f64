"""Whatever a deposed node still writes is refused, though its lock and its connections live on."""

from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
import asyncpg
import pytest

from databases import connected, create_session, open_commits
from segue.auth.grants import Role
from segue.document.verdict import Summary
from segue.errors import StorageUnavailable
from segue.ids import DocumentId, UserId
from segue.storage.database import Database
from segue.storage.group_commit import GroupCommit
from segue.storage.lease import TAKE, Deposed
from segue.storage.members import PostgresMembers
from segue.storage.node_lock import NodeLock, node_lock
from segue.storage.ports import NewLink
from segue.storage.register import PostgresRegister
from segue.storage.share_links import PostgresShareLinks
from segue.storage.summaries import PostgresSummaries
from segue.storage.update_log import PostgresUpdateLog
from update_sources import Source
from waiting import PATIENCE_S, until, until_a_statement_waits

pytestmark = pytest.mark.anyio

SESSION = DocumentId("trip")
ALICE, BOB = UserId("alice"), UserId("bob")

EVERYTHING = """
SELECT (SELECT json_agg(d ORDER BY id) FROM documents d)::text,
       (SELECT json_agg(s ORDER BY id) FROM sessions s)::text,
       (SELECT json_agg(m ORDER BY session, user_id) FROM members m)::text,
       (SELECT json_agg(l) FROM share_links l)::text,
       (SELECT count(*) FROM snapshots)::text, (SELECT count(*) FROM updates)::text
"""


@pytest.fixture
async def sql(database_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    async with connected(database_dsn) as connection:
        yield connection


@pytest.fixture
async def lock(database: Database) -> AsyncIterator[NodeLock]:
    await create_session(database, SESSION)
    async with node_lock(database, poll_s=0.02, answer_s=5) as lock:
        with anyio.fail_after(PATIENCE_S):
            await lock.wait_held()
        yield lock


@pytest.fixture
async def commits(database: Database, lock: NodeLock) -> AsyncIterator[GroupCommit]:
    async with open_commits(database) as commits:
        yield commits


async def deposed(lock: NodeLock) -> None:
    """Waits until the node is told."""
    with anyio.fail_after(PATIENCE_S), pytest.raises(StorageUnavailable, match="another node has"):
        await lock.watch_taken()


async def test_its_commits_are_not_made_and_it_is_told(
    commits: GroupCommit, lock: NodeLock, sql: asyncpg.Connection
) -> None:
    source = Source(commits, SESSION)
    source.write(b"in time")
    assert await source.settled() == 1
    await sql.execute(TAKE, None)
    assert lock.held, "it is the lease alone that keeps it from writing"
    source.write(b"too late")
    await deposed(lock)
    assert source.outcomes == [1]
    assert await sql.fetchval("SELECT count(*) FROM updates") == 1


async def test_a_commit_sent_before_the_next_node_took_over_is_not_made_after_that(
    commits: GroupCommit, lock: NodeLock, sql: asyncpg.Connection, database_dsn: str
) -> None:
    source = Source(commits, SESSION)
    async with sql.transaction():
        await sql.execute(TAKE, None)
        source.write(b"under way")
        await until_a_statement_waits(database_dsn)
    await deposed(lock)
    assert await sql.fetchval("SELECT count(*) FROM updates") == 0


async def test_the_next_node_waits_for_what_is_being_written(
    database: Database, lock: NodeLock, sql: asyncpg.Connection, database_dsn: str
) -> None:
    order: list[str] = []
    is_writing, may_end = anyio.Event(), anyio.Event()

    async def slow(_connection: object) -> None:
        is_writing.set()
        await may_end.wait()
        order.append("written")

    async def take_over() -> None:
        await sql.execute(TAKE, None)
        order.append("taken over")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(database.write, slow)
        await until(lambda: database._pool.get_idle_size() < database._pool.get_size())
        await anyio.sleep(
            0.05
        )  # the lease is held by then; if it weren't, the test would still be fair
        tasks.start_soon(take_over)
        await until_a_statement_waits(database_dsn)
        may_end.set()
    assert order == ["written", "taken over"]


def _new_link() -> NewLink:
    return NewLink("link", SESSION, bytes(32), Role.EDITOR, ALICE, 60)


WRITES: dict[str, Callable[[Database, GroupCommit], Awaitable[object]]] = {
    "snapshot": lambda base, commits: PostgresUpdateLog(base, commits).save_snapshot(
        SESSION, 1, 1, b"all", 0
    ),
    "summary": lambda base, _: PostgresSummaries(base).save_summaries([(SESSION, Summary("New"))]),
    "deletion": lambda base, _: PostgresRegister(base).delete(SESSION),
    "new session": lambda base, _: PostgresRegister(base).open_session(
        DocumentId("other"), ALICE, create=True
    ),
    "new session over HTTP": lambda base, _: PostgresRegister(base).create_session(
        DocumentId("other"), ALICE, b"request"
    ),
    "new home": lambda base, _: PostgresRegister(base).open_home(DocumentId("home:bob"), BOB),
    "role": lambda base, _: PostgresMembers(base).set_role(SESSION, BOB, Role.VIEWER),
    "removal": lambda base, _: PostgresMembers(base).remove(SESSION, BOB),
    "link": lambda base, _: PostgresShareLinks(base).create(_new_link()),
    "revocation": lambda base, _: PostgresShareLinks(base).revoke(SESSION, "old link"),
    "joining": lambda base, _: PostgresShareLinks(base).redeem(b"1" * 32, UserId("zoe"), "Zoe"),
}


@pytest.mark.parametrize("write", WRITES)
async def test_none_of_its_other_writes_is_made(
    database: Database, commits: GroupCommit, lock: NodeLock, sql: asyncpg.Connection, write: str
) -> None:
    source = Source(commits, SESSION)
    source.write(b"in time")
    await source.settled()
    await sql.execute("INSERT INTO members VALUES ('trip', 'bob', 'editor')")
    await sql.execute(
        "INSERT INTO share_links VALUES ('old link', 'trip', $1, 'editor', 'alice', now(),"
        " now() + interval '1 hour')",
        b"1" * 32,
    )
    await sql.execute(TAKE, None)
    before = await sql.fetchrow(EVERYTHING)
    with pytest.raises(Deposed, match="Another node serves"):
        await WRITES[write](database, commits)
    assert await sql.fetchrow(EVERYTHING) == before
    await deposed(lock)


async def test_a_node_that_has_its_own_lock_back_writes_on(
    commits: GroupCommit, database: Database, lock: NodeLock, sql: asyncpg.Connection
) -> None:
    """What it sent under the epoch before is refused, and that is no reason to end."""
    epoch = database.lease.epoch
    await sql.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    await until(lambda: database.lease.epoch == epoch + 1)
    source = Source(commits, SESSION)
    source.write(b"still here")
    assert await source.settled() == 1


async def test_a_node_that_was_away_while_another_one_served_has_to_end(
    database: Database, lock: NodeLock, sql: asyncpg.Connection
) -> None:
    """What it has in memory is of another time, even though it has the lock again."""
    async with sql.transaction():
        await sql.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        )
        await sql.execute(TAKE, None)
    await deposed(lock)
    assert not lock.held
    assert await sql.fetchval("SELECT epoch FROM leases") == 2, "it is in no other node's way"
