"""One run of Postgres: the folder made ready, the cluster made if need be, the server up and answering."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT
from typing import Final
from urllib.parse import quote

import asyncpg
import structlog

from segue.errors import StorageUnavailable
from segue.storage.postgres import cluster, failures
from segue.storage.postgres.account import Account
from segue.storage.postgres.binaries import Binaries, find_binaries
from segue.storage.postgres.guarded import Guarded, Guarding, run
from segue.storage.postgres.leftovers import end_leftovers
from segue.storage.postgres.place import PORT, Place, socket_folder

STOP_S: Final = 35.0
"""What an orderly stop takes at the most: the sum of the times below, and then some."""

_STOPS: Final = ((SIGINT, 20.0), (SIGQUIT, 8.0), (SIGKILL, 2.0))
"""Fast, immediate (the next start recovers), certain."""

_INITDB_STOPS: Final = ((SIGINT, 2.0), (SIGKILL, 1.0))
_READY_S: Final = 300.0
"""After a crash it replays its log first; killing it for that would never end."""

_CONNECT_S: Final = 30.0
_POLL_S: Final = 0.01

_CREATE_DATABASE: Final = f"CREATE DATABASE {cluster.DATABASE}"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything that stays the same from one run of Postgres to the next."""

    account: Account
    place: Place
    binaries: Binaries
    sockets: Path
    scratch: Path | None
    log_bytes: int
    hold: int

    @property
    def dsn(self) -> str:
        """The connection string, for asyncpg and psql."""
        host = quote(str(self.sockets), safe="/")
        return f"postgresql://{cluster.USER}@/{cluster.DATABASE}?host={host}&port={PORT}"

    def guarding(self, *, initdb: bool) -> Guarding:
        """Gives the surroundings of a command of ours."""
        return Guarding(
            account=self.account,
            log=self.place.log,
            log_bytes=self.log_bytes,
            stops=_INITDB_STOPS if initdb else _STOPS,
            hold=self.hold,
            scratch=None if initdb else self.scratch,
        )


def lay_out(
    place: Place, account: Account, chosen: Path | None, moved: Path, *, hold: int, log_bytes: int
) -> Layout:
    """Finds programs and a folder for the socket, and refuses what isn't ours; blocks."""
    binaries = find_binaries(chosen, account, moved)
    cluster.check(place, account, binaries)
    sockets, is_scratch = socket_folder(place, account)
    scratch = sockets if is_scratch else None
    return Layout(account, place, binaries, sockets, scratch, log_bytes, hold)


async def make_cluster(layout: Layout) -> None:
    """Makes the cluster if there is none; it is there whole or not at all, whenever we are killed.

    Raises:
        StorageUnavailable: the disk is full.
        ConfigurationError: initdb failed, in its own words.
    """
    place = layout.place
    if cluster.is_initialised(place):
        return
    failures.refuse_little_space(place.folder)
    draft = await asyncio.to_thread(cluster.draft, place, layout.account)
    command = cluster.initdb_command(layout.binaries, draft)
    ending = await run(command, layout.guarding(initdb=True))
    if ending.status != 0:
        error = failures.failed(
            "A new database can't be made", place.folder, place.log, ending.tail
        )
        await asyncio.to_thread(cluster.discard_drafts, place)
        raise error
    await asyncio.to_thread(cluster.adopt, place, draft)


async def serve(
    layout: Layout, extra_settings: Mapping[str, str], on_started: Callable[[Guarded], None]
) -> None:
    """Starts Postgres and returns when it takes connections; `on_started` gets it before that.

    Raises:
        StorageUnavailable: the disk is full, or it takes too long.
        ConfigurationError: it ended, in its own words.
    """
    place = layout.place
    left = await end_leftovers(place.cluster)
    if left:
        log.warning("postgres.leftovers_ended", folder=str(place.folder), pids=left)
    cluster.configure(place, layout.sockets, layout.binaries.major, extra_settings)
    command = cluster.postgres_command(layout.binaries, place)
    guarded = await Guarded.start(command, layout.guarding(initdb=False))
    on_started(guarded)
    try:
        async with asyncio.timeout(_READY_S):
            ready = await _is_ready(place, guarded)
    except TimeoutError as error:
        guarded.ask_to_stop()
        raise StorageUnavailable(
            f"Postgres in {place.folder} isn't ready after {_READY_S:.0f} s. Its log is {place.log}."
        ) from error
    if not ready:
        ending = await guarded.wait()
        raise failures.failed("Postgres does not start", place.folder, place.log, ending.tail)


async def open_database(layout: Layout) -> None:
    """Connects once, to see that it answers, and creates the database if this is the first time."""
    try:
        try:
            await _ask(layout, cluster.DATABASE, "SELECT 1")
        except asyncpg.InvalidCatalogNameError:
            await _ask(layout, "postgres", _CREATE_DATABASE)
    except (asyncpg.PostgresError, OSError) as error:
        raise failures.unanswered(layout.place.folder, layout.place.log, error) from error


async def _is_ready(place: Place, guarded: Guarded) -> bool:
    """Waits until it takes connections; False if it ended instead."""
    while True:
        if guarded.ended or guarded.pid is None:
            return False
        if cluster.is_ready(place, guarded.pid):
            return True
        await asyncio.sleep(_POLL_S)


async def _ask(layout: Layout, database: str, statement: str) -> None:
    connection = await asyncpg.connect(
        host=str(layout.sockets),
        port=PORT,
        user=cluster.USER,
        database=database,
        timeout=_CONNECT_S,
    )
    try:
        await connection.execute(statement, timeout=_CONNECT_S)
    finally:
        connection.terminate()
