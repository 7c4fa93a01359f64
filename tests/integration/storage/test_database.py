"""Which servers are taken, and what is said of the others."""

import asyncio

import anyio
import pytest
import structlog.testing

from databases import connected, open_database
from postgres_proxy import PostgresProxy
from segue.errors import ConfigurationError
from segue.storage.database import Database, Limits
from waiting import until

pytestmark = pytest.mark.anyio

AT_ONCE = Limits(patience_s=0, connect_s=2)
DATABASE = "SELECT current_database()"


async def test_server_that_confirms_before_writing_is_refused(database_dsn: str) -> None:
    """Throw-away servers run with fsync off, which makes them an example."""
    with pytest.raises(ConfigurationError, match="fsync is off"):
        async with Database(database_dsn):
            pass


async def test_database_that_confirms_before_writing_is_refused(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "segue.storage.database.CHECK_SERVER",
        """SELECT 15 AS version, true AS fsync,
                  current_setting('synchronous_commit') AS synchronous_commit""",
    )
    async with Database(database_dsn):
        pass
    async with connected(database_dsn) as sql:
        name = await sql.fetchval(DATABASE)
        await sql.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with pytest.raises(ConfigurationError, match="synchronous_commit is off"):
        async with Database(database_dsn):
            pass
    async with Database(database_dsn, allow_unsafe=True):
        pass


async def test_server_that_is_too_old_is_refused(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segue.storage.database.OLDEST_SERVER", 99)
    with pytest.raises(ConfigurationError, match="needs 99 or newer"):
        async with open_database(database_dsn):
            pass


@pytest.mark.parametrize(
    ("dsn", "reason"),
    [
        ("postgresql://segue:secret@127.0.0.1:1/segue", "No PostgreSQL answers"),
        ("postgresql:///segue?host=/nonexistent", "No PostgreSQL answers"),
        ("postgresql://segue:secret@nowhere.invalid/segue", "No PostgreSQL answers"),
        ("mysql://segue:secret@localhost/segue", "DATABASE_URL"),
        ("postgresql://segue:secret@localhost:port/segue", "DATABASE_URL"),
        ("nonsense", "DATABASE_URL"),
    ],
)
async def test_unusable_address_is_named_without_its_password(dsn: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as refused:
        async with open_database(dsn, AT_ONCE):
            pass
    assert "secret" not in str(refused.value)


async def test_database_that_does_not_exist_is_named(database_dsn: str) -> None:
    dsn = database_dsn.replace("/segue_test_", "/no_such_")
    with pytest.raises(ConfigurationError, match='database "no_such_'):
        async with open_database(dsn, AT_ONCE):
            pass


async def test_server_that_comes_late_is_waited_for(proxy: PostgresProxy) -> None:
    proxy.close()
    with structlog.testing.capture_logs() as logs:
        async with asyncio.TaskGroup() as tasks:
            opening = tasks.create_task(_ask(proxy.dsn))
            await until(lambda: logs)
            await proxy.open()
    assert opening.result() == 1
    assert logs[0]["event"] == "storage.waiting"


async def test_cancelled_callers_leave_the_pool_as_it_was(database: Database) -> None:
    for _ in range(20):
        with anyio.move_on_after(0.02):
            await database.run(lambda connection: connection.execute("SELECT pg_sleep(60)"))
    with anyio.fail_after(5):
        assert await database.run(lambda connection: connection.fetchval("SELECT 1")) == 1


async def _ask(dsn: str) -> object:
    async with open_database(dsn) as database:
        return await database.run(lambda connection: connection.fetchval("SELECT 1"))
