"""The composition root: builds a node from its settings, in order, and takes it down in reverse.

Order of starting (and, backwards, of stopping):
    HTTP answers (not ready yet) -> Postgres -> schema -> node lock -> commit writer -> document
    workers -> list of sessions -> hub -> agents -> requests and sockets are let in.
So a stopping node first sends every device away with 1012, then saves what is unsaved and writes
snapshots, and Postgres goes last.
"""

import asyncio
import gc
import os
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute

from segue.agents.loading import ModelOptions, load_agents
from segue.agents.port import Agent
from segue.agents.remote.programs import Programs
from segue.agents.runner import running_agents
from segue.auth import tokens
from segue.auth.attempts import Attempts
from segue.auth.origins import OriginPolicy
from segue.auth.refusals import Refusals
from segue.auth.tokens import Claims
from segue.conversation.events import Events
from segue.conversation.files import Files, FileServices, SessionFiles
from segue.conversation.guests import Guests
from segue.conversation.homes import Homes, kept_homes
from segue.conversation.listing import listing
from segue.conversation.members import Members, MemberServices, OnChanged
from segue.conversation.messages import Messages
from segue.conversation.runs import Runs
from segue.conversation.sessions import Sessions, SessionServices
from segue.conversation.share_links import LinkServices, ShareLinks
from segue.conversation.transfers import Transfers
from segue.document.verdict import Summary
from segue.http.agent_sockets import AgentSockets
from segue.http.cors import Cors
from segue.http.health import Readiness, health_routes
from segue.http.openapi import openapi_route
from segue.http.operations import MAX_IN_FLIGHT, Api, ApiServices
from segue.http.pace import Writes
from segue.http.pages import page_routes
from segue.http.problems import HANDLERS
from segue.http.reference.page import reference_route
from segue.http.seating import Seating
from segue.http.session_operations import OPERATIONS
from segue.http.sync_routes import SyncSockets
from segue.http.sync_services import SyncOptions, SyncServices
from segue.http.web_server import GRACEFUL_S
from segue.hub.hub import Hub
from segue.hub.options import HubOptions
from segue.hub.quota import Quota
from segue.hub.services import Followers
from segue.ids import RANDOM_BYTES, DocumentId, UserId, new_id
from segue.readiness import always, check
from segue.settings import Settings
from segue.storage import migrations
from segue.storage.claims import ClaimWriter
from segue.storage.database import Database
from segue.storage.files import FileLimits, PostgresFiles, PostgresUploads
from segue.storage.group_commit import GroupCommit, group_commit
from segue.storage.lease import Lease
from segue.storage.members import PostgresMembers
from segue.storage.node_lock import NodeLock, node_lock
from segue.storage.postgres.supervisor import EmbeddedPostgres
from segue.storage.register import PostgresRegister
from segue.storage.share_links import PostgresShareLinks
from segue.storage.summaries import PostgresSummaries
from segue.storage.update_log import PostgresUpdateLog
from segue.workers.options import PoolOptions
from segue.workers.pool import Pool

log = structlog.get_logger()

Banner = Callable[[Path | None], None]
"""Called when the node is ready, with the folder of its own Postgres if it runs one."""

_STARTING: Final = "The node is starting."
_LINKS_OPENED: Final = 60
"""By one address in a minute: a class behind one router may come in at once."""

_MINUTE_S: Final = 60.0


async def find_postgres(stack: AsyncExitStack, settings: Settings) -> tuple[str, Path | None]:
    """Gives the address of the database and, if it is our own, the folder where it lives."""
    if settings.database_url is not None:
        return settings.database_url, None
    postgres = EmbeddedPostgres(settings.data / "postgres")
    await stack.enter_async_context(postgres)
    return postgres.dsn, postgres.folder


async def open_database(stack: AsyncExitStack, settings: Settings, dsn: str) -> Database:
    """Opens the database for the time of the stack."""
    database = Database(dsn, allow_unsafe=settings.allow_unsafe_database)
    return await stack.enter_async_context(database)


