"""The composition root: builds a node from its settings, in order, and takes it down in reverse.

Order of starting (and, backwards, of stopping):
    HTTP answers (not ready yet) -> Postgres -> schema -> node lock -> commit writer -> document
    workers -> hub -> sockets are let in.
So a stopping node first sends every device away with 1012, then saves what is unsaved and writes
snapshots, and Postgres goes last.
"""

import asyncio
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import structlog
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from typing_extensions import override

from segue.auth import tokens
from segue.auth.origins import OriginPolicy
from segue.auth.refusals import Refusals
from segue.errors import SegueError
from segue.http.direct import DirectProtocol
from segue.http.health import health_routes
from segue.http.problems import HANDLERS
from segue.http.requests import HttpProtocol
from segue.http.seat import SyncOptions, SyncServices
from segue.http.sync_routes import SyncSockets
from segue.hub.hub import Hub
from segue.hub.options import HubOptions
from segue.settings import Settings
from segue.storage import migrations
from segue.storage.claims import ClaimWriter
from segue.storage.database import Database
from segue.storage.group_commit import GroupCommit, group_commit
from segue.storage.node_lock import NodeLock, node_lock
from segue.storage.postgres.supervisor import EmbeddedPostgres
from segue.storage.register import PostgresRegister
from segue.storage.update_log import PostgresUpdateLog
from segue.workers.options import PoolOptions
from segue.workers.pool import Pool

log = structlog.get_logger()

Result = TypeVar("Result")

Banner = Callable[[Path | None], None]
"""Called when the node is ready, with the folder of its own Postgres if it runs one."""

_PING_S: Final = 20.0
_GRACEFUL_S: Final = 5
_STARTING: Final = "The node is starting."


@dataclass(frozen=True, slots=True)
class MigrationState:
    """A migration, and whether the database has it."""

    name: str
    applied: bool


def serve(settings: Settings, *, sockets: list[socket.socket], banner: Banner | None) -> None:
    """Runs a node on listening sockets until SIGINT or SIGTERM; `banner` is called when it is ready.

    Raises:
        ConfigurationError: a setting or the machine has to be changed first.
        SegueError: the node could not start, or something that it can't do without ended.
    """
    _run(_serve(settings, sockets, banner))


def migrate(settings: Settings) -> tuple[str, ...]:
    """Brings the database to the schema of this version; gives the names of what was applied.

    Raises:
        ConfigurationError: see `migrations.migrate`.
        StorageUnavailable: Postgres went away; running it again is safe.
    """
    return _run(_with_database(settings, migrations.migrate))


def migration_status(settings: Settings) -> tuple[MigrationState, ...]:
    """Lists this version's migrations in order, changing nothing."""
    status = _run(_with_database(settings, migrations.status))
    return tuple(MigrationState(name, applied=True) for name in status.applied) + tuple(
        MigrationState(name, applied=False) for name in status.pending
    )


def _run(work: Coroutine[object, object, Result]) -> Result:
    try:
        return uvloop.run(work)
    except BaseExceptionGroup as group:
        # One task's failure ends the node; the user is told that one, not the group around it.
        ours = group.subgroup(SegueError)
        if ours is None:
            raise
        raise _first(ours) from group


def _first(group: BaseExceptionGroup[SegueError]) -> SegueError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


async def _with_database(
    settings: Settings, action: Callable[[Database], Coroutine[object, object, Result]]
) -> Result:
    async with AsyncExitStack() as stack:
        dsn, _ = await _find_postgres(stack, settings)
        return await action(await _open_database(stack, settings, dsn))


async def _find_postgres(stack: AsyncExitStack, settings: Settings) -> tuple[str, Path | None]:
    """Gives the address of the database and, if it is our own, the folder where it lives."""
    if settings.database_url is not None:
        return settings.database_url, None
    postgres = EmbeddedPostgres(settings.data / "postgres")
    await stack.enter_async_context(postgres)
    return postgres.dsn, postgres.folder


async def _open_database(stack: AsyncExitStack, settings: Settings, dsn: str) -> Database:
    database = Database(dsn, allow_unsafe=settings.allow_unsafe_database)
    return await stack.enter_async_context(database)


async def _serve(settings: Settings, sockets: list[socket.socket], banner: Banner | None) -> None:
    node = Node(settings)
    server = Server(_uvicorn_config(settings, node))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, server.handle_exit, number, None)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(node.run(banner), name="node")
        answering = tasks.create_task(server.serve(sockets=sockets), name="http")
        # Whichever ends first takes the other along; the node closes in its own order.
        running.add_done_callback(lambda _: setattr(server, "should_exit", True))
        answering.add_done_callback(lambda _: node.stop(running))


def _uvicorn_config(settings: Settings, node: "Node") -> uvicorn.Config:
    return uvicorn.Config(
        node.web_app(),
        http=HttpProtocol,
        ws=DirectProtocol,
        ws_max_size=settings.max_frame_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=_PING_S,
        ws_ping_timeout=_PING_S,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACEFUL_S,
    )


