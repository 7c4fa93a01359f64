"""One worker process as the pool sees it: started, spoken to, looked at, ended."""

import asyncio
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, cast

import msgspec
import psutil
import structlog
from typing_extensions import override

from segue.workers.cause import Condemned
from segue.workers.options import PoolOptions
from segue.workers.protocol import AnswerReader, Answers, Terms, UnreadableAnswers, request_frame
from segue.workers.slot import Running, Slot

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used up to now."""

    cpu_s: float
    memory_bytes: int


class Pipe(asyncio.Protocol):
    """The pool's end of the socket pair. Frames in, frames out; nothing is awaited."""

    def __init__(self, receive: Callable[[Answers], None]) -> None:
        self._receive = receive
        self._reader = AnswerReader()
        self._transport: asyncio.Transport | None = None
        self.spoke = False
        self.sign = asyncio.Event()
        """Set by the first answer, and by the end if there was none."""
        self.ended = asyncio.Event()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        """Called by the loop. Bytes that are no answers end the pipe, and so the worker."""
        try:
            frames = self._reader.feed(data)
        except UnreadableAnswers as error:
            kind = type(error).__name__  # its text may quote what people wrote
            log.error("worker.answers_unreadable", error=kind)  # noqa: TRY400 - as above
            self.abort()
            return
        for answers in frames:
            self.spoke = True
            self.sign.set()
            self._receive(answers)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._transport = None
        self.sign.set()
        self.ended.set()

    def send(self, encoded: list[bytes]) -> None:
        """Sends requests as one frame; drops them when the other end is gone."""
        if self._transport is not None:
            self._transport.write(request_frame(encoded))

    def abort(self) -> None:
        """Ends the pipe now."""
        if self._transport is not None:
            self._transport.abort()


class WorkerProcess:
    """A started worker. Whoever starts one awaits `end` on every path."""

    def __init__(self, process: Process, pipe: Pipe, slot: Slot) -> None:
        self._process = process
        self._seen: psutil.Process | None = None
        self._slot = slot
        self.pipe = pipe
        self.pid = process.pid
        self.condemned: Condemned | None = None

    @classmethod
    async def start(cls, options: PoolOptions, receive: Callable[[Answers], None]) -> Self:
        """Spawns a worker; it isn't ready before `pipe.sign`, but may be written to.

        Raises:
            OSError: the system has no process, memory or descriptor left to give.
        """
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        with theirs:
            loop = asyncio.get_running_loop()
            # The process comes last: nothing behind it may be cancelled and leave it alone.
            _, pipe = await loop.create_unix_connection(lambda: Pipe(receive), sock=ours)
            slot = Slot.create()
            try:
                process = await _spawn(options, theirs.fileno(), slot.fd)
            except BaseException:
                pipe.abort()
                slot.close()
                raise
        return cls(process, pipe, slot)

    def running(self) -> Running | None:
        """Tells which request runs, or ran when the process died."""
        return self._slot.running()

    def usage(self) -> Usage | None:
        """Tells what the process has used; None once it has ended."""
        try:
            seen = self._seen = self._seen or psutil.Process(self.pid)
            with seen.oneshot():
                cpu = seen.cpu_times()
                memory = seen.memory_info()
        except psutil.Error:
            return None
        return Usage(cpu.user + cpu.system, memory.rss)

    def condemn(self, why: Condemned) -> None:
        """Kills the process and keeps why."""
        self.condemned = self.condemned or why
        self.kill()

    def kill(self) -> None:
        """Sends SIGKILL if the process is still there."""
        if self._process.returncode is None:
            try:
                self._process.kill()
            except ProcessLookupError:
                return

    async def wait(self) -> int:
        """Waits for the end of pipe and process; gives the exit status, negative for a signal.

        By then every answer that the process could still send has been received.
        """
        await self.pipe.ended.wait()
        # A worker without a pipe has nothing to live for; it may be stopped, or busy.
        self.kill()
        return await self._process.wait()

    async def end(self) -> None:
        """Kills what still runs and gives everything back.

        Nothing in a worker outlives it, so there is no gentler way that would save anything.
        """
        self.pipe.abort()
        self.kill()
        await self._process.wait()
        await self.pipe.ended.wait()
        self._slot.close()


async def _spawn(options: PoolOptions, pipe_fd: int, slot_fd: int) -> Process:
    terms = Terms(
        pipe_fd=pipe_fd,
        slot_fd=slot_fd,
        memory_bytes=options.memory_bytes,
        request_cpu_s=max(options.check_cpu_s, options.open_cpu_s, options.read_cpu_s),
        gated=options.gated,
        agents=options.agents,
    )
    return await asyncio.create_subprocess_exec(
        *options.program,
        msgspec.json.encode(terms).decode(),
        stdin=DEVNULL,
        stdout=DEVNULL,
        pass_fds=(pipe_fd, slot_fd),
        env=dict(options.environment),
    )
