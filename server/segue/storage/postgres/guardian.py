"""Runs one command and ends it when the process that asked for it is gone, however it went.

A script of its own, started as `python -I -S guardian.py SPEC`; it imports little, because it starts
with every server and stays as long. Who ends, and what follows:

- the parent ends or is killed: its end of our stdin closes. A process that the parent forked may still
  hold that end, so our parent's pid is looked at as well, once a second.
- we are killed: the kernel sends the command SIGQUIT (PR_SET_PDEATHSIG, Linux only). Elsewhere the
  parent ends what we left behind, or the next start does.
- the command ends or is killed: we wait until all the processes that it started have closed its output,
  write the end of that output to stdout, and end with its status.

SPEC is JSON: `parent`, its pid; `command` and `env`; `uid` and `gid` to switch to, or null; `log` and
`log_bytes`; `hold`, a descriptor that stays open as long as we live, or null; `stops`, pairs of a signal
and the seconds until the next one; `scratch`, a flat folder removed once the parent is gone, or null.
The first line on stdout is the command's pid.
"""

import ctypes
import fcntl
import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from typing import Any, Final

_PR_SET_PDEATHSIG: Final = 1
_TAIL_BYTES: Final = 8192
_LOOK_S: Final = 1.0
_LINGER_S: Final = 5.0
_CONTROL: Final = 0


class Output:
    """What the command writes: to a log file of bounded size, and its end in memory."""

    def __init__(self, log: str, max_bytes: int) -> None:
        """Keeps at most twice `max_bytes` on disk: the file and the one before it."""
        self.tail = b""
        self._log = log
        self._max_bytes = max_bytes

    def write(self, data: bytes) -> None:
        """Takes it whatever the disk says: a reader that stops would stop Postgres at its next line.

        With a full disk the reason of a failure is only in memory.
        """
        self.tail = (self.tail + data)[-_TAIL_BYTES:]
        with suppress(OSError):
            self._append(data)

    def _append(self, data: bytes) -> None:
        file = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, data)
            full = os.fstat(file).st_size >= self._max_bytes
        finally:
            os.close(file)
        if full:
            os.replace(self._log, self._log + ".1")


class Stopping:
    """The signals that end the command, each with the time it gets, from polite to certain."""

    def __init__(self, child: int, stops: list[tuple[int, float]]) -> None:
        """Starts with nothing sent."""
        self._child = child
        self._stops = iter(stops)
        self._deadline: float | None = None

    def go_on(self, now: float) -> None:
        """Sends the first signal, or the next one if the last one's time is over."""
        if self._deadline is not None and now < self._deadline:
            return
        number, seconds = next(self._stops, (int(signal.SIGKILL), _LOOK_S))
        self._deadline = now + seconds
        os.kill(self._child, number)


def main() -> int:
    """Gives the command's exit status as a shell would: 128 + n when signal n ended it."""
    spec = json.loads(sys.argv[1])
    wake = _wake_on_child()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Sent to whole groups (Ctrl-C, a service's stop): the parent decides when Postgres may go.
        signal.signal(number, signal.SIG_IGN)
    if spec["hold"] is not None:
        fcntl.fcntl(spec["hold"], fcntl.F_SETFD, fcntl.FD_CLOEXEC)  # ours, not the command's
    reader, writer = os.pipe()
    child = _spawn(spec, writer)
    os.close(writer)
    _report(b"%d\n" % child)
    output = Output(spec["log"], spec["log_bytes"])
    status = _watch(spec, child, reader, wake, output)
    _drain(reader, output)
    if os.getppid() != spec["parent"]:
        _remove(spec["scratch"])
    _report(output.tail)
    return status


def _watch(spec: dict[str, Any], child: int, reader: int, wake: int, output: Output) -> int:
    """Passes output on until the command has ended; starts ending it once the parent is gone."""
    stopping: Stopping | None = None
    sources = [_CONTROL, reader, wake]
    while True:
        ready, _, _ = select.select(sources, [], [], _LOOK_S)
        if wake in ready:
            os.read(wake, 512)
        if reader in ready:
            data = os.read(reader, 65536)
            output.write(data)
            if not data:
                sources.remove(reader)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if stopping is None and (_parent_closed(ready) or os.getppid() != spec["parent"]):
            stopping = Stopping(child, spec["stops"])
            sources.remove(_CONTROL)
        if stopping is not None:
            stopping.go_on(time.monotonic())


def _parent_closed(ready: list[int]) -> bool:
    return _CONTROL in ready and not os.read(_CONTROL, 64)


def _drain(reader: int, output: Output) -> None:
    """Reads to the end, which comes when the last process of the command is gone; not for ever."""
    deadline = time.monotonic() + _LINGER_S
    while (left := deadline - time.monotonic()) > 0 and select.select([reader], [], [], left)[0]:
        data = os.read(reader, 65536)
        if not data:
            return
        output.write(data)


def _wake_on_child() -> int:
    """Gives a descriptor that is readable once a child has ended."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    return reader


def _spawn(spec: dict[str, Any], writer: int) -> int:
    # Loaded before the fork: the child does little more than system calls.
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
    guardian = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        _become(spec, writer)
        if prctl is not None:
            # After the switch of user, which clears it.
            prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)
        if os.getppid() == guardian:
            os.execve(spec["command"][0], spec["command"], spec["env"])  # noqa: S606 - a shell would add nothing
    except OSError as error:
        os.write(2, f"{spec['command'][0]}: {error}\n".encode())
    finally:
        os._exit(127)


def _become(spec: dict[str, Any], writer: int) -> None:
    """Turns the fork into what the command expects of a fresh process of its user."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(writer, 1)
    os.dup2(writer, 2)
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with suppress(OSError):
            signal.signal(number, signal.SIG_DFL)
    os.umask(0o077)
    os.chdir("/")
    if spec["uid"] is not None:
        os.setgroups([])
        os.setgid(spec["gid"])
        os.setuid(spec["uid"])


def _report(data: bytes) -> None:
    with suppress(OSError):  # the parent may be gone
        os.write(1, data)


def _remove(folder: str | None) -> None:
    """Removes the socket's folder where it is in /tmp; a parent that lives does it, or needs it again."""
    if folder is None:
        return
    with suppress(OSError):
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)


if __name__ == "__main__":
    sys.exit(main())
