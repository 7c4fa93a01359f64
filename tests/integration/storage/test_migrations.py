"""Migrations on real Postgres: applied once, whole, by one runner at a time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from databases import connected, open_database
from segue.errors import ConfigurationError
from segue.storage.database import Database
from segue.storage.migrations import Migration, available, check, migrate, status

pytestmark = pytest.mark.anyio

ONE = Migration("0001_one", "CREATE TABLE one (id integer); SELECT pg_sleep(0.2);")
TWO = Migration("0002_two", "CREATE TABLE two (id integer);")
BROKEN = Migration("0002_broken", "CREATE TABLE two (id integer); SELECT nonsense;")


@pytest.fixture
async def empty(empty_dsn: str) -> AsyncIterator[Database]:
    async with open_database(empty_dsn) as database:
        yield database


async def test_empty_database_is_migrated_once(empty: Database) -> None:
    names = tuple(migration.name for migration in available())
    assert (await status(empty)).pending == names
    assert await migrate(empty) == names
    assert await migrate(empty) == ()
    assert (await status(empty)).applied == names
    await check(empty)


async def test_four_runners_at_once_apply_everything_once(empty_dsn: str) -> None:
    async def run() -> tuple[str, ...]:
        async with open_database(empty_dsn) as database:
            return await migrate(database, [ONE, TWO])

    async with asyncio.TaskGroup() as tasks:
        runners = [tasks.create_task(run()) for _ in range(4)]
    applied = sorted(runner.result() for runner in runners)
    assert applied == [(), (), (), ("0001_one", "0002_two")]


async def test_runner_that_waits_too_long_says_for_what(empty: Database, empty_dsn: str) -> None:
    async with connected(empty_dsn) as other:
        await other.execute("CREATE TABLE blocker (id integer)")
        async with other.transaction():
            await other.execute("LOCK TABLE blocker")
            stuck = Migration("0001_stuck", "LOCK TABLE blocker")
            async with asyncio.TaskGroup() as tasks:
                first = tasks.create_task(migrate(empty, [stuck]))
                while await other.fetchval("SELECT count(*) = 0 FROM pg_locks WHERE NOT granted"):
                    await other.execute("SELECT pg_sleep(0.01)")
                with pytest.raises(ConfigurationError, match="Another `segue migrate`"):
                    await migrate(empty, [stuck], patience_s=0)
                await other.execute("DROP TABLE blocker; CREATE TABLE blocker (id integer)")
                first.cancel()


async def test_failed_migration_leaves_nothing_and_the_earlier_ones_stay(
    empty: Database, empty_dsn: str
) -> None:
    with pytest.raises(ConfigurationError, match="0002_broken failed"):
        await migrate(empty, [ONE, BROKEN])
    assert (await status(empty, [ONE, TWO])).applied == ("0001_one",)
    assert await migrate(empty, [ONE, TWO]) == ("0002_two",)


async def test_altered_migration_is_refused(empty: Database) -> None:
    await migrate(empty, [ONE])
    altered = [replace(ONE, sql=ONE.sql + " -- a harmless word"), TWO]
    for refuse in (migrate, check):
        with pytest.raises(ConfigurationError, match="0001_one was changed"):
            await refuse(empty, altered)
    assert (await status(empty, altered)).altered == ("0001_one",)
    assert (await status(empty, [ONE, TWO])).pending == ("0002_two",)


async def test_older_version_refuses_a_newer_database(empty: Database) -> None:
    await migrate(empty, [ONE, TWO])
    for refuse in (migrate, check):
        with pytest.raises(ConfigurationError, match="0002_two, which this version"):
            await refuse(empty, [ONE])
    assert (await status(empty, [ONE])).unknown == ("0002_two",)


async def test_start_names_what_is_pending_and_the_command(empty: Database) -> None:
    await migrate(empty, [ONE])
    with pytest.raises(ConfigurationError, match=r"lacks 0002_two\. Run `segue migrate`"):
        await check(empty, [ONE, TWO])
