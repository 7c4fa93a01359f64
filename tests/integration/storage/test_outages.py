"""Postgres away: nothing is counted as saved, nothing is given up; when it is back all is saved."""

import os
import signal

import pytest

from databases import create_session, migrated, open_commits, open_database
from postgres_proxy import PostgresProxy
from postgres_servers import KINDS, Kind, throwaway_server
from segue.errors import StorageUnavailable
from segue.ids import DocumentId
from segue.storage.database import Database
from segue.storage.group_commit import GroupCommit
from segue.storage.update_log import PostgresUpdateLog
from update_sources import Source, drained
from waiting import until

pytestmark = pytest.mark.anyio


async def test_updates_wait_while_nobody_answers_and_are_saved_afterwards(
    proxy: PostgresProxy, commits: GroupCommit, database: Database, documents: list[str]
) -> None:
    sources = [Source(commits, name) for name in documents]
    proxy.close()
    for source in sources:
        source.write(b"before")
    await until(lambda: commits.stats.outages >= 3)
    for source in sources:
        source.write(b"meanwhile")
    await until(lambda: commits.stats.outages >= 6)
    assert all(source.outcomes == [] for source in sources)
    await proxy.open()
    for source in sources:
        await source.settled()
    base = await PostgresUpdateLog(database, commits).load(DocumentId(documents[0]))
    assert [update.data for update in base.updates] == [b"before", b"meanwhile"]
    assert commits.stats.last_error is None


async def test_silent_server_is_left_for_a_new_connection(
    proxy: PostgresProxy, commits: GroupCommit, documents: list[str]
) -> None:
    source = Source(commits, documents[0])
    source.write(b"before")
    await source.settled()
    proxy.stall()
    source.write(b"into the silence")
    await until(lambda: commits.stats.outages >= 2)
    assert source.outcomes == [1]
    assert commits.stats.last_error is not None
    proxy.flow()
    assert await source.settled() == 2


async def test_connections_cut_at_any_moment_lose_and_double_nothing(
    proxy: PostgresProxy, commits: GroupCommit, database: Database, documents: list[str]
) -> None:
    sources = [Source(commits, name) for name in documents]

    proxy.cut_every(13)  # each attempt takes about three: connecting, checking, claiming
    for n in range(100):
        for source in sources:
            source.write(b"%d" % n)
        await sources[n % 20].settled()
    await drained(commits)
    log = PostgresUpdateLog(database, commits)
    for source in sources:
        base = await log.load(source.document)
        assert [update.data for update in base.updates] == [b"%d" % n for n in range(100)]
    assert commits.stats.outages >= 5


async def test_reading_fails_clearly_while_postgres_is_away_and_works_again(
    proxy: PostgresProxy, behind_proxy: Database, commits: GroupCommit, documents: list[str]
) -> None:
    log = PostgresUpdateLog(behind_proxy, commits)
    document = DocumentId(documents[0])
    await log.load(document)
    proxy.cut()
    await log.load(document)  # the pool's dead connection costs a second attempt, not an error
    proxy.close()
    with pytest.raises(StorageUnavailable, match="Nothing is lost"):
        await log.load(document)
    with pytest.raises(StorageUnavailable):
        await log.save_snapshot(document, 1, 1, b"", 0)
    await proxy.open()
    await log.load(document)
    proxy.stall()
    with pytest.raises(StorageUnavailable):
        await log.load(document)
    proxy.flow()
    await log.load(document)


@pytest.mark.parametrize("kind", KINDS)
async def test_postgres_killed_under_load_loses_nothing_acknowledged(kind: Kind) -> None:
    async with throwaway_server(kind) as server:
        await migrated(server.dsn)
        async with open_database(server.dsn) as database, open_commits(database) as commits:
            sources = [Source(commits, f"session-{n}") for n in range(20)]
            for source in sources:
                await create_session(database, source.document)
            for n in range(3):
                for source in sources:
                    source.write(b"%d" % n)
                await sources[0].settled()
                pid, outages = server.pid, commits.stats.outages
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                # The writer's own process of Postgres lives on until it looks up from its work.
                while commits.stats.outages == outages:
                    sources[0].write(b"into the crash")
                    await sources[0].settled()
                await drained(commits)
            log = PostgresUpdateLog(database, commits)
            for source in sources:
                base = await log.load(source.document)
                assert list(base.updates) == source.committed