class Node:
    """All parts of one node, from its settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sockets = SyncSockets(settings.max_sockets_per_address)
        self._agent_sockets = AgentSockets(self._sockets.accept, self._verify, _wall_clock_s)
        self._seating = Seating()
        self._api = Api()
        self._events: Events | None = None
        self._origins = OriginPolicy(settings.origins, loopback=settings.development)
        self._stopping = asyncio.Event()
        self._is_ready = False
        self._folder: Path | None = None
        self._is_draining = False
        self._readiness = Readiness(always({"node": _STARTING}))

    def web_app(self) -> Starlette:
        """Gives the HTTP side; it answers from the first moment, and lets devices in when ready."""
        return Starlette(
            routes=[
                *health_routes(self._look),
                *self._api.routes(OPERATIONS),
                openapi_route(OPERATIONS),
                reference_route(OPERATIONS),
                WebSocketRoute("/v1/sync/{document:path}", self._sockets.sync),
                WebSocketRoute("/v1/collab", self._sockets.collab),
                WebSocketRoute("/v1/agents", self._agent_sockets.endpoint),
                *page_routes(),
            ],
            middleware=[Middleware(Cors, policy=self._origins)],
            exception_handlers=dict(HANDLERS),
        )

    async def run(self, banner: Banner | None) -> None:
        """Builds everything, serves until `stop`, and closes everything in reverse."""
        async with AsyncExitStack() as stack:
            lock = await self._build(stack)
            self._is_ready = True
            # What was imported stays: a full collection that walks over it stops everything for 50 ms.
            gc.collect()
            gc.freeze()
            log.info("node.ready")
            if banner is not None:
                banner(self._folder)
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(lock.watch_taken(), name="loss of the node lock")
                await self._stopping.wait()
                watching.cancel()
            self.drain()

    def stop(self, running: asyncio.Task[None]) -> None:
        """Has `run` return, or end at once while it is still building."""
        self._stopping.set()
        if not self._is_ready:
            running.cancel()

    def has_devices(self) -> bool:
        """Tells whether any device is connected."""
        return self._sockets.any_open

    def drain(self) -> None:
        """Has `/readyz` say from now on that the node stops, and ends streams of events."""
        self._is_draining = True
        if self._events is not None:
            self._events.stop()

    async def _look(self) -> Mapping[str, str]:
        if self._is_draining:
            return {"node": "The node is stopping. Connect to another one, or again in a moment."}
        return await self._readiness.look()

    async def _lock_database(self, stack: AsyncExitStack) -> tuple[Database, NodeLock]:
        """Opens the database, at this version's schema, and waits until this node may serve it."""
        settings = self._settings
        dsn, self._folder = await find_postgres(stack, settings)
        database = await open_database(stack, settings, dsn)
        if settings.database_url is None:
            await migrations.migrate(database)
        else:
            await migrations.check(database)
        lock = await stack.enter_async_context(node_lock(database))
        if not lock.held:
            self._readiness.checks = always({"node": "Another node serves this database."})
        await lock.wait_held()
        return database, lock

    async def _build(self, stack: AsyncExitStack) -> NodeLock:
        settings = self._settings
        database, lock = await self._lock_database(stack)
        claims = ClaimWriter(database, secrets.randbits(63))
        commits = await stack.enter_async_context(group_commit(claims, held=lock.wait_held))
        agents, programs = _agents(settings), Programs(settings.remote_agents)
        names = (*agents, *programs.agents)
        pool = await stack.enter_async_context(Pool(_pool_options(settings, names)))
        stack.push_async_callback(_drain, commits, database.lease)
        updates = PostgresUpdateLog(database, commits)
        summaries = PostgresSummaries(database)
        list_of_sessions = await stack.enter_async_context(listing(summaries))
        followers = Followers()
        hub = await stack.enter_async_context(Hub(pool, updates, _hub_options(settings), followers))
        register = PostgresRegister(database)
        homes = await stack.enter_async_context(kept_homes(register, hub))
        list_of_sessions.on_stored = homes.on_listed

        def on_summary(document: DocumentId, summary: Summary) -> None:
            homes.on_opened(document)
            list_of_sessions.note(document, summary)

        followers.on_summary = on_summary
        runner = await stack.enter_async_context(
            running_agents(hub, agents, _wall_clock_ms, _mint_id, programs)
        )
        runner.files = partial(SessionFiles, PostgresFiles(database))
        followers.on_runs = runner.on_runs
        runner.recover(await summaries.sessions_in_doubt())

        self._events = events = Events(register, hub, _wall_clock_s)
        followers.on_news = events.on_news

        sessions = SessionServices(
            register, hub, list_of_sessions, _mint_id, settings.signing_secret()
        )
        on_changed = self._tellers(homes, events)
        api_services = self._api_services(sessions, database, on_changed, events)
        stack.enter_context(self._api.serving(api_services))
        equip = partial(self._equip, hub, register)
        await stack.enter_async_context(self._sockets.serving(equip))
        stack.enter_context(self._agent_sockets.serving(programs))
        # Not before: whoever comes at the word "ready" is let in.
        self._readiness.checks = partial(check, database, lock, commits, pool)
        return lock

    def _tellers(self, homes: Homes, events: Events) -> OnChanged:
        """Gives what tells everybody concerned that a user's right to a session has changed."""

        def on_changed(session: DocumentId, user: UserId) -> None:
            self._seating.on_changed(session, user)
            events.on_changed(session, user)
            homes.refresh([user])

        return on_changed

    def _api_services(
        self,
        services: SessionServices,
        database: Database,
        on_changed: OnChanged,
        events: Events,
    ) -> ApiServices:
        settings = self._settings
        guests = Guests(services.secret, _wall_clock_s, admitted=settings.admits_guests)
        members = MemberServices(services.register, PostgresMembers(database), on_changed)
        links = LinkServices(
            services.register, PostgresShareLinks(database), guests, on_changed, _mint_id
        )
        room = FileLimits(settings.max_session_files_bytes, settings.max_user_files_bytes)
        files = FileServices(
            services.register,
            PostgresUploads(database, room),
            PostgresFiles(database),
            _mint_id,
            settings.max_file_bytes,
        )
        sessions = Sessions(services)
        return ApiServices(
            sessions=sessions,
            transfers=Transfers(services, sessions, _wall_clock_ms, settings.max_document_bytes),
            messages=Messages(services, _wall_clock_ms),
            events=events,
            files=Files(files),
            downloads=Quota(MAX_IN_FLIGHT),
            members=Members(members),
            links=ShareLinks(links),
            attempts=Attempts(_LINKS_OPENED, per_s=_MINUTE_S),
            writes=Writes(settings.frames_per_s, settings.frame_burst),
            runs=Runs(services),
            verify=self._verify,
            max_body_bytes=settings.max_update_bytes,
        )

    def _equip(
        self, hub: Hub, register: PostgresRegister, tasks: asyncio.TaskGroup
    ) -> SyncServices:
        return SyncServices(
            hub=hub,
            register=register,
            verify=self._verify,
            origins=self._origins,
            refusals=Refusals(),
            seating=self._seating,
            tasks=tasks,
            clock=_wall_clock_s,
            options=_sync_options(self._settings),
            sockets=Quota(self._settings.max_sockets_per_user),
        )

    def _verify(self, token: str) -> Claims:
        return tokens.verify(self._settings.signing_secret(), token, now=_wall_clock_s())


