"""The parent's side of guardian.py: a command that never outlives us."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from typing_extensions import override

from segue.storage.postgres.account import Account

_GUARDIAN: Final = str(Path(__file__).with_name("guardian.py"))

# Nothing of ours: PGDATA, PGOPTIONS, a locale or a token would change what Postgres does or shows.
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

Stop = tuple[signal.Signals, float]
"""A signal, and the seconds that it gets before the next one."""


@dataclass(frozen=True, slots=True)
class Guarding:
    """What a guarded command gets from its surroundings."""

    account: Account
    log: Path
    log_bytes: int
    stops: tuple[Stop, ...]
    hold: int | None = None
    scratch: Path | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended: 0, its own status, or 128 + the signal; and the end of its output."""

    status: int
    tail: str


class _Report(asyncio.Protocol):
    """What the guardian says: a first line, then the tail; the end of it is the guardian's end."""

    def __init__(self) -> None:
        self.said = b""
        self.has_line = asyncio.Event()
        self.over = asyncio.Event()

    @override
    def data_received(self, data: bytes) -> None:
        self.said += data
        if b"\n" in self.said:
            self.has_line.set()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.has_line.set()
        self.over.set()


class Guarded:
    """One running command and its guardian.

    Made of subprocess.Popen and a pipe, since uvloop's own subprocesses (0.23) hand every inheritable
    descriptor to the child: one that Postgres holds keeps somebody's file, or its end, open.
    """

    def __init__(self, guardian: "subprocess.Popen[bytes]", report: _Report) -> None:
        """Use `start`."""
        self.pid: int | None = None
        self._guardian = guardian
        self._report = report

    @classmethod
    async def start(cls, command: Sequence[str], guarding: Guarding) -> Self:
        """Starts the command; it ends with us from the first moment on."""
        guardian = _spawn(command, guarding)
        report = _Report()
        await asyncio.get_running_loop().connect_read_pipe(lambda: report, guardian.stdout)
        guarded = cls(guardian, report)
        await report.has_line.wait()
        first, _, _ = report.said.partition(b"\n")
        guarded.pid = int(first) if first.isdigit() else None
        return guarded

    @property
    def guardian_pid(self) -> int:
        """The pid of the process between us and the command."""
        return self._guardian.pid

    @property
    def ended(self) -> bool:
        """Tells whether `wait` returns at once."""
        return self._report.over.is_set()

    def ask_to_stop(self) -> None:
        """Has the guardian end the command, signal after signal; returns at once."""
        assert self._guardian.stdin is not None
        self._guardian.stdin.close()

    async def stop(self, within_s: float) -> None:
        """Ends the command and returns when it is gone; after `within_s` its guardian is killed.

        Then the kernel sends the command SIGQUIT (Linux), and what is left is for the next start.
        """
        self.ask_to_stop()
        try:
            async with asyncio.timeout(within_s):
                await self._report.over.wait()
        except TimeoutError:
            self._guardian.kill()
        await self.wait()

    async def wait(self) -> Ending:
        """Returns when the command and all that it started are gone (or its guardian was killed)."""
        await self._report.over.wait()
        # Its output is closed, so it has ended or is about to.
        status = await asyncio.to_thread(self._guardian.wait)
        self.ask_to_stop()  # frees the pipe
        said = self._report.said.decode(errors="replace")
        tail = said if self.pid is None else said.partition("\n")[2]
        return Ending(status if status >= 0 else 128 - status, tail)


async def run(command: Sequence[str], guarding: Guarding) -> Ending:
    """Runs the command to its end; cancelling has its guardian end it."""
    guarded = await Guarded.start(command, guarding)
    try:
        return await guarded.wait()
    finally:
        guarded.ask_to_stop()


def _spawn(command: Sequence[str], guarding: Guarding) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - a script of ours, no shell
        [sys.executable, "-I", "-S", _GUARDIAN, _spec(command, guarding)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_ENVIRONMENT,
        cwd="/",
        # A session of its own: Ctrl-C in our terminal is for us to answer, not for Postgres.
        start_new_session=True,
        pass_fds=() if guarding.hold is None else (guarding.hold,),
    )


def _spec(command: Sequence[str], guarding: Guarding) -> str:
    account = guarding.account
    return json.dumps(
        {
            "parent": os.getpid(),
            "command": list(command),
            "env": _ENVIRONMENT,
            "uid": account.uid if account.switch else None,
            "gid": account.gid if account.switch else None,
            "log": str(guarding.log),
            "log_bytes": guarding.log_bytes,
            "hold": guarding.hold,
            "stops": [(int(number), seconds) for number, seconds in guarding.stops],
            "scratch": None if guarding.scratch is None else str(guarding.scratch),
        }
    )
