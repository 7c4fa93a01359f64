"""A server process to kill: starts the embedded Postgres, says where, and waits for its end."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil
import structlog
import uvloop

from segue.storage.postgres.supervisor import EmbeddedPostgres


@dataclass(frozen=True)
class Parent:
    """A running server process and what it started."""

    process: "subprocess.Popen[str]"
    dsn: str
    postgres: psutil.Process
    guardian: psutil.Process


@contextmanager
def launched(data: Path, *, holder: bool = False) -> Iterator["subprocess.Popen[str]"]:
    """Runs one in a process of its own, killed at the end; it says on stdout when it is up."""
    command = [sys.executable, __file__, str(data), "holder" if holder else "alone"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def parent(data: Path, *, holder: bool = False) -> Iterator[Parent]:
    """Runs one that is up; with `holder` it has a forked child that shares its descriptors."""
    with launched(data, holder=holder) as process:
        assert process.stdout
        told = json.loads(process.stdout.readline())
        guardian = psutil.Process(told["guardian"])
        try:
            yield Parent(process, told["dsn"], psutil.Process(told["postgres"]), guardian)
        finally:
            with suppress(psutil.NoSuchProcess):
                guardian.resume()  # a test may have left it suspended


def postgres_in(data: Path) -> list[psutil.Process]:
    """Gives the postgres processes that work in the data folder, whoever started them."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == "postgres" and Path(process.cwd()).is_relative_to(data):
                found.append(process)
    return found


def all_gone(processes: list[psutil.Process], within_s: float) -> bool:
    """Waits for the end of processes that needn't be our children."""
    _, alive = psutil.wait_procs(processes, timeout=within_s)
    return not alive


async def try_to_start(server: EmbeddedPostgres) -> None:
    """Starts it; stops it again if it did start, so that a test that fails leaves nothing behind."""
    async with server:
        pass


async def connect_again(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Connects as soon as the server takes connections again, as a pool does."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await asyncpg.connect(dsn)
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.02)


async def _serve(data: Path, *, holder: bool) -> None:
    async with EmbeddedPostgres(data) as server:
        if holder:
            _fork_holder()
        told = {
            "dsn": server.dsn,
            "postgres": server.pid,
            "guardian": server.guardian_pid,
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


def _fork_holder() -> None:
    """Forks a child that keeps every descriptor open, until the test closes its input."""
    if os.fork() == 0:
        os.read(0, 1)
        os._exit(0)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    uvloop.run(_serve(Path(sys.argv[1]), holder=sys.argv[2] == "holder"))
