import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest
from postgres_parents import launched, parent, postgres_in, try_to_start

from postgres_servers import FAST
from segue.errors import ConfigurationError
from segue.storage.postgres import cluster
from segue.storage.postgres.account import account_for_postgres
from segue.storage.postgres.binaries import find_binaries
from segue.storage.postgres.place import MOVED, Place
from segue.storage.postgres.supervisor import EmbeddedPostgres
from waiting import until

pytestmark = pytest.mark.anyio

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run things as others")


async def start_once(data: Path) -> None:
    async with EmbeddedPostgres(data, extra_settings=FAST) as server:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        await connection.execute("INSERT INTO kept VALUES (1)")
        await connection.close()


async def count(data: Path) -> object:
    async with EmbeddedPostgres(data, extra_settings=FAST) as server:
        connection = await asyncpg.connect(server.dsn)
        found = await connection.fetchval("SELECT count(*) FROM kept")
        await connection.close()
        return found


@contextmanager
def run_as_postgres_does(*command: str) -> Iterator[psutil.Popen]:
    account = account_for_postgres()
    process = psutil.Popen(
        command,
        user=account.uid if account.switch else None,
        group=account.gid if account.switch else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


async def test_a_second_server_on_the_folder_is_refused_and_the_first_goes_on(data: Path) -> None:
    with parent(data) as first:
        with pytest.raises(ConfigurationError) as refusal:
            await try_to_start(EmbeddedPostgres(data))

        assert str(data) in str(refusal.value)
        assert str(first.process.pid) in str(refusal.value)
        assert "SEGUE_DATA" in str(refusal.value)
        connection = await asyncpg.connect(first.dsn)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()


async def test_the_folder_is_free_again_after_a_stop(data: Path) -> None:
    async with EmbeddedPostgres(data, extra_settings=FAST):
        with pytest.raises(ConfigurationError):
            await try_to_start(EmbeddedPostgres(data))
    await start_once(data)


async def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(data: Path) -> None:
    async with EmbeddedPostgres(data, extra_settings=FAST):
        lines = (data / "cluster" / "postmaster.pid").read_text().splitlines()
    with run_as_postgres_does("/bin/sleep", "600") as stranger:
        file = data / "cluster" / "postmaster.pid"
        file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        account_for_postgres().own(file)

        await start_once(data)

        assert stranger.poll() is None


async def test_a_pid_file_of_a_process_that_is_gone_does_not_stop_the_start(data: Path) -> None:
    await start_once(data)
    with run_as_postgres_does("/bin/true") as gone:
        gone.wait()
    file = data / "cluster" / "postmaster.pid"
    file.write_text(f"{gone.pid}\n{data}\n1\n5432\n\n\n 1 1\nready   \n")
    account_for_postgres().own(file)

    assert await count(data) == 1


async def test_a_postgres_without_a_server_is_ended_first(data: Path) -> None:
    """As where the kernel doesn't end the command of a killed guardian."""
    await start_once(data)
    binaries = find_binaries(None, account_for_postgres(), MOVED)
    with run_as_postgres_does(
        *cluster.postgres_command(binaries, Place(data, moved=False))
    ) as orphan:
        await until(lambda: cluster.is_ready(Place(data, moved=False), orphan.pid))
        async with asyncio.timeout(10):
            assert await count(data) == 1
        assert orphan.wait() == 0


async def test_someone_looking_round_in_the_data_folder_is_left_alone(data: Path) -> None:
    await start_once(data)
    with psutil.Popen(["/bin/sleep", "600"], cwd=data / "cluster") as onlooker:
        assert await count(data) == 1
        assert onlooker.poll() is None
        onlooker.kill()


async def test_a_kill_while_the_database_is_made_leaves_nothing_that_looks_made(data: Path) -> None:
    with launched(data) as killed:
        await until(lambda: any(data.glob("cluster*/PG_VERSION")))
        killed.kill()
    assert not (data / "cluster").exists()

    await start_once(data)

    assert await count(data) == 1
    assert [name for name in os.listdir(data) if name.startswith("cluster")] == ["cluster"]


async def test_data_of_another_major_version_is_refused_untouched(data: Path) -> None:
    await start_once(data)
    version = data / "cluster" / "PG_VERSION"
    made_by = version.read_text()
    version.write_text("14\n")

    with pytest.raises(ConfigurationError, match=r"PostgreSQL 14, and this is \d+.*pg_dump"):
        await try_to_start(EmbeddedPostgres(data))

    version.write_text(made_by)
    assert await count(data) == 1


async def test_files_that_are_no_cluster_are_refused_untouched(data: Path) -> None:
    await start_once(data)
    (data / "cluster" / "PG_VERSION").unlink()

    with pytest.raises(ConfigurationError, match="no Postgres cluster"):
        await try_to_start(EmbeddedPostgres(data))

    assert (data / "cluster" / "base").is_dir()


@root_only
async def test_data_of_another_owner_is_refused_with_the_command_that_helps(data: Path) -> None:
    await start_once(data)
    account = account_for_postgres()
    shutil.chown(data / "cluster", 12345)

    with pytest.raises(ConfigurationError, match=rf"uid 12345.*chown -R {account.uid} "):
        await try_to_start(EmbeddedPostgres(data))


async def test_a_folder_that_can_not_be_made_is_named(data: Path) -> None:
    (data.parent / "file").touch()

    with pytest.raises(ConfigurationError, match=r"file/data can't be used.*SEGUE_DATA"):
        await try_to_start(EmbeddedPostgres(data.parent / "file" / "data"))


async def test_programs_that_do_not_run_are_named(data: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"/nowhere/postgres does not run.*DATABASE_URL"):
        await try_to_start(EmbeddedPostgres(data, binaries=Path("/nowhere")))


async def test_a_setting_that_postgres_refuses_is_told_in_its_words(data: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"shared_bufers(.|\n)*postgres\.log"):
        await try_to_start(EmbeddedPostgres(data, extra_settings={"shared_bufers": "1"}))
    assert postgres_in(data) == []
