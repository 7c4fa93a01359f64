"""One node at a time holds a database, whatever happens to it, its connection or Postgres."""

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import pytest
import structlog.testing

from databases import connected, migrated, open_database
from postgres_proxy import PostgresProxy
from segue.errors import StorageUnavailable
from segue.storage.database import Database
from segue.storage.node_lock import NodeLock, node_lock
from waiting import PATIENCE_S, until

pytestmark = pytest.mark.anyio

END_HOLDERS = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@asynccontextmanager
async def node(database: Database) -> AsyncIterator[NodeLock]:
    async with node_lock(database, poll_s=0.02, answer_s=0.2) as lock:
        yield lock


async def acquired(lock: NodeLock) -> None:
    with anyio.fail_after(PATIENCE_S):
        await lock.wait_held()


async def test_second_node_waits_says_so_once_and_takes_over(database: Database) -> None:
    async with node(database) as first:
        await acquired(first)
        with structlog.testing.capture_logs() as logs:
            async with node(database) as second:
                await until(lambda: logs)
                await anyio.sleep(0.1)  # several polls, to see that it doesn't repeat itself
                assert [entry["event"] for entry in logs] == ["node_lock.waiting"]
                assert not second.held
    async with node(database) as second:
        await acquired(second)


async def test_lock_is_free_as_soon_as_its_node_ends(database: Database) -> None:
    for _ in range(3):
        async with node(database) as lock:
            with anyio.fail_after(5):
                await acquired(lock)


async def test_holder_notices_the_loss_and_acquires_again(
    database: Database, database_dsn: str
) -> None:
    async with node(database) as lock, connected(database_dsn) as sql:
        await acquired(lock)
        await sql.execute(END_HOLDERS)
        await until(lambda: not lock.held)
        await acquired(lock)


async def test_one_of_two_holds_it_however_often_connections_are_lost(
    database: Database, database_dsn: str
) -> None:
    async with node(database) as a, node(database) as b, connected(database_dsn) as sql:
        with structlog.testing.capture_logs() as logs:
            for losses in range(5):
                await until(lambda: a.held != b.held)
                await sql.execute(END_HOLDERS)
                await until(partial(_lost, logs, losses + 1))
            await until(lambda: a.held != b.held)


def _lost(logs: list[MutableMapping[str, Any]], times: int) -> bool:
    return sum(entry["event"] == "node_lock.lost" for entry in logs) >= times


async def test_silence_ends_the_hold_and_leaves_the_lock_to_others(
    proxy: PostgresProxy, database: Database, documents: list[str]
) -> None:
    async with open_database(proxy.dsn) as behind_proxy, node(behind_proxy) as cut_off:
        await acquired(cut_off)
        proxy.stall()
        await until(lambda: not cut_off.held)
        proxy.flow()
        await acquired(cut_off)


async def test_a_node_whose_lock_another_one_took_is_told(
    proxy: PostgresProxy, database: Database, documents: list[str]
) -> None:
    async with open_database(proxy.dsn) as behind_proxy, node(behind_proxy) as first:
        await acquired(first)
        async with anyio.create_task_group() as tasks:
            told: list[str] = []
            tasks.start_soon(_note_taken, first, told)
            proxy.stall()
            await until(lambda: not first.held)
            proxy.flow()
            await acquired(first)
            assert told == [], "its own old session isn't another node"
            proxy.close()
            async with node(database) as second:
                await acquired(second)
                await proxy.open()
                await until(lambda: told)
        assert "another node has it" in told[0]


async def _note_taken(lock: NodeLock, told: list[str]) -> None:
    try:
        await lock.watch_taken()
    except StorageUnavailable as error:
        told.append(str(error))


async def test_postgres_away_is_waited_for(proxy: PostgresProxy) -> None:
    async with open_database(proxy.dsn) as behind_proxy, node(behind_proxy) as lock:
        await acquired(lock)
        proxy.close()
        await until(lambda: not lock.held)
        with structlog.testing.capture_logs() as logs:
            await until(lambda: len(logs) > 3)
        await proxy.open()
        await acquired(lock)


async def test_databases_of_one_server_have_locks_of_their_own(
    database: Database, empty_dsn: str
) -> None:
    await migrated(empty_dsn)
    async with open_database(empty_dsn) as other:
        async with node(database) as first, node(other) as second:
            await acquired(first)
            await acquired(second)
