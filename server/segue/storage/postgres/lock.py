"""One server a folder: a file locked as long as the server, or its dying Postgres, lives.

The lock (flock) belongs to the open file, not to a pid, so it can't go stale. The guardian holds the
same open file: after a kill -9 of the server the folder is free only when its Postgres is gone, and a
new start waits for exactly that.
"""

import asyncio
import fcntl
import os
from pathlib import Path
from typing import Final

import psutil

from segue.errors import ConfigurationError, StorageUnavailable

_POLL_S: Final = 0.05


class FolderLock:
    """The lock of one folder, held from `take` to `release`."""

    def __init__(self, descriptor: int) -> None:
        """Use `take`."""
        self.descriptor = descriptor

    @classmethod
    async def take(cls, folder: Path, wait_s: float) -> "FolderLock":
        """Takes the lock, waiting for a server that is gone to let go of it.

        Raises:
            ConfigurationError: a living server uses the folder.
            StorageUnavailable: the Postgres of a dead one didn't end in time.
        """
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            await _lock(folder, descriptor, wait_s)
        except BaseException:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {_started(os.getpid())}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Lets others have it; the file stays, since removing it would free a lock that is held."""
        os.close(self.descriptor)


async def _lock(folder: Path, descriptor: int, wait_s: float) -> None:
    try:
        async with asyncio.timeout(wait_s):
            while not try_lock(descriptor):
                _refuse_if_alive(folder, descriptor)
                await asyncio.sleep(_POLL_S)
    except TimeoutError as error:
        raise StorageUnavailable(
            f"The Postgres of a server that is gone still uses {folder} after {wait_s:.0f} s "
            f"(its server was pid {_holder(descriptor)[0]}). Start again in a moment."
        ) from error


def try_lock(descriptor: int) -> bool:
    """Takes the lock if it is free."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refuse_if_alive(folder: Path, descriptor: int) -> None:
    """Raises if the holder lives; one that reuses its pid was started at another time."""
    pid, started = _holder(descriptor)
    if pid is not None and started == _started(pid):
        raise ConfigurationError(
            f"Another Segue server (pid {pid}) uses the data folder {folder}. "
            "Stop that one first, or give this one a folder of its own with SEGUE_DATA."
        )


def _holder(descriptor: int) -> tuple[int | None, str]:
    pid, _, started = os.pread(descriptor, 64, 0).decode().strip().partition(" ")
    return (int(pid), started) if pid.isdigit() else (None, "")


def _started(pid: int) -> str:
    """Gives the start time of a process, empty if there is none; the two together never come again."""
    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.Error:
        return ""
