"""A remote agent's program: connects, answers the turns that it is given, comes back when it is cut off.

    connecting --hello, welcome--> serving --socket gone, or silent--> connecting, after a pause
                                      '--44xx: refused for good, the end

Invariants:
1. What was being answered when the connection is lost is cancelled: the server has given it up, and whoever
   takes it up next, perhaps this program, is given what was written.
2. A tool runs only once the server has said that its start is durable.
"""

import asyncio
from contextlib import aclosing
from functools import partial
from typing import Final, NoReturn, assert_never

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from segue.agents.port import Agent, ToolStart
from segue.agents.remote.frames import (
    PING_S,
    SILENT_S,
    Begin,
    Ended,
    FileRead,
    Hello,
    Ping,
    Pong,
    ProgramFrame,
    ReadFile,
    Said,
    Stop,
    Stored,
    Welcome,
    decode_from_server,
    encode,
    event_to_json,
)
from segue.agents.turns import turn_of
from segue.client.address import Address
from segue.client.dialing import Backoff, dial
from segue.errors import (
    Forbidden,
    ProtocolError,
    SegueError,
    StorageUnavailable,
    Unauthenticated,
)
from segue.ids import DocumentId

log = structlog.get_logger()

_LAST_RETRY_S: Final = 5.0
_MAX_FRAME_BYTES: Final = 64 << 20
_PERMANENT: Final = range(4400, 4500)
_ERRORS: Final[dict[int, type[SegueError]]] = {
    kind.close_code: kind for kind in (ProtocolError, Unauthenticated, Forbidden)
}


class _Answering:
    """One turn at work; as `TurnFiles` it asks the server for files."""

    def __init__(self, number: int, socket: ClientConnection) -> None:
        self.task: asyncio.Task[None] | None = None
        self.stored = asyncio.Event()
        self._number = number
        self._socket = socket
        self._asked: dict[int, asyncio.Future[FileRead]] = {}

    async def read(self, ref: str, max_bytes: int) -> bytes | None:
        """See `TurnFiles.read`."""
        number = len(self._asked)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        await _send(self._socket, ReadFile(self._number, number, ref, max_bytes))
        read: FileRead = await answer
        if read.error is not None:
            raise StorageUnavailable(read.error)
        return read.data

    def take(self, frame: Stored | Stop | FileRead) -> None:
        """Takes what the server says of this turn."""
        match frame:
            case Stored():
                self.stored.set()
            case Stop():
                if self.task is not None:
                    self.task.cancel()
            case FileRead(number=number):
                answer = self._asked.get(number)
                if answer is not None and not answer.done():
                    answer.set_result(frame)
            case _:
                assert_never(frame)


class Serving:
    """Answers with an agent until it is cancelled, or refused for good."""

    def __init__(self, agent: Agent, address: Address, at_once: int) -> None:
        self._agent = agent
        self._address = address
        self._at_once = at_once
        self._backoff = Backoff(_LAST_RETRY_S)

    async def run(self) -> NoReturn:
        """Connects, again and again.

        Raises:
            SegueError: the server refuses this program for good; the text says why.
        """
        while True:
            try:
                await self._connect()
            except (OSError, WebSocketException, TimeoutError) as error:
                log.info("agent.away", reason=str(error) or type(error).__name__)
            await self._backoff.pause()

    async def _connect(self) -> None:
        token = await self._address.fresh_token()
        async with dial(self._address.agents_url, _MAX_FRAME_BYTES) as socket:
            await _send(socket, Hello(token, self._at_once))
            try:
                async with asyncio.TaskGroup() as tasks:
                    pinging = tasks.create_task(_ping(socket), name="sign of life")
                    answering: dict[int, _Answering] = {}
                    try:
                        await self._read(socket, tasks, answering)
                    finally:
                        pinging.cancel()
                        for each in list(answering.values()):
                            if each.task is not None:
                                each.task.cancel()
            except BaseExceptionGroup as group:
                raise group.exceptions[0] from group

    async def _read(
        self, socket: ClientConnection, tasks: asyncio.TaskGroup, answering: dict[int, _Answering]
    ) -> None:
        while True:
            try:
                async with asyncio.timeout(SILENT_S):
                    text = await socket.recv(decode=True)
            except ConnectionClosed as closed:
                _raise_if_final(closed)
                raise
            match decode_from_server(text):
                case Welcome(agent=agent):
                    log.info("agent.connected", agent=agent)
                    self._backoff.reset()
                case Begin() as begin:
                    answer = answering[begin.turn] = _Answering(begin.turn, socket)
                    answer.task = tasks.create_task(
                        self._answer(socket, begin, answer), name=f"turn {begin.turn}"
                    )
                    answer.task.add_done_callback(partial(_forget, answering, begin.turn))
                case Pong():
                    pass
                case other:
                    if other.turn in answering:
                        answering[other.turn].take(other)

    async def _answer(self, socket: ClientConnection, begin: Begin, answer: _Answering) -> None:
        error: str | None = None
        try:
            turn = turn_of(DocumentId(begin.session), begin.view, begin.profile, answer)
            async with aclosing(self._agent.respond(turn)) as events:  # type: ignore[type-var]  # a generator
                async for event in events:
                    answer.stored.clear()
                    await _send(socket, Said(begin.turn, event_to_json(event)))
                    if isinstance(event, ToolStart):
                        await answer.stored.wait()
        except ConnectionClosed:
            return  # the reader tells why
        except Exception as failure:  # an agent may fail in any way
            log.warning("agent.failed", session=begin.session, exc_info=failure)
            error = str(failure) or type(failure).__name__
        try:
            await _send(socket, Ended(begin.turn, error))
        except ConnectionClosed:
            return


def _forget(answering: dict[int, _Answering], number: int, _task: "asyncio.Task[None]") -> None:
    answering.pop(number, None)


async def _ping(socket: ClientConnection) -> None:
    try:
        while True:
            await asyncio.sleep(PING_S)
            await _send(socket, Ping())
    except ConnectionClosed:
        return


async def _send(socket: ClientConnection, frame: ProgramFrame) -> None:
    await socket.send(encode(frame))


def _raise_if_final(closed: ConnectionClosed) -> None:
    frame = closed.rcvd
    if frame is not None and frame.code in _PERMANENT:
        raise _ERRORS.get(frame.code, SegueError)(frame.reason)
