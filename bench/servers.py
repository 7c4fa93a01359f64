"""The servers under measurement, each as its own README starts it."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from segue.auth.tokens import Claims, mint
from segue.ids import UserId

_SECRET = "a secret for benchmarks only, forty letters"
_PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Address:
    """How to reach one document: Hocuspocus names it in every frame, y-websocket in the URL."""

    url: str
    prefix: bytes = b""
    greetings: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Server:
    """A running server."""

    name: str
    process: psutil.Process
    address: Callable[[str], Address]

    def cpu_s(self) -> dict[str, float]:
        """Gives CPU seconds by part; children are looked for anew each time (Postgres forks)."""
        parts = {"server": _cpu_s(self.process), "workers": 0.0, "postgres": 0.0}
        for child in self.process.children(recursive=True):
            part = "workers" if "segue.workers.main" in child.cmdline() else "postgres"
            parts[part] += _cpu_s(child)
        return parts

    def memory_bytes(self) -> int:
        """Gives the memory of all its processes that they share with nobody."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(int(process.memory_full_info().uss) for process in family)


@contextmanager
def segue(dialect: str) -> Iterator[Server]:
    """Runs Segue with a Postgres of its own, durable as always."""
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as folder:
        Path(folder).chmod(0o711)  # so that the account that runs Postgres for root can enter
        settings = {"SEGUE_SECRET": _SECRET, "SEGUE_DATA": folder, "LOG_LEVEL": "error"}
        command = [sys.executable, "-m", "segue", "serve"]
        with _running(command, settings) as (process, port):
            now = datetime.now(UTC).timestamp()
            token = mint(_SECRET.encode(), Claims(UserId("bench")), now=now, ttl_s=3600)
            name = f"Segue, {dialect}"
            yield Server(name, process, _addresses(dialect, port, token))


@contextmanager
def y_websocket_server() -> Iterator[Server]:
    """Runs the reference server of y-websocket: in memory, nothing is stored.

    Its CommonJS build: the other one does not start beside the newest `ws`.
    """
    command = ["node", "node_modules/@y/websocket-server/dist/server.cjs"]
    with _running(command, {"HOST": "127.0.0.1"}) as (process, port):
        yield Server(
            "@y/websocket-server, in memory",
            process,
            lambda name: Address(f"ws://127.0.0.1:{port}/{name}"),
        )


@contextmanager
def hocuspocus() -> Iterator[Server]:
    """Runs Hocuspocus: in memory, nothing is stored."""
    with _running(["node", "hocuspocus.mjs"], {}) as (process, port):
        address = f"ws://127.0.0.1:{port}"
        yield Server("Hocuspocus, in memory", process, lambda name: _multiplexed(address, name, ""))


def _addresses(dialect: str, port: int, token: str) -> Callable[[str], Address]:
    base = f"ws://127.0.0.1:{port}/v1"
    if dialect == "y-websocket":
        return lambda name: Address(f"{base}/sync/{name}?token={token}")
    return lambda name: _multiplexed(f"{base}/collab", name, token)


def _multiplexed(url: str, name: str, token: str) -> Address:
    prefix = bytes((len(name),)) + name.encode()
    size = len(token)
    sized = bytes((size & 127 | 128, size >> 7) if size > 127 else (size,)) + token.encode()
    return Address(url, prefix, (prefix + b"\x02\x00" + sized,))


@contextmanager
def _running(
    command: Sequence[str], settings: Mapping[str, str]
) -> Iterator[tuple[psutil.Process, int]]:
    port = _free_port()
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), **settings}  # noqa: TID251 - programs
    process = subprocess.Popen(command, cwd=_PEERS, env=environment, stdout=subprocess.DEVNULL)
    try:
        _await_listening(port, process)
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _await_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            # Segue answers from the first moment and takes devices a little later: ask for that.
            with socket.create_connection(("127.0.0.1", port), timeout=1) as asking:
                asking.sendall(b"GET /readyz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
                if b" 503 " not in asking.recv(64):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit("A server ended before it was ready; what it printed is above.")


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