async def _drain(commits: GroupCommit, lease: Lease) -> None:
    if lease.is_deposed:
        return  # nothing that waits can be written any more
    try:
        async with asyncio.timeout(GRACEFUL_S):
            await commits.drain()
    except TimeoutError:
        log.warning("node.unsaved", hint="not acknowledged; devices hold it and send it again")


def _agents(settings: Settings) -> dict[str, Agent]:
    options = ModelOptions(
        settings.agent_model,
        settings.agent_instructions,
        settings.openai_api_key or "",
        settings.openai_base_url,
        settings.agent_max_tokens,
    )
    return load_agents(settings.agent_spec, options, settings.remote_agents)


def _pool_options(settings: Settings, agents: tuple[str, ...]) -> PoolOptions:
    return PoolOptions(
        agents=agents,
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
        max_document_bytes=settings.max_document_bytes,
        max_backlog_bytes=settings.max_backlog_bytes,
        max_user_backlog_bytes=settings.max_user_backlog_bytes,
        presence_per_s=settings.presence_per_s,
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
        frames_per_s=settings.frames_per_s,
        frame_burst=settings.frame_burst,
    )


def _mint_id() -> str:
    return new_id(_wall_clock_ms(), secrets.token_bytes(RANDOM_BYTES))


def _wall_clock_ms() -> int:
    return int(_wall_clock_s() * 1000)


def _wall_clock_s() -> float:
    return time.time()  # noqa: TID251  the edge, where the wall clock is read
