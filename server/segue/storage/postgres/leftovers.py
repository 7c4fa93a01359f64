"""What an earlier server left in a data folder whose lock is ours: processes to end, a pid file to remove.

Postgres refuses to start while its pid file names any living process, which after a kill -9 of everything
may be somebody else's (in a container pids start again at 1). So the processes are looked at, not the file:
a postgres whose working directory is the cluster is one of ours, and nothing else is.
"""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from segue.errors import StorageUnavailable

_STEPS: Final = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 8.0), (signal.SIGKILL, 5.0))
"""Fast, immediate, certain; with the seconds that each gets. The parts of a server follow their postmaster."""

_POLL_S: Final = 0.02


async def end_leftovers(cluster: Path) -> tuple[int, ...]:
    """Ends what still runs in the folder, removes its pid file; gives the pids that were there.

    Call it with the folder's lock held: what runs then has no server.

    Raises:
        StorageUnavailable: something doesn't end.
    """
    found = _running_in(cluster)
    for number, seconds in _STEPS:
        _signal(_running_in(cluster), number)
        if await _gone_within(cluster, seconds):
            _remove_misleading_pid_file(cluster / "postmaster.pid")
            return tuple(process.pid for process in found)
    pids = ", ".join(str(process.pid) for process in _running_in(cluster))
    raise StorageUnavailable(
        f"An old Postgres (pid {pids}) in {cluster} does not end, not even by SIGKILL: the disk below it "
        "may hang. Look at that disk, then start again."
    )


def _remove_misleading_pid_file(path: Path) -> None:
    """Removes it if a stranger has its pid now; else it stays, for what Postgres itself checks with it."""
    try:
        pid = path.read_text().partition("\n")[0].strip()
    except FileNotFoundError:
        return
    if not pid.isdigit() or psutil.pid_exists(int(pid)):
        path.unlink(missing_ok=True)


def _running_in(cluster: Path) -> list[psutil.Process]:
    """Gives every postgres process that works in the folder."""
    return [process for process in psutil.process_iter() if _works_in(process, cluster)]


def _works_in(process: psutil.Process, cluster: Path) -> bool:
    try:
        # Not whatever has the folder as its working directory: an operator's shell may.
        return process.name() == "postgres" and Path(process.cwd()) == cluster
    except psutil.Error:
        return False


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    """Signals the postmaster, which ends the others; all of them when it is SIGKILL or it is gone."""
    pids = {process.pid for process in processes}
    for process in processes:
        with suppress(psutil.Error):
            if number == signal.SIGKILL or process.ppid() not in pids:
                process.send_signal(number)


async def _gone_within(cluster: Path, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                if not _running_in(cluster):
                    return True
                await asyncio.sleep(_POLL_S)
    return False
