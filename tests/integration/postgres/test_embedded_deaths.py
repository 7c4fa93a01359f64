import asyncio
import os
import select
import signal
from pathlib import Path

import asyncpg
import pytest
from postgres_parents import Parent, all_gone, connect_again, parent, postgres_in

from segue.storage.postgres import lock
from segue.storage.postgres.supervisor import EmbeddedPostgres
from waiting import until

pytestmark = pytest.mark.anyio


def test_no_postgres_outlives_a_parent_that_was_killed(data: Path) -> None:
    with parent(data) as killed:
        processes = [killed.guardian, *postgres_in(data)]
        killed.process.kill()

        assert all_gone(processes, within_s=5)
        assert "received fast shutdown request" in (data / "log" / "postgres.log").read_text()


def test_no_postgres_outlives_it_when_another_process_holds_its_end_of_the_pipe(data: Path) -> None:
    with parent(data, holder=True) as killed:
        processes = [killed.guardian, *postgres_in(data)]
        killed.process.kill()

        assert all_gone(processes, within_s=8)


@pytest.mark.skipif(not Path("/proc").exists(), reason="the kernel does it on Linux only")
def test_no_postgres_outlives_parent_and_guardian_killed_at_once(data: Path) -> None:
    with parent(data) as killed:
        processes = postgres_in(data)
        os.kill(killed.guardian.pid, signal.SIGSTOP)
        killed.process.kill()
        killed.guardian.kill()

        assert all_gone(processes, within_s=8)


async def test_a_new_server_waits_for_the_postgres_of_a_killed_one(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []
    take = lock.try_lock
    monkeypatch.setattr(lock, "try_lock", lambda file: attempts.append(take(file)) or attempts[-1])

    async def let_go_once_waited_for(killed: Parent) -> None:
        await until(lambda: len(attempts) > 2)
        assert not any(attempts)
        assert killed.postgres.is_running()
        killed.guardian.resume()

    with parent(data) as killed:
        connection = await asyncpg.connect(killed.dsn)
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        killed.guardian.suspend()  # so that the old one is still there when the new one comes
        killed.process.kill()
        killed.process.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(let_go_once_waited_for(killed))
            async with EmbeddedPostgres(data) as server:
                again = await asyncpg.connect(server.dsn)
                assert await again.fetchval("SELECT number FROM kept") == 1
                await again.close()
        connection.terminate()
        assert "not properly shut down" not in (data / "log" / "postgres.log").read_text()


@pytest.mark.parametrize("victim", ["postgres", "guardian"])
async def test_a_killed_postgres_is_restarted_with_its_data(data: Path, victim: str) -> None:
    async with EmbeddedPostgres(data) as server:
        dsn = server.dsn
        connection = await asyncpg.connect(dsn)
        await connection.execute("CREATE TABLE kept (number int)")
        for number in range(3):
            await connection.execute("INSERT INTO kept VALUES ($1)", number)
            before = server.pid
            os.kill(before if victim == "postgres" else server.guardian_pid, signal.SIGKILL)
            connection.terminate()
            await until(lambda: server.pid != before)  # noqa: B023 - read before the next round
            connection = await connect_again(dsn)
            assert await connection.fetchval("SELECT count(*) FROM kept") == number + 1
        assert server.dsn == dsn
        await connection.close()


async def test_a_stop_while_postgres_is_dead_returns_and_leaves_nothing(data: Path) -> None:
    async with EmbeddedPostgres(data) as server:
        os.kill(server.pid, signal.SIGKILL)
    assert postgres_in(data) == []


async def test_ctrl_c_in_the_terminal_leaves_postgres_to_its_server(data: Path) -> None:
    async with EmbeddedPostgres(data) as server:
        for pid in (server.pid, server.guardian_pid):
            assert os.getsid(pid) != os.getsid(0)
        os.kill(server.guardian_pid, signal.SIGINT)
        os.kill(server.guardian_pid, signal.SIGTERM)
        connection = await asyncpg.connect(server.dsn)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()


async def test_a_stop_does_not_wait_for_clients(data: Path) -> None:
    server = EmbeddedPostgres(data)
    connection = await asyncpg.connect(await server.start())
    async with asyncio.timeout(15):
        await server.stop()
    with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InterfaceError)):
        await connection.fetchval("SELECT 1")
    connection.terminate()


async def test_postgres_holds_no_descriptor_of_its_server(data: Path) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    async with EmbeddedPostgres(data):
        os.close(writer)
        assert select.select([reader], [], [], 0)[0], "the other end is still open somewhere"
        assert os.read(reader, 1) == b""
    os.close(reader)
