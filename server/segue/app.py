"""What the commands do: serve a node until it is told to stop, or bring its database up to date."""

import asyncio
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypeVar

import structlog
import uvloop

from segue.errors import SegueError
from segue.http.web_server import WebServer, uvicorn_config
from segue.node import Banner, Node, find_postgres, open_database
from segue.settings import Settings
from segue.storage import migrations
from segue.storage.database import Database

log = structlog.get_logger()

Result = TypeVar("Result")


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
        dsn, _ = await find_postgres(stack, settings)
        return await action(await open_database(stack, settings, dsn))


async def _serve(settings: Settings, sockets: list[socket.socket], banner: Banner | None) -> None:
    if not settings.limits:
        log.warning(
            "limits.off", hint="SEGUE_LIMITS=off is for benchmarks: anyone can fill this node"
        )
    node = Node(settings)
    server = WebServer(
        uvicorn_config(
            node.web_app(), max_frame_bytes=settings.max_frame_bytes, proxies=settings.proxies
        ),
        drain_s=settings.drain_s,
        has_devices=node.has_devices,
        on_drain=node.drain,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, server.handle_exit, number, None)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(node.run(banner), name="node")
        answering = tasks.create_task(server.serve(sockets=sockets), name="http")
        # Whichever ends first takes the other along; the node closes in its own order.
        running.add_done_callback(lambda _: setattr(server, "should_exit", True))
        answering.add_done_callback(lambda _: node.stop(running))
