"""Runs agents: their answers stream into the documents, where every device sees them.

    told of a run whose turn it is -> waiting for the one before to let go, and for an agent to have room
        -> running -> ended in the document

Invariants:
1. A session has one run at a time. Whose turn it is, the document says.
2. Whether a run goes on is decided in the document: what is written to one that has ended is
   refused, and then its agent is stopped.
3. What can't be stored now is tried again; meanwhile the agent waits.
4. A run that is active in a document and isn't known here was cut off by a crash: interrupted. So is one
   whose agent's program is lost.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import msgspec
import structlog

from segue.agents.batches import AgentFailed, Batch, Batches
from segue.agents.composing import Composer
from segue.agents.port import Agent, NoFiles, TurnFiles
from segue.agents.remote.programs import ProgramLost, Programs
from segue.agents.seats import Seat, Seats
from segue.agents.turns import Given
from segue.conversation.ports import Documents
from segue.document.edits import ContinueRun, Edit, EndRun, StartRun
from segue.document.verdict import Run
from segue.document.views import TurnView, ViewProfile, ViewSession, ViewTurn
from segue.errors import (
    Forbidden,
    Overloaded,
    RefusedUpdate,
    Restarting,
    SegueError,
    StorageUnavailable,
)
from segue.ids import DocumentId, UserId, home_of

log = structlog.get_logger()

_MAX_ANSWER_BYTES: Final = 1 << 20
_MAX_ERROR: Final = 500
_FAILED: Final = "The agent failed. It has been reported; try again."
_FIRST_RETRY_S: Final = 0.2
_LAST_RETRY_S: Final = 3.0
_CLOSE_S: Final = 3.0

_TRY_AGAIN: Final = (StorageUnavailable, Overloaded, Restarting)

_turns: Final = msgspec.json.Decoder(TurnView | None)
_profiles: Final = msgspec.json.Decoder(dict[str, dict[str, object]])


@dataclass(slots=True)
class _Line:
    """The runs of one session, the running one apart."""

    waiting: dict[str, Run] = field(default_factory=dict)
    running: Run | None = None
    work: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True)
class _Work:
    """One attempt at a run."""

    document: DocumentId
    run: Run
    attempt: str


class Runner:
    """See the module's text. Made and closed by `running_agents`."""

    def __init__(
        self,
        documents: Documents,
        seats: Seats,
        clock_ms: Callable[[], int],
        mint: Callable[[], str],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._documents = documents
        self._seats = seats
        self._clock_ms = clock_ms
        self._mint = mint
        self._tasks = tasks
        self._lines: dict[DocumentId, _Line] = {}
        self._is_closing = False
        self.files: Callable[[DocumentId], TurnFiles] = lambda _: NoFiles()
        """Gives a session's files, where there are any."""
        self._recovering: asyncio.Task[None] | None = None

    def on_runs(self, document: DocumentId, runs: Sequence[Run]) -> None:
        """Takes runs as they are in the document now; returns at once."""
        if self._is_closing:
            return  # found again at the next start
        line = self._lines.get(document)
        if line is None:
            line = self._lines[document] = _Line()
            self._tasks.create_task(self._serve(document, line), name=f"runs of {document}")
        for run in runs:
            is_running = line.running is not None and line.running.id == run.id
            match run.status:
                case "queued":
                    # What runs may be queued again before it let go; started twice, it is refused.
                    line.waiting[run.id] = run
                case "active":
                    if not is_running:
                        line.waiting[run.id] = run
                case _:
                    line.waiting.pop(run.id, None)
                    if is_running and line.work is not None:
                        line.work.cancel()

    def recover(self, documents: Sequence[DocumentId]) -> None:
        """Has documents opened, one after the other, whose runs a crash may have cut off.

        They then tell `on_runs`. Returns at once.
        """
        self._recovering = self._tasks.create_task(self._recover(documents), name="recovery")

    async def _recover(self, documents: Sequence[DocumentId]) -> None:
        for document in documents:
            try:
                await self._documents.view(document, ViewSession())
            except SegueError as error:
                log.warning("runs.not_recovered", document=document, reason=error.code)

    async def close(self) -> None:
        """Stops all agents, and marks their runs as interrupted as far as the storage takes it."""
        self._is_closing = True
        if self._recovering is not None:
            self._recovering.cancel()
        works = [line.work for line in self._lines.values() if line.work is not None]
        for line in self._lines.values():
            line.waiting.clear()
        for work in works:
            work.cancel()
        if works:
            await asyncio.wait(works, timeout=_CLOSE_S)

    async def _serve(self, document: DocumentId, line: _Line) -> None:
        await asyncio.sleep(0)  # `on_runs` has told all
        while line.waiting:
            run = line.waiting.pop(next(iter(line.waiting)))
            line.running = run
            line.work = self._tasks.create_task(self._work(document, run), name=f"run {run.id}")
            await asyncio.wait({line.work})
            line.running = line.work = None
        if self._lines.get(document) is line:
            del self._lines[document]

    async def _work(self, document: DocumentId, run: Run) -> None:
        attempt = run.attempt if run.status == "active" else self._mint()
        work = _Work(document, run, attempt)
        try:
            if run.status == "active":
                await self._end(work, "interrupted")
            else:
                async with self._seats.taken(run.agent, document) as seat:
                    await self._answer(work, seat)
        except asyncio.CancelledError:
            if self._is_closing:
                await self._end(work, "interrupted")
            raise
        except SegueError as error:
            log.warning("run.given_up", document=document, run=run.id, reason=error.code)
        except Exception:  # one run's failure ends that run alone
            log.exception("run.failed", document=document, run=run.id)
            await self._end(work, "error", _FAILED)

    async def _answer(self, work: _Work, seat: Seat) -> None:
        run = work.run
        try:
            await self._write(work.document, StartRun(run.id, work.attempt, self._clock_ms()))
        except RefusedUpdate as error:
            log.info("run.not_started", document=work.document, run=run.id, reason=str(error))
            return
        view = _turns.decode(await self._documents.view(work.document, ViewTurn(run.id)))
        if view is None or not view.history:
            await self._end(work, "interrupted")
            return
        profile = await self._profile(view.history[-1].author.id)
        files = self.files(work.document)
        try:
            has_asked = await self._stream(work, seat, Given(work.document, view, profile, files))
        except AgentFailed as failure:
            if isinstance(failure.__cause__, ProgramLost):
                log.warning("run.program_lost", document=work.document, run=run.id, agent=run.agent)
                await self._end(work, "interrupted")
                return
            log.warning("run.agent_failed", document=work.document, run=run.id, exc_info=failure)
            await self._end(work, "error", str(failure)[:_MAX_ERROR] or _FAILED)
        except RefusedUpdate as error:
            # It has ended elsewhere, and this is no news there; or the agent did what can't be done.
            log.info("run.refused", document=work.document, run=run.id, reason=str(error))
            await self._end(work, "error", f"The agent's step was refused: {error}"[:_MAX_ERROR])
        else:
            await self._end(work, "suspended" if has_asked else "done")

    async def _stream(self, work: _Work, seat: Seat, given: Given) -> bool:
        """Writes the answer as it comes, and tells whether people have to decide.

        The agent has stopped when this ends, in whatever way.
        """
        turn = given.turn
        batches = Batches(seat.respond(given))
        composer = Composer(turn.parts)
        reading = self._tasks.create_task(batches.read(), name=f"agent of {work.run.id}")
        written_bytes = len(turn.written.encode())
        try:
            while (batch := await batches.take()) is not None:
                written_bytes += batch.bytes
                if written_bytes > _MAX_ANSWER_BYTES:
                    raise AgentFailed(f"The answer is longer than {_MAX_ANSWER_BYTES} bytes.")
                await self._write(work.document, self._edit(work, batch, composer))
        finally:
            reading.cancel()
            await asyncio.wait({reading})
        return composer.has_asked

    def _edit(self, work: _Work, batch: Batch, composer: Composer) -> ContinueRun:
        remembered = {
            key: msgspec.json.encode(
                {
                    "value": entry.value,
                    "source": entry.source,
                    "by": work.run.agent,
                    "observed_at": self._clock_ms(),
                }
            )
            for key, entry in batch.entries.items()
            if entry is not None
        }
        forgotten = tuple(key for key, entry in batch.entries.items() if entry is None)
        steps = composer.steps(batch.parts)
        metadata = {key: msgspec.json.encode(value) for key, value in batch.metadata.items()}
        return ContinueRun(
            work.run.id, work.attempt, steps, remembered, forgotten, batch.title, metadata
        )

    async def _profile(self, user: UserId) -> Mapping[str, Mapping[str, object]]:
        try:
            return _profiles.decode(await self._documents.view(home_of(user), ViewProfile()))
        except Forbidden:
            return {}  # they never opened their home

    async def _end(self, work: _Work, status: str, error: str = "") -> None:
        edit = EndRun(work.run.id, work.attempt, status, self._clock_ms(), error)
        await self._write(work.document, edit)

    async def _write(self, document: DocumentId, edit: Edit) -> None:
        delay_s = _FIRST_RETRY_S
        while True:
            try:
                await self._documents.edit(document, edit)
            except _TRY_AGAIN:
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, _LAST_RETRY_S)
            else:
                return


@asynccontextmanager
async def running_agents(
    documents: Documents,
    agents: Mapping[str, Agent],
    clock_ms: Callable[[], int],
    mint: Callable[[], str],
    programs: Programs | None = None,
) -> AsyncIterator[Runner]:
    """Runs agents for the time of the context, those of `programs` too.

    What runs at its end is interrupted.
    """
    async with asyncio.TaskGroup() as tasks:
        runner = Runner(documents, Seats(agents, programs), clock_ms, mint, tasks)
        try:
            yield runner
        finally:
            await runner.close()
            for agent in agents.values():
                await _let_go(agent)


async def _let_go(agent: Agent) -> None:
    close = getattr(agent, "aclose", None)
    try:
        if close is not None:
            await close()
    except Exception:  # an agent may fail in any way, and the node still ends
        log.exception("agent.not_closed", agent=agent.name)
