"""The pool of document workers: the adapter of the `Documents` port."""

import asyncio
import itertools
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self

from segue.document.submission import LoggedUpdate, Order, Submission
from segue.document.views import View
from segue.errors import SegueError
from segue.ids import DocumentId
from segue.workers.blame import Blame
from segue.workers.keeper import Keeper
from segue.workers.options import PoolOptions
from segue.workers.ports import DocumentSink
from segue.workers.shard import Shard


class Pool:
    """Documents in child processes, sharded by id; see `ports.Documents` for what is promised.

    An async context manager: entering starts the workers and waits until they are ready; leaving
    ends them, without a word to sinks, so rooms are closed before. Requests made before entering or
    after leaving are a mistake of the caller's.
    """

    def __init__(self, options: PoolOptions) -> None:
        self._options = options
        self._keepers: tuple[Keeper, ...] = ()
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Starts the workers.

        Raises:
            SegueError: a worker does not start; what it printed to stderr says why.
        """
        await self._running.enter_async_context(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        """Ends the workers; none is left when it returns."""
        return await self._running.__aexit__(kind, error, trace)

    @asynccontextmanager
    async def _run(self) -> AsyncIterator[None]:
        blame, numbers = Blame(self._options.quarantine_s), itertools.count(1)
        self._keepers = tuple(
            Keeper(str(index), self._options, Shard(blame, numbers))
            for index in range(self._options.workers)
        )
        outcome: Exception | None = None
        async with asyncio.TaskGroup() as tasks:
            for index, keeper in enumerate(self._keepers):
                tasks.create_task(keeper.run(), name=f"document worker {index}")
            watch = tasks.create_task(self._look_after(), name="document workers' watch")
            try:
                await self._started()
                yield
            # Whoever uses the pool gets errors as they are, not inside a group.
            except Exception as error:  # noqa: BLE001
                outcome = error
            finally:
                watch.cancel()
                for keeper in self._keepers:
                    keeper.stop()
        if outcome is not None:
            raise outcome

    async def _started(self) -> None:
        for keeper in self._keepers:
            await keeper.tried.wait()
            if not keeper.ready:
                raise SegueError("A document worker does not start; its error is printed above.")

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(self._options.watch_every_s)
            for keeper in self._keepers:
                keeper.look()

    @property
    def pending_bytes(self) -> int:
        """The size of all requests that no worker is done with yet. The pool sets no bound itself."""
        return sum(keeper.shard.pending_bytes for keeper in self._keepers)

    @property
    def ready(self) -> bool:
        """Tells whether every document has a worker, or will have one in a moment."""
        return not any(keeper.failing for keeper in self._keepers)

    @property
    def pids(self) -> tuple[int | None, ...]:
        """The workers' process ids, None for one that is being replaced."""
        return tuple(keeper.pid for keeper in self._keepers)

    def worker_of(self, document: DocumentId) -> int:
        """Gives the index of the worker that holds a document; the same as long as the pool lives."""
        return zlib.crc32(document.encode()) % len(self._keepers)

    def open(
        self,
        document: DocumentId,
        snapshot: bytes | None,
        updates: tuple[LoggedUpdate, ...],
        sink: DocumentSink,
    ) -> None:
        """See the port."""
        self._shard(document).open(document, snapshot, updates, sink)

    def check(self, document: DocumentId, submission: Submission) -> None:
        """See the port."""
        self._shard(document).check(document, submission)

    def edit(self, document: DocumentId, order: Order) -> None:
        """See the port."""
        self._shard(document).edit(document, order)

    def view(self, document: DocumentId, request: int, view: View) -> None:
        """See the port."""
        self._shard(document).view(document, request, view)

    def state(self, document: DocumentId, request: int, since: bytes) -> None:
        """See the port."""
        self._shard(document).state(document, request, since)

    def snapshot(self, document: DocumentId, request: int, *, anew: bool = False) -> None:
        """See the port."""
        self._shard(document).snapshot(document, request, anew=anew)

    def close(self, document: DocumentId) -> None:
        """See the port."""
        self._shard(document).close(document)

    def _shard(self, document: DocumentId) -> Shard:
        return self._keepers[self.worker_of(document)].shard
