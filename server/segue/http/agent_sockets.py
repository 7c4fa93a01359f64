"""GET /v1/agents: the socket by which remote agents' programs are given turns. See `agents.remote.frames`.

A program counts as alive while it says something every `SILENT_S`; that time stands still while it isn't
read, because the storage, or it itself, is behind. What waits to be sent to it is bounded: by its turns, and
what it asked for besides is sent before it is read on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, assert_never

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from segue.agents.remote.frames import (
    MAX_FRAME_BYTES,
    SILENT_S,
    Ended,
    Hello,
    Ping,
    Pong,
    ProgramFrame,
    ReadFile,
    Said,
    ServerFrame,
    Welcome,
    decode_from_program,
    encode,
)
from segue.agents.remote.programs import Program, Programs
from segue.auth.grants import Role
from segue.auth.tokens import AGENT_SCOPE, Claims
from segue.errors import (
    Forbidden,
    ProtocolError,
    Restarting,
    SegueError,
    TokenExpired,
    Unauthenticated,
)
from segue.http.direct import DirectProtocol
from segue.ids import DocumentId

log = structlog.get_logger()

_HELLO_S: Final = 5.0
_MAX_AT_ONCE: Final = 64
_MAX_STRANGERS_FRAME: Final = 64 << 10
"""Of who has not shown a token yet."""

Accept = Callable[[WebSocket], Awaitable[DirectProtocol | None]]
_SILENT: Final = 4508
_STALLED_S: Final = 60.0
"""For so long a program may leave what it is sent; then it counts as lost, whether it lives or not."""

_LAST_TURNS_S: Final = 300.0
"""For so long after its token has expired a program may finish what it was given."""

_MAX_REASON: Final = 120
"""Bytes that a close frame's text may have (RFC 6455), with some to spare."""


class AgentSockets:
    """The route, and the programs on it. `serving` is its life."""

    def __init__(
        self, accept: Accept, verify: Callable[[str], Claims], clock_s: Callable[[], float]
    ) -> None:
        """`accept` bounds the sockets from one address, of all routes together."""
        self._accept = accept
        self._verify = verify
        self._clock_s = clock_s
        self._programs: Programs | None = None

    @contextmanager
    def serving(self, programs: Programs) -> Iterator[None]:
        """Lets programs in for the time of the context."""
        self._programs = programs
        try:
            yield
        finally:
            self._programs = None

    async def endpoint(self, websocket: WebSocket) -> None:
        """Serves one program until it goes."""
        socket = await self._accept(websocket)
        if socket is None:
            return
        code, reason = 1000, ""
        try:
            await self._serve(websocket, socket)
        except WebSocketDisconnect:
            return
        except TimeoutError:
            code, reason = _SILENT, "You said nothing for a while. Connect again."
        except SegueError as error:
            code, reason = error.close_code, str(error)
        except Exception:  # one program's failure ends that program alone
            log.exception("agent.socket_failed")
            code, reason = 1011, "This is a bug; the node's log has it."
        await _close(websocket, code, reason)
        socket.abort_unless_taken()

    async def _serve(self, websocket: WebSocket, socket: DirectProtocol) -> None:
        programs = self._programs
        if programs is None:
            raise Restarting("The server is starting or stopping. Try again.")
        socket.limit_messages(_MAX_STRANGERS_FRAME)
        async with asyncio.timeout(_HELLO_S):
            hello = await _receive(websocket)
        if not isinstance(hello, Hello):
            raise Unauthenticated("Say hello first, with a token.")
        claims = self._verify(hello.token)
        _check(claims, programs)
        socket.limit_messages(MAX_FRAME_BYTES)
        outbox: asyncio.Queue[ServerFrame] = asyncio.Queue()
        at_once = max(1, min(hello.at_once, _MAX_AT_ONCE))
        program = Program(claims.user, at_once, _reach(claims), outbox.put_nowait)
        outbox.put_nowait(Welcome(claims.user))
        programs.join(program)
        log.info("agent.joined", agent=claims.user, at_once=at_once)
        try:
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(_write(websocket, outbox), name="write to an agent")
                try:
                    await self._read(websocket, program, outbox, claims)
                finally:
                    writing.cancel()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group
        finally:
            programs.leave(program)
            log.info("agent.left", agent=claims.user)

    async def _read(
        self,
        websocket: WebSocket,
        program: Program,
        outbox: asyncio.Queue[ServerFrame],
        claims: Claims,
    ) -> None:
        while True:
            async with asyncio.timeout(SILENT_S):
                frame = await _receive(websocket)
            match frame:
                case Said() | Ended():
                    await program.take(frame)
                case ReadFile():
                    await program.read(frame)
                    await _sent(outbox)
                case Ping():
                    outbox.put_nowait(Pong())
                    await _sent(outbox)
                case Hello():
                    raise ProtocolError("Hello is said once.")
                case _:
                    assert_never(frame)
            if claims.expires_at is not None and claims.expires_at <= self._clock_s():
                program.retire()
                is_late = claims.expires_at + _LAST_TURNS_S <= self._clock_s()
                if is_late or not program.taken:
                    raise TokenExpired("The token has expired. Connect with a fresh one.")


async def _write(websocket: WebSocket, outbox: "asyncio.Queue[ServerFrame]") -> None:
    while True:
        await websocket.send_text(encode(await outbox.get()))
        outbox.task_done()


async def _sent(outbox: "asyncio.Queue[ServerFrame]") -> None:
    async with asyncio.timeout(_STALLED_S):
        await outbox.join()


async def _receive(websocket: WebSocket) -> ProgramFrame:
    try:
        text = await websocket.receive_text()
    except KeyError as error:
        raise ProtocolError("Frames are texts, of JSON.") from error
    return decode_from_program(text)


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    text = reason.encode()[:_MAX_REASON].decode(errors="ignore")
    try:
        async with asyncio.timeout(1):
            await websocket.close(code, text)
    except (RuntimeError, TimeoutError, WebSocketDisconnect):
        pass  # it is closed, or takes nothing any more


def _check(claims: Claims, programs: Programs) -> None:
    is_agent = claims.scope == AGENT_SCOPE or Role.AGENT in (claims.sessions or {}).values()
    if not is_agent:
        raise Forbidden("This token is no agent's. `segue token --user NAME --agent` makes one.")
    if claims.user not in programs.agents:
        raise Forbidden(
            f"No agent {claims.user!r} answers from outside. Name it in SEGUE_REMOTE_AGENTS."
        )


def _reach(claims: Claims) -> Callable[[DocumentId], bool]:
    """Gives where a program may answer: everywhere, or in the sessions that its token lists."""
    sessions = claims.sessions
    if sessions is None:
        return lambda _: True
    return lambda document: sessions.get(document) is Role.AGENT
