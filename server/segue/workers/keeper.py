"""Keeps one shard's process alive: starts it, looks after it, says whose fault its end was."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from segue.workers.cause import Condemned, cause_of
from segue.workers.options import PoolOptions
from segue.workers.process import WorkerProcess
from segue.workers.shard import Shard
from segue.workers.watch import Finding, Vitals, Watch

log = structlog.get_logger()

_RETRY_S: Final[Sequence[float]] = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
"""Waits before a start, by the number of starts that failed in a row."""


class Keeper:
    """Runs one worker process after the other for a shard.

    A process that ends is replaced at once; one that never became ready, after a growing wait.
    """

    def __init__(self, name: str, options: PoolOptions, shard: Shard) -> None:
        self.shard = shard
        self.tried = asyncio.Event()
        self._stopping = asyncio.Event()
        self._log = log.bind(worker=name)
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._process: WorkerProcess | None = None
        self._watch: Watch | None = None
        self._failures = 0

    @property
    def pid(self) -> int | None:
        """The worker's process id; None between two processes."""
        return self._process.pid if self._process else None

    @property
    def ready(self) -> bool:
        """Tells whether there is a process that has spoken."""
        return self._watch is not None

    @property
    def failing(self) -> bool:
        """Tells whether the process does not come back: one that ended is replaced in a moment."""
        return not self.ready and self._failures > 1

    async def run(self) -> None:
        """Keeps a process running until stopped or cancelled, and leaves none behind."""
        while not self._stopping.is_set():
            # Taken back once it is ready.
            self._failures += 1
            try:
                await self._live()
            except OSError as error:
                self._log.error("worker.not_started", errno=error.errno)
            self.tried.set()
            await self._pause(_RETRY_S[min(self._failures, len(_RETRY_S) - 1)])

    def stop(self) -> None:
        """Has `run` end the process, and itself."""
        self._stopping.set()
        if self._process is not None:
            self._process.kill()

    async def _pause(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _live(self) -> None:
        process = await WorkerProcess.start(self._options, self.shard.receive)
        try:
            self._process = process
            if self._stopping.is_set():
                return
            self.shard.attach(process.pipe.send)
            await self._await_sign(process)
            status = await process.wait()
            if not self._stopping.is_set():
                self._bury(process, status)
        finally:
            self._process = self._watch = None
            await process.end()

    async def _await_sign(self, process: WorkerProcess) -> None:
        try:
            async with asyncio.timeout(self._options.start_s):
                await process.pipe.sign.wait()
        except TimeoutError:
            process.condemn(Condemned(Finding.STALLED, 0))
        if process.pipe.spoke:
            self._failures = 0
            self._watch = Watch(self._options, self._loop.time())
            self._log.info("worker.ready", pid=process.pid)
            self.tried.set()

    def look(self) -> None:
        """Ends the process if it is over a limit or stands still."""
        process, watch = self._process, self._watch
        usage = process.usage() if process and watch else None
        if process is None or watch is None or usage is None:
            return
        # Read after the CPU time: a request that begins in between can only look too young.
        running = process.running()
        ticket, since_cpu_ns = (running.ticket, running.started_cpu_ns) if running else (0, 0)
        vitals = Vitals(
            running=ticket,
            since_cpu_s=since_cpu_ns / 1e9,
            cpu_s=usage.cpu_s,
            memory_bytes=usage.memory_bytes,
            done=self.shard.done,
            waiting=self.shard.waiting,
        )
        asked = self.shard.asked(ticket)
        finding = watch.examine(self._loop.time(), vitals, asked.kind if asked else None)
        if finding is not None:
            process.condemn(Condemned(finding, ticket))

    def _bury(self, process: WorkerProcess, status: int) -> None:
        running = process.running()
        ticket = running.ticket if running else 0
        crowded = self._watch is not None and self._watch.was_crowded(ticket)
        cause = cause_of(status, ticket, process.condemned, crowded=crowded)
        self._log.warning(
            "worker.ended",
            pid=process.pid,
            status=status,
            reason=cause.reason,
            documents=self.shard.open_documents,
        )
        self.shard.detach(cause.reason, cause.ticket, certain=cause.certain)
