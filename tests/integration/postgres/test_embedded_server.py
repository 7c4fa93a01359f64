import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest

from segue.storage.postgres.account import account_for_postgres
from segue.storage.postgres.supervisor import EmbeddedPostgres

pytestmark = pytest.mark.anyio


async def value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def connect_as_a_stranger(path: str) -> str:
    """Tries to connect as an account of no one; gives what it says."""
    program = (
        "import os, socket\n"
        "os.setgroups([]); os.setgid(65533); os.setuid(65533)\n"
        f"socket.socket(socket.AF_UNIX).connect({path!r})"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    return subprocess.run(command, capture_output=True, check=False, text=True).stderr


async def test_data_is_there_after_a_stop_and_a_start(data: Path) -> None:
    async with EmbeddedPostgres(data) as server:
        await value(server.dsn, "CREATE TABLE kept AS SELECT 'Grüße 🎈' AS text")

    async with EmbeddedPostgres(data) as server:
        assert await value(server.dsn, "SELECT text FROM kept") == "Grüße 🎈"
    log = (data / "log" / "postgres.log").read_text()
    assert "received fast shutdown request" in log
    assert "not properly shut down" not in log


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("listen_addresses", ""),
        ("autovacuum", "on"),
        ("jit", "off"),
        ("max_connections", "50"),
        ("server_encoding", "UTF8"),
        ("data_checksums", "on"),
    ],
)
async def test_it_is_durable_and_private(running: str, setting: str, expected: str) -> None:
    assert await value(running, f"SHOW {setting}") == expected


async def test_texts_are_sorted_by_code_point_and_cased_by_unicode(running: str) -> None:
    assert await value(running, "SELECT upper('é') = 'É' AND 'Z' < 'a' AND 'z' < 'é'") is True


async def test_settings_given_by_a_test_win(data: Path) -> None:
    async with EmbeddedPostgres(data, extra_settings={"max_connections": "17"}) as server:
        assert await value(server.dsn, "SHOW max_connections") == "17"


async def test_a_data_folder_with_a_long_or_odd_path_has_its_socket_in_a_short_one(
    data: Path,
) -> None:
    odd = data / f"it's, a:long {'path' * 25}"
    async with EmbeddedPostgres(odd) as server:
        folder = str(await value(server.dsn, "SHOW unix_socket_directories"))
        assert folder.startswith("/tmp/segue-")
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert os.path.basename(folder) not in os.listdir("/tmp")


async def test_only_its_account_can_enter_the_folders_with_data_and_socket(data: Path) -> None:
    async with EmbeddedPostgres(data) as server:
        account = account_for_postgres()
        for name in ("cluster", "run"):
            status = (server.folder / name).stat()
            assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (account.uid, 0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try to get in as somebody else")
async def test_another_local_user_can_not_connect(data: Path) -> None:
    async with EmbeddedPostgres(data) as server:
        socket = f"{server.folder}/run/.s.PGSQL.5432"
        attempt = await asyncio.to_thread(connect_as_a_stranger, socket)
        assert "PermissionError" in attempt


async def test_postgres_does_not_run_as_root(data: Path) -> None:
    async with EmbeddedPostgres(data) as server:
        uids = set(psutil.Process(server.pid).uids())
    assert uids == {account_for_postgres().uid}
    assert 0 not in uids


async def test_its_log_stays_within_its_bound_however_much_it_says(data: Path) -> None:
    limit = 100_000
    chatty = {"log_statement": "all"}
    async with EmbeddedPostgres(data, extra_settings=chatty, log_bytes=limit) as server:
        connection = await asyncpg.connect(server.dsn)
        for number in range(200):
            await connection.execute(f"SELECT '{number}', '{'x' * 5000}'")
        await connection.close()
        folder = server.folder / "log"
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert set(sizes) == {"postgres.log", "postgres.log.1"}
    assert sizes["postgres.log.1"] >= limit
    assert max(sizes.values()) < limit + 65536 + 1


async def test_what_clients_write_is_not_logged(data: Path) -> None:
    async with EmbeddedPostgres(data) as server:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("CREATE TABLE words (word text PRIMARY KEY)")
        for _ in range(2):
            with_canary = connection.execute("INSERT INTO words VALUES ($1)", "canary")
            try:
                await with_canary
            except asyncpg.UniqueViolationError:
                break
        await connection.close()
        log = server.folder / "log" / "postgres.log"
    text = log.read_text()
    assert "duplicate key" in text
    assert "canary" not in text
