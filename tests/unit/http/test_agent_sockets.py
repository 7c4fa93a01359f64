"""The socket of remote agents' programs: strangers, and programs that take nothing, cost little."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from direct_host import serving
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from raw_websocket import CLOSE, PATIENCE_S, TEXT, RawWebSocket, frame
from segue.agents.remote.frames import Hello, Ping, ReadFile, encode
from segue.agents.remote.programs import ProgramLost, Programs
from segue.agents.turns import Given
from segue.auth.tokens import AGENT_SCOPE, Claims
from segue.document.views import TurnView
from segue.errors import TokenExpired
from segue.http import agent_sockets
from segue.http.agent_sockets import AgentSockets
from segue.http.sync_routes import SyncSockets
from segue.ids import DocumentId, UserId

pytestmark = pytest.mark.anyio

TALK = DocumentId("talk")
PER_ADDRESS = 2
EXPIRES_S = 1_000
HELLO = frame(encode(Hello("token")).encode(), TEXT)
PING = frame(encode(Ping()).encode(), TEXT)


class Kept:
    """A file of four megabytes; counts how often it is read."""

    def __init__(self) -> None:
        self.reads = 0

    async def read(self, ref: str, max_bytes: int) -> bytes:
        self.reads += 1
        return bytes(4 << 20)


class Wall:
    """The wall clock, in the hands of a test."""

    def __init__(self) -> None:
        self.now_s = 0.0


def verify(token: str) -> Claims:
    return Claims(UserId("helper"), scope=AGENT_SCOPE, expires_at=EXPIRES_S)


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def programs() -> Programs:
    return Programs(("helper",))


@pytest.fixture
async def port(programs: Programs, wall: Wall) -> AsyncIterator[int]:
    sockets = AgentSockets(SyncSockets(PER_ADDRESS).accept, verify, lambda: wall.now_s)
    app = Starlette(routes=[WebSocketRoute("/", sockets.endpoint)])
    with sockets.serving(programs):
        async with serving(app, ws_per_message_deflate=False) as port:
            yield port


@asynccontextmanager
async def asked(programs: Programs, files: Kept) -> AsyncIterator[None]:
    """Has a program answer one turn for the time of the context."""
    given = Given(TALK, TurnView([], {}, "", [], 0), {}, files)

    async def answer() -> None:
        async with (
            programs.seat("helper", TALK) as program,
            aclosing(program.respond(given)) as events,  # type: ignore[type-var]  # a generator
        ):
            async for _ in events:
                pass

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(answer())
        try:
            yield
        finally:
            task.cancel()


async def test_what_a_stranger_may_send_is_small(port: int) -> None:
    async with RawWebSocket.connected(port) as socket:
        await socket.accepted()
        await socket.send(frame(b" " * (65 << 10), TEXT))
        closed = await socket.read()
        assert (closed.opcode, closed.code) == (CLOSE, 1009)


async def test_after_the_hello_a_frame_may_be_larger(port: int) -> None:
    async with RawWebSocket.connected(port) as socket:
        await socket.accepted()
        await socket.send(HELLO)
        assert b"welcome" in (await socket.read()).data
        await socket.send(frame(b'{"type": "ping"}' + b" " * (65 << 10), TEXT))
        assert b"pong" in (await socket.read()).data


async def test_an_address_has_so_many_and_no_more(port: int) -> None:
    async with RawWebSocket.connected(port) as one, RawWebSocket.connected(port) as two:
        await one.accepted(), await two.accepted()
        async with RawWebSocket.connected(port) as three:
            assert b" 503 " in await three.reader.readuntil(b"\r\n")


async def test_files_are_read_as_the_program_takes_them(port: int, programs: Programs) -> None:
    files, count = Kept(), 5
    async with (
        RawWebSocket.connected(port, small_buffers=True) as socket,
        asked(programs, files),
        asyncio.timeout(PATIENCE_S),
    ):
        await socket.accepted()
        await socket.send(HELLO)
        assert b"welcome" in (await socket.read()).data
        assert b"turn" in (await socket.read()).data
        wanted = [ReadFile(1, number, "a" * 64, 5 << 20) for number in range(count)]
        await socket.send(b"".join(frame(encode(each).encode(), TEXT) for each in wanted))
        for taken in range(count):
            await socket.read()
            assert files.reads <= taken + 3
    assert files.reads == count


async def test_who_takes_nothing_is_lost_after_a_while(
    port: int, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_sockets, "_STALLED_S", 0.2)
    async with (
        RawWebSocket.connected(port, small_buffers=True) as socket,
        asyncio.timeout(PATIENCE_S),
    ):
        await socket.accepted()
        await socket.send(HELLO)
        async with programs.seat("helper", TALK) as program:
            events = program.respond(Given(TALK, TurnView([], {}, "", [], 0), {}, Kept()))
            for number in range(3):
                asked_for = ReadFile(1, number, "a" * 64, 5 << 20)
                socket.writer.write(frame(encode(asked_for).encode(), TEXT))
            with pytest.raises(ProgramLost):
                await anext(events)


async def test_who_has_expired_finishes_what_it_was_given_but_not_for_ever(
    port: int, programs: Programs, wall: Wall
) -> None:
    async with RawWebSocket.connected(port) as socket, asyncio.timeout(PATIENCE_S):
        await socket.accepted()
        await socket.send(HELLO)
        assert b"welcome" in (await socket.read()).data
        async with programs.seat("helper", TALK) as program:
            for late_s in (0, 299, 300):
                assert not program.is_lost
                wall.now_s = EXPIRES_S + late_s
                await socket.send(PING)
                assert b"pong" in (await socket.read()).data
            closed = await socket.read()
            assert (closed.opcode, closed.code) == (CLOSE, TokenExpired.close_code)
            assert program.is_lost