class Server(uvicorn.Server):
    """uvicorn without its own care for signals: it would end the process before the node closed."""

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Node:
    """All parts of one node, from its settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sockets = SyncSockets()
        self._stopping = asyncio.Event()
        self._is_ready = False
        self._folder: Path | None = None
        self._obstacles: Callable[[], list[str]] = lambda: [_STARTING]

    def web_app(self) -> Starlette:
        """Gives the HTTP side; it answers from the first moment, and lets devices in when ready."""
        return Starlette(
            routes=[
                *health_routes(self._find_obstacles),
                WebSocketRoute("/v1/sync/{document:path}", self._sockets.sync),
                WebSocketRoute("/v1/collab", self._sockets.collab),
            ],
            exception_handlers=dict(HANDLERS),
        )

    async def run(self, banner: Banner | None) -> None:
        """Builds everything, serves until `stop`, and closes everything in reverse."""
        async with AsyncExitStack() as stack:
            await self._build(stack)
            self._is_ready = True
            log.info("node.ready")
            if banner is not None:
                banner(self._folder)
            await self._stopping.wait()
            self._obstacles = lambda: ["The node is stopping."]

    def stop(self, running: asyncio.Task[None]) -> None:
        """Has `run` return, or end at once while it is still building."""
        self._stopping.set()
        if not self._is_ready:
            running.cancel()

    async def _find_obstacles(self) -> list[str]:
        return self._obstacles()

    async def _build(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        dsn, self._folder = await _find_postgres(stack, settings)
        database = await _open_database(stack, settings, dsn)
        if settings.database_url is None:
            await migrations.migrate(database)
        else:
            await migrations.check(database)
        lock = await stack.enter_async_context(node_lock(database))
        self._obstacles = lambda: [_STARTING if lock.held else "Another node serves this database."]
        await lock.wait_held()
        claims = ClaimWriter(database, secrets.randbits(63))
        commits = await stack.enter_async_context(group_commit(claims, held=lock.wait_held))
        pool = await stack.enter_async_context(Pool(_pool_options(settings)))
        stack.push_async_callback(_drain, commits)
        updates = PostgresUpdateLog(database, commits)
        hub = await stack.enter_async_context(Hub(pool, updates, _hub_options(settings)))
        equip = partial(self._equip, hub, PostgresRegister(database))
        await stack.enter_async_context(self._sockets.serving(equip))
        # Not before: whoever comes at the word "ready" is let in.
        self._obstacles = lambda: _obstacles(lock, commits)

    def _equip(
        self, hub: Hub, register: PostgresRegister, tasks: asyncio.TaskGroup
    ) -> SyncServices:
        settings = self._settings
        secret = settings.signing_secret()
        return SyncServices(
            hub=hub,
            register=register,
            verify=lambda token: tokens.verify(secret, token, now=_wall_clock_s()),
            origins=OriginPolicy(settings.origins, loopback=settings.development),
            refusals=Refusals(),
            tasks=tasks,
            clock=_wall_clock_s,
            options=_sync_options(settings),
        )


def _obstacles(lock: NodeLock, commits: GroupCommit) -> list[str]:
    if not lock.held:
        return ["The node has lost its lock on the database and tries to get it back."]
    if commits.stats.last_error is not None:
        return ["The database can't be written right now; edits wait, nothing is lost."]
    return []


async def _drain(commits: GroupCommit) -> None:
    try:
        async with asyncio.timeout(_GRACEFUL_S):
            await commits.drain()
    except TimeoutError:
        log.warning("node.unsaved", hint="not acknowledged; devices hold it and send it again")


def _pool_options(settings: Settings) -> PoolOptions:
    return PoolOptions(
        workers=settings.worker_count(os.cpu_count() or 1),
        memory_bytes=settings.worker_memory_bytes,
        check_cpu_s=settings.worker_cpu_s,
        open_cpu_s=settings.worker_load_cpu_s,
        read_cpu_s=settings.worker_load_cpu_s,
    )


def _hub_options(settings: Settings) -> HubOptions:
    return HubOptions(
        max_update_bytes=settings.max_update_bytes,
        max_presence_bytes=settings.max_presence_bytes,
        max_backlog_bytes=settings.max_backlog_bytes,
        snapshot_every_rows=settings.snapshot_every_rows,
        grace_s=settings.room_grace_s,
    )


def _sync_options(settings: Settings) -> SyncOptions:
    return SyncOptions(
        mark_bytes=settings.write_mark_bytes,
        max_documents=settings.max_documents_per_socket,
        max_unauthenticated_bytes=settings.max_sign_in_bytes,
        unauthenticated_s=settings.sign_in_s,
        keep_alive_s=settings.keep_alive_s,
        refresh_lead_s=settings.token_lead_s,
    )


def _wall_clock_s() -> float:
    return time.time()  # noqa: TID251  the edge, where the wall clock is read
