import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import structlog
from postgres_parents import all_gone, connect_again, postgres_in, try_to_start

from segue.errors import StorageUnavailable
from segue.storage.postgres.supervisor import EmbeddedPostgres
from waiting import until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk"),
]


@pytest.fixture
def mount(data: Path) -> Iterator[Callable[[str], None]]:
    """Mounts a small disk at the data folder."""
    mounted = []

    def small(options: str) -> None:
        data.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"mode=0711,{options}", "segue-test", str(data)]
        attempt = subprocess.run(command, capture_output=True, check=False, text=True)
        if attempt.returncode != 0:
            pytest.skip(
                f"this machine doesn't let root mount a small disk: {attempt.stderr.strip()}"
            )
        mounted.append(data)

    yield small
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def fill(data: Path) -> Path:
    """Leaves no byte free."""
    path = data / "ballast"
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 65536) == 65536:
                pass
        except OSError:
            pass
    return path


async def test_too_little_space_for_a_new_database_is_said_before_it_is_filled(
    data: Path, mount: Callable[[str], None]
) -> None:
    mount("size=60M")
    with pytest.raises(StorageUnavailable, match=rf"{data} is full \(60 MB free, 128 MB needed"):
        await try_to_start(EmbeddedPostgres(data))
    assert not (data / "cluster").exists()


async def test_a_disk_that_fills_up_while_a_database_is_made_leaves_no_half_of_it(
    data: Path, mount: Callable[[str], None]
) -> None:
    mount("size=300M,nr_inodes=400")
    with pytest.raises(StorageUnavailable, match=r"new database can't be made.*SEGUE_DATA"):
        await try_to_start(EmbeddedPostgres(data))
    assert not [name for name in os.listdir(data) if name.startswith("cluster")]


async def test_a_start_on_a_full_disk_says_so_and_works_once_there_is_space(
    data: Path, mount: Callable[[str], None]
) -> None:
    mount("size=300M")
    async with EmbeddedPostgres(data) as server:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        await connection.close()
    ballast = fill(data)

    with pytest.raises(StorageUnavailable, match=r"full \(0 MB free"):
        await try_to_start(EmbeddedPostgres(data))
    assert postgres_in(data) == []

    ballast.unlink()
    async with EmbeddedPostgres(data) as server:
        connection = await asyncpg.connect(server.dsn)
        assert await connection.fetchval("SELECT number FROM kept") == 1
        await connection.close()


async def test_a_disk_that_fills_up_while_it_runs_is_outlived(
    data: Path, mount: Callable[[str], None]
) -> None:
    mount("size=300M")
    with structlog.testing.capture_logs() as events:
        async with EmbeddedPostgres(data) as server:
            connection = await asyncpg.connect(server.dsn)
            await connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
            first = psutil.Process(server.pid)
            ballast = fill(data)
            with pytest.raises((asyncpg.PostgresError, OSError)):
                await write_until_it_fails(connection)
            connection.terminate()
            assert await asyncio.to_thread(all_gone, [first], 20)
            await until(lambda: "postgres.restart_failed" in {event["event"] for event in events})
            ballast.unlink()

            connection = await connect_again(server.dsn)
            assert await connection.fetchval("SELECT number FROM kept") == 1
            await connection.close()


async def write_until_it_fails(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Writes to Postgres' log of changes only, which ends it when there is no space for it."""
    for _ in range(400):
        await connection.execute(
            "SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 1000000))"
        )
