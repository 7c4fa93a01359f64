"""The routes of the sync sockets, and the sockets open on them.

Sockets are accepted first and refused by a close code or in-band: a browser can't read why an upgrade
failed, and stock clients hammer a server that refuses there.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Final

import structlog
from starlette.websockets import WebSocket

from segue.errors import Forbidden, Restarting, TooMany, Unauthenticated
from segue.http.direct import STATE_KEY, DirectProtocol
from segue.http.problems import problem, status_of
from segue.http.sources import Source, source_of
from segue.http.sync_services import SyncServices
from segue.http.sync_socket import Connection, HocuspocusConnection, YWebsocketConnection
from segue.hub.quota import Quota

log = structlog.get_logger()

_TRY_AGAIN: Final = 1013
_TICK_S: Final = 1.0


class SyncSockets:
    """The two WebSocket routes, and the sockets open on them.

    `services` is None while the node starts or stops: sockets are then told to come back.
    """

    def __init__(self, max_per_source: int) -> None:
        self.services: SyncServices | None = None
        self._sources: Quota[Source] = Quota(max_per_source)
        self._connections: set[Connection] = set()

    @property
    def any_open(self) -> bool:
        """Tells whether any device is connected."""
        return bool(self._connections)

    async def sync(self, websocket: WebSocket) -> None:
        """GET /v1/sync/{document}: the y-websocket dialect."""
        name = websocket.path_params["document"]
        token = websocket.query_params.get("token", "")
        now_s = asyncio.get_running_loop().time()
        services = self.services
        if services is not None and services.refusals.is_blocked(token, name, now_s):
            error = Unauthenticated("This token was refused here before. Get another one.")
            denial = problem(status_of(type(error)), error.code, str(error))
            await websocket.send_denial_response(denial)
            return
        socket = await self.accept(websocket)
        if socket is None:
            return
        if services is None:
            _turn_away(socket)
        elif _is_welcome(websocket, socket, services):
            connection = YWebsocketConnection(socket, services, now_s, name, token)
            connection.begin(self._connections)
            connection.start()

    async def collab(self, websocket: WebSocket) -> None:
        """GET /v1/collab: the Hocuspocus dialect."""
        socket = await self.accept(websocket)
        services = self.services
        if socket is None:
            return
        if services is None:
            _turn_away(socket)
        elif _is_welcome(websocket, socket, services):
            now_s = asyncio.get_running_loop().time()
            HocuspocusConnection(socket, services, now_s).begin(self._connections)

    @asynccontextmanager
    async def serving(
        self, equip: Callable[[asyncio.TaskGroup], SyncServices]
    ) -> AsyncIterator[None]:
        """Lets devices in for the time of the context; `equip` gets the group for their tasks."""
        async with asyncio.TaskGroup() as tasks:
            self.services = equip(tasks)
            ticking = tasks.create_task(self._tick(), name="connections' clock")
            try:
                yield
            finally:
                self.services = None
                for connection in list(self._connections):
                    connection.close(Restarting("The server restarts. Nothing is lost."))
                    connection.on_closed()
                ticking.cancel()

    async def accept(self, websocket: WebSocket) -> DirectProtocol | None:
        """Accepts a socket of any route, but from an address that has too many: there nothing but the upgrade slows clients."""
        socket = websocket.scope["state"][STATE_KEY]
        assert isinstance(socket, DirectProtocol)
        source = source_of(websocket.client.host if websocket.client else "")
        if not self._sources.take(source):
            text = (
                f"{self._sources.limit} sockets are open from this address, the limit "
                "(SEGUE_MAX_SOCKETS_PER_ADDRESS). Close some. Behind a proxy see SEGUE_PROXIES."
            )
            unavailable = HTTPStatus.SERVICE_UNAVAILABLE
            await websocket.send_denial_response(problem(unavailable, TooMany.code, text))
            return None
        socket.when_lost(partial(self._sources.give_back, source))
        await websocket.accept()
        return socket

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_TICK_S)
            for connection in list(self._connections):
                try:
                    connection.on_tick(loop.time())
                except Exception:  # one device's failure ends that device alone
                    log.exception("connection.tick_failed")
                    connection.abort()


def _turn_away(socket: DirectProtocol) -> None:
    socket.close(_TRY_AGAIN, "The server is starting or stopping. Nothing is lost; try again.")


def _is_welcome(websocket: WebSocket, socket: DirectProtocol, services: SyncServices) -> bool:
    headers = websocket.headers
    try:
        services.origins.check(headers.get("origin"), headers.get("host", ""), websocket.url.scheme)
    except Forbidden as error:
        socket.close(error.close_code, str(error))
        return False
    return True
