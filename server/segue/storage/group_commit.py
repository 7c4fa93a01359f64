"""The one writer of a node: commits what queued while the last commit ran, as one statement.

The naive way is a transaction per update, in the task of the connection it came by: a commit costs
Postgres 200-500 us of CPU whatever it holds, and a task that is cancelled in mid commit has
written without knowing it. Here documents raise a hand (`enqueue`), and the writer takes all that
waits when it is ready.

A claim is in one place: with its source, until it is taken; then in `_claims`, until it has an
outcome. Rules:

1. A source is asked for a batch only while it has no claim.
2. A claim leaves with a certain outcome only, and its source is told it once.
3. A claim keeps its batch number through all attempts: that is how a lost reply is resolved.
4. An outage ends no claim. An impossible row ends its own claim only.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from segue.errors import StorageUnavailable
from segue.ids import DocumentId
from segue.storage.claims import Claim, Outcome, RowRefused
from segue.storage.payload import encode_updates
from segue.storage.ports import BatchSource

log = structlog.get_logger()

MAX_ROUND_BYTES: Final = 8 * 2**20
"""A statement larger than this delays everyone in it; what is left over goes with the next."""

BUSY_TOLD: Final = 500
"""After so many statements that found a document held, an operator is told: some 5 s."""


class Claims(Protocol):
    """Where claims are made; `ClaimWriter` says what each answer means."""

    async def write(self, claims: Sequence[Claim]) -> list[Outcome]:
        """Makes all claims in one statement."""

    def close(self) -> None:
        """Drops the connection."""


@dataclass(slots=True)
class CommitStats:
    """What the writer did, for readiness and metrics."""

    rounds: int = 0
    rows: int = 0
    bytes: int = 0
    conflicts: int = 0
    refused: int = 0
    outages: int = 0
    last_error: str | None = None
    """Why the last statement failed; None as soon as one succeeds."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the writer pauses between statements, in seconds."""

    round: float = 0.003
    """Start to start: under load, more updates share a commit. A lone update never waits."""
    busy: float = 0.01
    """When all that is left is documents that somebody else holds."""
    outage_first: float = 0.05
    outage_longest: float = 1.0


DEFAULT_PACE: Final = Pace()


