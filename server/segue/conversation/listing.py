"""The list of sessions follows their content: summaries become rows, a moment behind the commits.

A projection: what is lost with the process is written again when the document is opened next.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog

from segue.document.verdict import Summary
from segue.errors import SegueError
from segue.ids import DocumentId, session_id
from segue.storage.ports import SummaryStore

log = structlog.get_logger()

_MAX_WAITING: Final = 10_000
_MAX_AT_ONCE: Final = 500
_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 5.0
_CLOSE_S: Final = 5.0


OnStored = Callable[[Sequence[DocumentId]], Awaitable[None]]


async def _ignore(sessions: Sequence[DocumentId]) -> None:
    """Is told, and does nothing."""


class Listing:
    """Takes summaries, and stores the latest of each document. Made and run by `listing`.

    `on_stored` is told which; what it can't do is lost.
    """

    def __init__(
        self, store: SummaryStore, *, max_waiting: int = _MAX_WAITING, pause_s: float = _PAUSE_S
    ) -> None:
        self.on_stored: OnStored = _ignore
        self._store = store
        self._max_waiting = max_waiting
        self._pause_s = pause_s
        self._waiting: dict[DocumentId, Summary] = {}
        self._noted = 0
        self._tried = 0
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()
        self._attempt = asyncio.Event()

    def note(self, document: DocumentId, summary: Summary) -> None:
        """Takes the latest summary of a session; dropped if too many wait."""
        if session_id(document) is None:
            return  # a home is in no list
        if document not in self._waiting and len(self._waiting) >= self._max_waiting:
            log.warning("listing.dropped", document=document, waiting=len(self._waiting))
            return
        self._waiting[document] = summary
        self._noted += 1
        self._news.set()

    async def changed(self, document: DocumentId) -> None:
        """Has whoever shows lists told that one of them is other than it was."""
        await self.on_stored([document])

    async def flush(self) -> None:
        """Returns once it was tried to store all that had been noted before the call."""
        wanted = self._noted
        self._hurry.set()
        while self._tried < wanted:
            await self._attempt.wait()

    async def run(self) -> None:
        """Stores what comes, until it is cancelled; through outages with growing pauses."""
        pause_s = self._pause_s
        while True:
            await self._news.wait()
            # What comes meanwhile goes with it: one statement, whatever the number of messages.
            await self._pause(pause_s)
            if await self._store_waiting():
                pause_s = self._pause_s
            else:
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _pause(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._hurry.wait()
        except TimeoutError:
            return

    async def _store_waiting(self) -> bool:
        self._hurry.clear()
        noted, batch = self._noted, list(self._waiting.items())
        stored = await self._store_in_parts(batch)
        # Newer ones that came meanwhile stay.
        for document, summary in batch if stored else ():
            if self._waiting.get(document) is summary:
                del self._waiting[document]
        if not self._waiting:
            self._news.clear()
        self._tried = noted
        self._attempt.set()
        self._attempt = asyncio.Event()
        return stored

    async def _store_in_parts(self, batch: Sequence[tuple[DocumentId, Summary]]) -> bool:
        try:
            for start in range(0, len(batch), _MAX_AT_ONCE):
                part = batch[start : start + _MAX_AT_ONCE]
                await self._store.save_summaries(part)
                await self.on_stored([document for document, _ in part])
        except SegueError as error:
            log.warning("listing.unavailable", waiting=len(batch), reason=str(error.__cause__))
            return False
        except Exception:  # a list that is behind isn't worth the node
            log.exception("listing.failed", lost=len(batch))
        return True


@asynccontextmanager
async def listing(store: SummaryStore, *, pause_s: float = _PAUSE_S) -> AsyncIterator[Listing]:
    """Runs a listing until the end of the block, which stores what still waits, if it can."""
    kept = Listing(store, pause_s=pause_s)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(kept.run(), name="listing of sessions")
        try:
            yield kept
            async with asyncio.timeout(_CLOSE_S):
                await kept.flush()
        except TimeoutError:
            log.warning("listing.behind", hint="written again when these sessions are opened")
        finally:
            running.cancel()
