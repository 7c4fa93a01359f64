"""A real server whose sockets take the direct path, each to a `Recorder`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from raw_websocket import PATIENCE_S, RawWebSocket
from segue.http.direct import STATE_KEY, DirectProtocol
from segue.http.pace import Pace
from segue.http.requests import HttpProtocol

MAX_FRAME = 100_000
MARK = 16_000


@dataclass
class Recorder:
    """A `Receiver` that writes down what it is told."""

    socket: DirectProtocol
    heard: list[bytes | str] = field(default_factory=list)
    on_heard: Callable[[bytes], None] = lambda data: None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def _note(self, what: bytes | str) -> None:
        self.heard.append(what)
        self.changed.set()

    def on_message(self, data: bytes) -> None:
        self._note(data)
        self.on_heard(data)

    def on_congested(self) -> None:
        self._note("congested")

    def on_drained(self) -> None:
        self._note("drained")

    def on_flood(self) -> None:
        self._note("flood")

    def on_closed(self) -> None:
        self._note("closed")

    async def hears(self, *expected: bytes | str) -> None:
        await self.until(lambda: self.heard[-len(expected) :] == list(expected))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


class Host:
    """A server that leads each accepted socket to a `Recorder`."""

    def __init__(self) -> None:
        self.port = 0
        self.recorders: list[Recorder] = []
        self.server: uvicorn.Server
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.lost = asyncio.Event()
        self.served = asyncio.Event()
        self.pace: Callable[[], Pace] = Pace
        self._read_bytes = 0
        self._read = asyncio.Event()
        self._arrived = asyncio.Event()

    def watch(self) -> type[DirectProtocol]:
        """Gives the protocol under test, with an ear to what comes before its receiver."""
        host = self

        class Watched(DirectProtocol):
            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                if host.asked.is_set():
                    host._read_bytes += len(data)
                    host._read.set()

            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                host.lost.set()

        return Watched

    async def reads(self, size: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self._read_bytes < size:
                self._read.clear()
                await self._read.wait()

    async def _accept(self, websocket: WebSocket) -> None:
        self.asked.set()
        await self.gate.wait()
        await websocket.accept()
        recorder = Recorder(websocket.scope["state"][STATE_KEY])
        self.recorders.append(recorder)
        recorder.socket.take_over(recorder, mark_bytes=MARK, pace=self.pace())
        self._arrived.set()

    async def _fail(self, websocket: WebSocket) -> None:
        raise RuntimeError("the application fails before it accepts")

    async def _serve(self) -> None:
        try:
            await self.server.serve()
        finally:
            self.served.set()

    async def latest(self) -> Recorder:
        async with asyncio.timeout(PATIENCE_S):
            await self._arrived.wait()
        self._arrived.clear()
        return self.recorders[-1]

    @classmethod
    @asynccontextmanager
    async def running(cls, *, ping_s: float = 60) -> AsyncIterator["Host"]:
        host = cls()
        routes = [WebSocketRoute("/", host._accept), WebSocketRoute("/fail", host._fail)]
        config = uvicorn.Config(
            Starlette(routes=routes),
            port=0,
            ws=host.watch(),
            http=Impatient,
            ws_max_size=MAX_FRAME,
            ws_per_message_deflate=False,
            ws_ping_interval=ping_s,
            ws_ping_timeout=ping_s,
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        host.server = _Quiet(config)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(host._serve)
            await host.server.up.wait()
            host.port = host.server.servers[0].sockets[0].getsockname()[1]
            try:
                yield host
            finally:
                host.server.should_exit = True
                with anyio.CancelScope(
                    shield=True
                ):  # else a test that fails leaves a loop that hangs
                    await host.served.wait()


class Impatient(HttpProtocol):
    patience_s = 0.2


class _Quiet(uvicorn.Server):
    """Leaves signals alone, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, *args: object, **kwargs: object) -> None:
        await super().startup(*args, **kwargs)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def pair(
    host: Host, *, small_buffers: bool = False
) -> AsyncIterator[tuple[RawWebSocket, Recorder]]:
    connecting = RawWebSocket.connected(host.port, small_buffers=small_buffers)
    async with connecting as client:
        yield await client.accepted(), await host.latest()


@asynccontextmanager
async def serving(app: ASGIApp, **options: Any) -> AsyncIterator[int]:
    """Serves an application with the node's protocols; gives the port."""
    options = {"ws": DirectProtocol, "http": Impatient, "timeout_graceful_shutdown": 1, **options}
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None, **options)
    server = _Quiet(config)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve())
        await server.up.wait()
        try:
            yield server.servers[0].sockets[0].getsockname()[1]
        finally:
            server.should_exit = True