class GroupCommit:
    """Commits batches of many sources. Made and run by `group_commit`."""

    def __init__(
        self, writer: Claims, *, held: Callable[[], Awaitable[None]], pace: Pace = DEFAULT_PACE
    ) -> None:
        self.stats = CommitStats()
        self._writer = writer
        self._held = held
        self._pace = pace
        self._raised: dict[BatchSource, None] = {}  # a set that keeps its order
        self._claims: dict[BatchSource, Claim] = {}
        self._busy: dict[BatchSource, int] = {}  # how many statements found it so
        self._batches = 0
        self._outage_pause = 0.0
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def enqueue(self, source: BatchSource) -> None:
        """Has the source's batch taken for the next statement; see `UpdateLog.enqueue`."""
        self._raised[source] = None
        self._idle.clear()
        self._work.set()

    async def drain(self) -> None:
        """Returns when everything enqueued so far and meanwhile has its outcome.

        Through an outage that takes as long as the outage: the caller sets the limit.
        """
        await self._idle.wait()

    async def run(self) -> None:
        """Commits until it is cancelled; what has no outcome by then is told none."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._work.wait()
                await self._held()
                started = loop.time()
                pause = await self._round()
                if not self._raised and not self._claims:
                    self._work.clear()
                    self._idle.set()
                await asyncio.sleep(max(0.0, started + pause - loop.time()))
        finally:
            self._writer.close()

    async def _round(self) -> float:
        """Makes one statement of all that waits; gives the pause from its start to the next."""
        self._take_batches()
        if not self._claims:
            return 0
        sources = sorted(self._claims, key=lambda source: self._claims[source].document)
        try:
            await self._commit(sources)
        except StorageUnavailable as error:
            return self._note_outage(error)
        self._note_success()
        blocked = self._claims and self._raised.keys() <= self._claims.keys()
        return self._pace.busy if blocked else self._pace.round

    def _take_batches(self) -> None:
        # Busy claims don't count: documents that somebody holds must not keep the others out.
        size = sum(
            len(claim.payload) for source, claim in self._claims.items() if source not in self._busy
        )
        for source in list(self._raised):
            if size >= MAX_ROUND_BYTES:
                return
            if source in self._claims:
                continue
            del self._raised[source]
            claim = self._take_batch(source)
            if claim is not None:
                self._claims[source] = claim
                size += len(claim.payload)

    def _take_batch(self, source: BatchSource) -> Claim | None:
        try:
            batch = source.take_batch()
        except Exception:
            log.exception("storage.source_failed")
            return None
        if batch is None:
            return None
        self._batches += 1
        try:
            payload = encode_updates(batch.updates)
        except ValueError as error:  # a name that is no text
            self._refuse(source, batch.document, error)
            return None
        return Claim(batch.document, batch.generation, batch.last, self._batches, payload)

    async def _commit(self, sources: Sequence[BatchSource]) -> None:
        claims = [self._claims[source] for source in sources]
        try:
            outcomes = await self._writer.write(claims)
        except RowRefused as error:
            await self._isolate(sources, error)
            return
        self.stats.rounds += 1
        for source, outcome in zip(sources, outcomes, strict=True):
            self._settle(source, outcome)

    async def _isolate(self, sources: Sequence[BatchSource], error: RowRefused) -> None:
        """Finds the impossible row by halves, so that the others are written."""
        if len(sources) == 1:
            claim = self._claims.pop(sources[0])
            self._busy.pop(sources[0], None)
            self._refuse(sources[0], claim.document, error)
            return
        half = len(sources) // 2
        await self._commit(sources[:half])
        await self._commit(sources[half:])

    def _settle(self, source: BatchSource, outcome: Outcome) -> None:
        if outcome is Outcome.BUSY:
            self._note_busy(source)
            return
        self._busy.pop(source, None)
        claim = self._claims.pop(source)
        if outcome is Outcome.COMMITTED:
            self.stats.rows += 1
            self.stats.bytes += len(claim.payload)
            self._tell(claim.document, lambda: source.on_committed(claim.last + 1))
        else:
            self.stats.conflicts += 1
            self._tell(claim.document, source.on_conflict)

    def _note_busy(self, source: BatchSource) -> None:
        times = self._busy[source] = self._busy.get(source, 0) + 1
        if times == BUSY_TOLD:
            # Snapshots and deletions are over by then: a session of an operator's, most likely.
            log.warning("storage.document_held", document=self._claims[source].document)

    def _refuse(self, source: BatchSource, document: DocumentId, error: Exception) -> None:
        # Only the error's kind: its text may quote what was to be written.
        log.error(
            "storage.row_refused", document=document, reason=type(error.__cause__ or error).__name__
        )
        self.stats.refused += 1
        self._tell(document, source.on_conflict)

    def _tell(self, document: DocumentId, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            # A source raises nothing; if one does, the other documents must not pay for it.
            log.exception("storage.source_failed", document=document)

    def _note_outage(self, error: StorageUnavailable) -> float:
        cause = error.__cause__ or error
        reason = f"{type(cause).__name__}: {cause}"
        if not self.stats.last_error:
            log.warning("storage.commits_waiting", reason=reason, documents=len(self._claims))
        self.stats.outages += 1
        self.stats.last_error = reason
        pause = max(self._pace.outage_first, 2 * self._outage_pause)
        self._outage_pause = min(pause, self._pace.outage_longest)
        return self._outage_pause

    def _note_success(self) -> None:
        if self.stats.last_error:
            log.info("storage.commits_again")
        self.stats.last_error = None
        self._outage_pause = 0


@asynccontextmanager
async def group_commit(
    writer: Claims, *, held: Callable[[], Awaitable[None]], pace: Pace = DEFAULT_PACE
) -> AsyncIterator[GroupCommit]:
    """Runs a writer until the end of the block. What waits then is dropped: `drain` before.

    Args:
        writer: where claims are made.
        held: returns when this node may write (it holds the node lock); asked before each round.
        pace: the pauses.
    """
    commits = GroupCommit(writer, held=held, pace=pace)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(commits.run(), name="group commit")
        try:
            yield commits
        finally:
            running.cancel()
