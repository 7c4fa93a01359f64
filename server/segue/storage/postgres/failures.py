"""What went wrong with Postgres, in words for the person who has to do something about it."""

import errno
import shutil
from pathlib import Path
from typing import Final

from segue.errors import ConfigurationError, SegueError, StorageUnavailable

LEAST_FREE_BYTES: Final = 128 * 1024 * 1024
"""A new cluster takes 40 MB, its log of changes as much again when it is used."""

_LAST_BYTES: Final = 16 * 1024 * 1024  # one file of its log of changes; without it Postgres ends
_FULL: Final = ("No space left on device", "Disk quota exceeded")
_FULL_CODES: Final = (errno.ENOSPC, errno.EDQUOT)


def refuse_little_space(folder: Path) -> None:
    """Raises StorageUnavailable before a new cluster fills the disk to the brim."""
    if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
        raise disk_full("A new database can't be made", folder)


def disk_full(what: str, folder: Path) -> StorageUnavailable:
    """Says how much is free, and where."""
    free = shutil.disk_usage(folder).free / 1024 / 1024
    return StorageUnavailable(
        f"{what}: the disk of {folder} is full ({free:.0f} MB free, "
        f"{LEAST_FREE_BYTES // 1024 // 1024} MB needed). Free some space there, or move the data with "
        "SEGUE_DATA, then start again. Nothing that was acknowledged is lost."
    )


def failed(what: str, folder: Path, log: Path, output: str) -> SegueError:
    """Translates the last words of initdb or postgres."""
    if any(sign in output for sign in _FULL):
        return disk_full(what, folder)
    lines = [line for line in output.splitlines() if line.strip()][-8:]
    last = "\n  ".join(lines) or "(it said nothing)"
    return ConfigurationError(f"{what} in {folder}. It said:\n  {last}\nThe log is {log}.")


def unanswered(folder: Path, log: Path, error: Exception) -> StorageUnavailable:
    """Translates what a Postgres that has just started answered to its first statement."""
    if any(sign in str(error) for sign in _FULL) or shutil.disk_usage(folder).free < _LAST_BYTES:
        return disk_full("Postgres can't be used", folder)
    return StorageUnavailable(
        f"Postgres in {folder} started, and does not answer ({type(error).__name__}: {error}). Its log is {log}."
    )


def from_os(folder: Path, account: str, error: OSError) -> SegueError:
    """Translates what the system refused while the folder was made ready."""
    if error.errno in _FULL_CODES:
        return disk_full("Postgres can't be started", folder)
    return ConfigurationError(
        f"The data folder {folder} can't be used: {error.strerror} ({error.filename}). Postgres runs as "
        f"{account}, Segue must be able to write there: change the folder's owner, or choose another with "
        "SEGUE_DATA."
    )
