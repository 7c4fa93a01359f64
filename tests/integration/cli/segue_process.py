"""Runs `segue` as people do: a process of its own in a folder of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SEGUE = (sys.executable, "-m", "segue")


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int
    out: list[str]
    err: str


def environment(**variables: str) -> dict[str, str]:
    """Gives what every process needs, and no setting of whoever runs the tests."""
    passed_on = os.environ  # noqa: TID251 - for other processes, not for a setting
    kept = {key: passed_on[key] for key in ("HOME", "LANG") if key in passed_on}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{passed_on['PATH']}"
    return {"PATH": programs, **kept, **variables}


def run(folder: Path, *arguments: str, **variables: str) -> Outcome:
    """Runs a command to its end."""
    done = subprocess.run(
        [*SEGUE, *arguments],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.splitlines(), done.stderr)


class Server:
    """A server that is running; its stdout is read line by line, its stderr is in a file."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log
        self.out: list[str] = []

    @property
    def log(self) -> str:
        return self._log.read_text()

    def read_until(self, text: str) -> str:
        """Gives the first line with `text` on stdout; fails when the process ends without it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.out.append(line.rstrip("\n"))
            if text in line:
                return self.out[-1]
        raise AssertionError(f"ended without {text!r}:\n{self.out}\n{self.log}")

    def value(self, name: str) -> str:
        """Gives what the banner says of something."""
        line = next(line for line in self.out if line.strip().startswith(name))
        return line.split("   ")[-1].strip()

    def interrupt(self) -> int:
        """Presses Ctrl+C; gives the exit code."""
        self.process.send_signal(signal.SIGINT)
        self.out += (self.process.communicate(timeout=30)[0] or "").splitlines()
        return self.process.returncode


@contextmanager
def running(
    command: Sequence[str], folder: Path, *, merged: bool = False, **variables: str
) -> Iterator[Server]:
    """Starts a server; it is gone afterwards. With `merged` its stdout holds its log too."""
    log = folder / "stderr"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else stderr,
            text=True,
            start_new_session=True,
        )
    try:
        yield Server(process, log)
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """Ends what was started, a shell's child included."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=20)
            return
