"""The server under measurement: as people run it, with a Postgres of its own."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from segue.auth.tokens import Claims, mint
from segue.ids import UserId

SECRET = "a secret for benchmarks only, forty letters"


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    process: psutil.Process

    def url(self, session: str) -> str:
        """Gives the address of a session, with a token."""
        now = datetime.now(UTC).timestamp()
        token = mint(SECRET.encode(), Claims(UserId("bench")), now=now, ttl_s=3600)
        return f"ws://127.0.0.1:{self.port}/v1/sync/{session}?token={token}"

    def cpu_s(self) -> dict[str, float]:
        """Gives CPU seconds by part: hub, workers, Postgres (which forks: counted anew each time)."""
        parts = {"hub": _cpu_s(self.process), "workers": 0.0, "postgres": 0.0}
        for child in self.process.children(recursive=True):
            part = "workers" if "segue.workers.main" in child.cmdline() else "postgres"
            parts[part] += _cpu_s(child)
        return parts


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def served(port: int) -> Iterator[Server]:
    """Starts a server in a folder of its own; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as folder:
        Path(folder).chmod(0o711)  # so that the account that runs Postgres for root can enter
        environment = {
            "PATH": os.environ["PATH"],  # noqa: TID251 - the server needs the system's programs
            "PORT": str(port),
            "SEGUE_SECRET": SECRET,
            "SEGUE_DATA": folder,
            "LOG_LEVEL": "error",
        }
        process = subprocess.Popen([sys.executable, "-m", "segue", "serve"], env=environment)
        try:
            _await_ready(port, process)
            yield Server(port, psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait()


def _await_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    address = Path(f"127.0.0.1:{port}") / "readyz"
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://{address}"):
                return
        except urllib.error.URLError:
            time.sleep(0.05)
    raise SystemExit("The server ended before it was ready; what it printed is above.")
