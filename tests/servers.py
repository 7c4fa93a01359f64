"""Starts, kills and restarts the real server and a real Postgres, each as processes of their own."""

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import anyio
import anyio.to_thread
import asyncpg
import psutil

from postgres_servers import throwaway_folder
from segue.auth.grants import Role
from segue.auth.tokens import Claims, mint
from segue.ids import DeviceId, DocumentId, UserId
from segue.storage.postgres.account import Account, account_for_postgres
from segue.storage.postgres.binaries import find_binaries
from segue.storage.postgres.place import MOVED

SECRET = "a secret for tests only, forty-two letters"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class NotReady(AssertionError):
    """A server ended or stayed silent instead of becoming ready; holds the end of its log."""


def new_session() -> str:
    """Gives a session id that nobody has used."""
    return secrets.token_hex(16)


def _die_with_parent() -> None:
    # So that nothing is left running when the tests themselves are killed.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class PostgresServer:
    """A cluster that nobody restarts but the test: to be killed, frozen and started on the same data.

    Made without the supervisor, and durable as an operator's own has to be.
    """

    folder: Path
    account: Account
    binaries: Path
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextmanager
    def created(cls) -> Iterator[Self]:
        """Makes a cluster and serves it; all of it is gone afterwards."""
        account = account_for_postgres()
        with throwaway_folder() as folder:
            account.own(folder)
            server = cls(folder, account, find_binaries(None, account, MOVED).folder)
            try:
                server._run(
                    "initdb", "-D", "data", "-U", "segue", "--auth=trust", "--no-sync", "-E", "UTF8"
                )
                server.start()
                yield server
            finally:
                server.kill()

    def dsn(self, database: str) -> str:
        """Gives the address of a database, as asyncpg and libpq read it."""
        return f"postgresql://segue@/{database}?host={self.folder}"

    async def new_database(self) -> str:
        """Makes an empty database; gives its address."""
        name = f"test_{secrets.token_hex(6)}"
        connection = await asyncpg.connect(self.dsn("postgres"))
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return self.dsn(name)

    def start(self) -> None:
        """Serves the data; returns once it takes connections."""
        options = (
            "listen_addresses=",
            f"unix_socket_directories={self.folder}",
            "shared_buffers=32MB",
        )
        arguments = [argument for option in options for argument in ("-c", option)]
        log = (self.folder / "log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", "-D", "data", *arguments],
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
                **self._as_account(),
            )
        deadline = time.monotonic() + 30
        while not self._is_ready():
            assert self.process.poll() is None, "Postgres ended at its start"
            assert time.monotonic() < deadline, "Postgres did not become ready"

    def kill(self) -> None:
        """Ends every process of it with SIGKILL; what was not on disk is gone."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if self.process is not None:
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """Ends it as an operator does: every connection is told so and ended."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        self.process = None

    def processes(self) -> list[psutil.Process]:
        """Gives its processes, the postmaster first."""
        if self.process is None or self.process.poll() is not None:
            return []
        postmaster = psutil.Process(self.process.pid)
        return [postmaster, *postmaster.children(recursive=True)]

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Freezes it: connections stay open, nothing is answered."""
        frozen = self.processes()
        for process in frozen:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        try:
            yield
        finally:
            for process in frozen:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def _is_ready(self) -> bool:
        asked = [self.binaries / "pg_isready", "-q", "-t", "1", "-h", self.folder]
        return subprocess.run(asked, check=False, **self._as_account()).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self.binaries / program, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            **self._as_account(),
        )

    def _as_account(self) -> dict[str, object]:
        switch = {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}
        return {
            "cwd": self.folder,
            "env": {"LC_ALL": "C"},
            **(switch if self.account.switch else {}),
        }


@dataclass
class SegueServer:
    """The server as people run it: `python -m segue serve`, on a port and with data that it keeps."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    database_url: str | None = None
    port: int = field(default_factory=_free_port)
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    @asynccontextmanager
    async def started(
        cls, folder: Path, *, database_url: str | None = None, **settings: str
    ) -> AsyncIterator[Self]:
        """Starts it and waits until it is ready; it and its children are gone afterwards."""
        server = cls(folder, settings, database_url)
        try:
            if database_url is not None:
                await server.migrate()
            await server.start()
            yield server
        finally:
            with anyio.CancelScope(shield=True):
                await server.end()

    @property
    def url(self) -> str:
        """The address for sync clients; they add the path of their dialect."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def dsn(self) -> str:
        """The address of its database, where that isn't one of its own."""
        assert self.database_url is not None
        return self.database_url

    @property
    def log(self) -> Path:
        """What all its lives have written."""
        return self.folder / "server.log"

    def token(
        self,
        user: str,
        *,
        sessions: Mapping[str, Role] | None = None,
        ttl_s: float = 3600,
        device: str = "",
        scope: str = "",
        now: float | None = None,
    ) -> str:
        """Mints a token of this server."""
        claims = Claims(
            user=UserId(user),
            device=DeviceId(device),
            scope=scope,
            sessions=None
            if sessions is None
            else {DocumentId(key): role for key, role in sessions.items()},
        )
        return mint(SECRET.encode(), claims, now=now or datetime.now(UTC).timestamp(), ttl_s=ttl_s)

    async def migrate(self) -> None:
        """Brings the database to this version's schema, as a release does before it serves."""
        done = await anyio.run_process(
            [sys.executable, "-m", "segue", "migrate"],
            cwd=self.folder,
            env=self._environment(),
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()

    async def start(self, *, ready: bool = True) -> None:
        """Starts a life of the server, by default up to the moment it is ready."""
        self._launch()
        if ready:
            await self.ready()

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],  # noqa: TID251 - the server needs the system's programs
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "SEGUE_SECRET": SECRET,
            "SEGUE_DATA": str(self.folder / "data"),
            **({} if self.database_url is None else {"DATABASE_URL": self.database_url}),
            **self.settings,
        }

    def _launch(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "segue", "serve"],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    async def ready(self, timeout_s: float = 60) -> None:
        """Returns once `/readyz` answers 200."""
        deadline = time.monotonic() + timeout_s
        while await self.status("/readyz") != 200:
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise NotReady(f"status {self.process.poll()}: {self.log.read_text()[-3000:]}")
            await anyio.sleep(0.02)  # it has no way to call us

    async def status(self, path: str) -> int | None:
        """Gives the HTTP status of a path; None when nobody answers."""
        try:
            with anyio.fail_after(30):
                stream = await anyio.connect_tcp("127.0.0.1", self.port)
                async with stream:
                    await stream.send(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
                    return int((await stream.receive()).split(b" ", 2)[1])
        except (OSError, anyio.EndOfStream, anyio.BrokenResourceError, TimeoutError):
            return None

    def kill(self) -> None:
        """Ends the hub process with SIGKILL, as a crash does. Its children are its own affair."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    async def terminate(self, timeout_s: float = 30) -> int:
        """Asks it to stop; returns its exit status once it has."""
        assert self.process is not None
        process = self.process
        process.terminate()
        with anyio.fail_after(timeout_s):
            return await anyio.to_thread.run_sync(process.wait, abandon_on_cancel=True)

    async def restart(self) -> None:
        """Kills it and starts it again on the same port and data."""
        self.kill()
        await self.start()

    async def end(self) -> None:
        """Leaves nothing running, whatever state it is in."""
        if self.process is None:
            return
        children = self._family()
        with suppress(TimeoutError, psutil.NoSuchProcess):
            if self.process.poll() is None:
                await self.terminate(timeout_s=10)
        for process in children:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def workers(self) -> list[psutil.Process]:
        """Gives its document workers."""
        return [process for process in self._family() if _is_worker(process)]

    def postmaster(self) -> psutil.Process:
        """Gives the first process of the Postgres that it runs itself."""
        postgres = [process for process in self._family() if process.name() == "postgres"]
        pids = {process.pid for process in postgres}
        (first,) = [process for process in postgres if process.ppid() not in pids]
        return first

    def _family(self) -> list[psutil.Process]:
        assert self.process is not None
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "segue.workers.main" in process.cmdline()
    except psutil.NoSuchProcess:  # gone meanwhile, or dead and not yet buried
        return False
