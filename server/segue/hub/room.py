"""One open document: from a device's update to its acknowledgement and everybody's screen.

States   LOADING   the log is being read; everything that devices send is held
         OPENING   a worker is building the document; likewise
         OPEN      updates and questions go to the worker as they come
         ENDED     nobody is left and all is saved, or the document can't be served

Whatever goes wrong with an incarnation (its worker died, an update broke the document, the log
moved on without us) has one remedy: back to LOADING. The log is read again, and what has no outcome
is submitted again: updates byte for byte, edits of the server's as orders, to be made anew. Where the
log is of another generation by then, devices start over first: only what the server orders goes on.

Invariants:
1. Nothing leaves a room before it is durable: acks, increments and states go out in
   `on_committed` and behind it, in the order of the log.
2. A room with unsaved updates is ended only if the document can't be served: they were not
   acknowledged, their devices hold them.
3. A load begins only when no batch is with the writer, and no batch goes there before the document
   is open again: what is committed is in the worker, and nothing else.
4. ENDED is for ever: whatever comes later for this room is dropped.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from segue.document.edits import Edit
from segue.document.verdict import Accepted, Gap, NoNews, Refused, Run, Summary, Verdict
from segue.document.views import View
from segue.errors import Quarantined, Restarting, SegueError
from segue.hub.audience import Audience
from segue.hub.catching_up import CatchingUp
from segue.hub.entries import Entry, Ordered, Sent
from segue.hub.flight import Flight
from segue.hub.grace import Grace
from segue.hub.growth import Growth
from segue.hub.intake import Intake
from segue.hub.loading import read_base
from segue.hub.peer import Peer
from segue.hub.questions import Questions
from segue.hub.refusing import Refusing
from segue.hub.services import Services
from segue.hub.snapshots import Snapshots, Steps
from segue.hub.stage import Stage
from segue.ids import DocumentId
from segue.storage.ports import Base, Batch
from segue.wire.messages import (
    AwarenessUpdate,
    QueryAwareness,
    SyncStep1,
    SyncStep2,
    Update,
)
from segue.workers.ports import Loss, State

log = structlog.get_logger()

_STUCK_S: Final = 1.0

DocumentMessage = SyncStep1 | SyncStep2 | Update | AwarenessUpdate | QueryAwareness
"""What a device says to the room of a document."""


class Room:
    """Implements `BatchSource` for the writer and `DocumentSink` for the workers."""

    def __init__(
        self, document: DocumentId, services: Services, on_ended: Callable[["Room"], None]
    ) -> None:
        self.document = document
        self.stage = Stage.LOADING
        self._services = services
        self._options = services.options
        self._on_ended = on_ended
        self._audience = Audience(self._options.max_presence_bytes, self._options.presence_per_s)
        self._flight = Flight()
        self._generation = 0
        self._position: int | None = None
        self._refusing = Refusing(document, services.strikes)
        self._catching_up = CatchingUp(document, services.documents, self._audience)
        self._questions = Questions(document, services.documents)
        steps = Steps(self._on_snapshot, self._rewrite, lambda: self._reopen("it was written anew"))
        self._snapshots = Snapshots(
            document, services.log, services.tasks, steps, services.rewritings
        )
        growth = Growth(self._options.max_document_bytes, self._snapshots)
        self._intake = Intake(document, services, self._flight, self._refusing, growth)
        self._is_reload_due = False
        self._conflict_at: int | None = None
        self._grace = Grace(services.options.grace_s, self._settle)
        self._ended = asyncio.Event()
        self._load_again()

    # -- devices ---------------------------------------------------------------------------------

    @property
    def has_peers(self) -> bool:
        """Tells whether any device is attached."""
        return bool(self._audience.peers)

    def attach(self, peer: Peer) -> None:
        """Adds a device; it is greeted as soon as the document is open."""
        self._grace.stop()
        self._audience.peers[peer] = None
        self._catching_up.greet(peer)

    def detach(self, peer: Peer) -> None:
        """Removes a device. What it sent goes on to be saved."""
        self._audience.leave(peer)
        self._retire_later()

    def receive(self, peer: Peer, message: DocumentMessage) -> None:
        """Takes one message of a device; dropped if it is not attached any more."""
        if not peer.attached:
            return
        match message:
            case Update(update=data):
                self._intake.send(peer, data, is_answer=False)
            case SyncStep2(update=data):
                self._intake.send(peer, data, is_answer=True)
            case SyncStep1():
                self._catching_up.on_step1(peer, message)
            case AwarenessUpdate(entries=entries):
                self._audience.announce(peer, entries)
            case QueryAwareness():
                self._catching_up.on_query(peer)

    def on_congested(self, peer: Peer) -> None:
        """Stops increments to a device whose buffer is full."""
        self._audience.lag(peer)

    def on_drained(self, peer: Peer) -> None:
        """Catches a device up that can take something again."""
        self._catching_up.proceed(peer)

    # -- the server's own callers ----------------------------------------------------------------

    def edit(self, edit: Edit, size_bytes: int) -> asyncio.Future[None]:
        """Has an edit of the server's made; done once it is durable. It goes on if nobody waits.

        Raises:
            Overloaded: the backlog is full.
            TooLarge: the document is.
        """
        outcome = self._intake.order(edit, size_bytes)
        self._grace.stop()
        self._retire_later()
        return outcome

    def view(self, view: View) -> asyncio.Future[bytes]:
        """Gives what is committed as JSON. Cancelling it takes the question back.

        Raises:
            Overloaded: too many ask already.
        """
        answer = self._questions.ask(view)
        self._grace.stop()
        self._retire_later()
        return answer

    # -- the way in ------------------------------------------------------------------------------

    def on_verdict(self, verdict: Verdict) -> None:
        """Takes the worker's verdict on the oldest update."""
        entry = self._flight.judge(verdict)
        match verdict:
            case Accepted() | NoNews():
                if isinstance(entry, Sent):
                    entry.owe(verdict.spans)
                if isinstance(verdict, Accepted):
                    self._services.log.enqueue(self)
                else:
                    self._leave()
            case Gap(spans=spans):
                assert isinstance(entry, Sent)
                entry.owe_later(spans)
                self._on_gap(entry)
            case Refused():
                self._intake.refuse(entry, verdict)
                self._settle()

    def _on_gap(self, entry: Sent) -> None:
        self._intake.conclude(entry)
        if entry.is_answer:
            self._refusing.gap(entry.peer, asyncio.get_running_loop().time())
        elif entry.peer.attached:
            self._catching_up.ask(entry.peer)
        self._settle()

    # -- the log ---------------------------------------------------------------------------------

    def take_batch(self) -> Batch | None:
        """Hands the writer what was accepted."""
        if self.stage is not Stage.OPEN or self._position is None:
            return None
        if self._flight.is_committing or not self._flight.has_accepted:
            return None
        updates = self._flight.take(self._options.max_batch_bytes)
        return Batch(self.document, self._generation, self._position, updates)

    def on_committed(self, position: int) -> None:
        """Lets everything out that is durable now: increments, acks, states, in this order."""
        self._position = position
        for segment in self._flight.land():
            self._audience.broadcast(segment.entries)
            for entry in segment.entries:
                self._snapshots.grow(entry.update_bytes)
                self._intake.land(entry)
            self._let_out(segment.leaving, position if segment.ends_row else position - 1)
        self._services.followers.on_news(self.document)
        if self._is_reload_due:
            self._load_again()
        elif self.stage is Stage.OPEN:
            self._go_on()

    def _go_on(self) -> None:
        self._catching_up.resume()
        if self._flight.has_accepted:
            self._services.log.enqueue(self)
        self._fold_log(every_rows=self._options.snapshot_every_rows)
        self._settle()

    def on_conflict(self) -> None:
        """Loads again: another writer was first, or the document is gone."""
        self._flight.put_back()
        if self.stage is Stage.ENDED:
            self._intake.drop(_closed())
            return
        # A second one at the same place means that the log hasn't moved: it can't take the row.
        is_stuck, self._conflict_at = self._conflict_at == self._position, self._position
        if self._is_reload_due:
            self._load_again(after_s=_STUCK_S if is_stuck else 0)
        else:
            self._reopen("the log has moved on", after_s=_STUCK_S if is_stuck else 0)

    def _leave(self) -> None:
        if self._position is not None:
            self._let_out(self._flight.leave(), self._position)
            self._settle()

    def _let_out(self, leaving: list[Entry | State], position: int) -> None:
        for what in leaving:
            match what:
                case Sent() | Ordered():
                    self._audience.acknowledge(what)
                    self._intake.land(what)
                case State() if self._questions.answer(what):
                    pass
                case State() if self._catching_up.take_snapshot(what):
                    self._snapshots.take(self._generation, position, what.data)
                case State(data=b""):
                    self._refusing.outdated(self._catching_up.drop(what))
                case State():
                    self._catching_up.hand_over(what)

    # -- the worker ------------------------------------------------------------------------------

    def on_opened(self, vector: dict[int, int], summary: Summary, runs: tuple[Run, ...]) -> None:
        """Submits what was held, greets and answers who waits."""
        self._audience.reset(vector)
        # Told again at each opening: a crash may have come between the commit and the telling.
        self._services.followers.on_summary(self.document, summary)
        if runs:
            self._services.followers.on_runs(self.document, runs)
        self._services.followers.on_news(self.document)
        self.stage = Stage.OPEN
        self._intake.open()
        self._catching_up.begin()
        self._questions.begin()
        self._retire_later()

    def on_state(self, state: State) -> None:
        """Passes a state on once all that is inside is durable."""
        if not self._catching_up.put_off(state, self._flight.waiting_bytes):
            self._flight.wait(state)
            self._leave()

    def on_lost(self, loss: Loss) -> None:
        """Loads again, without the update that killed the worker."""
        if loss.blamed is not None and (entry := self._flight.strike(loss.blamed)) is not None:
            self._services.conduct.offend(entry.user, asyncio.get_running_loop().time())
            self._intake.refuse(entry, Refused(loss.blamed, loss.reason))
            self._settle()
        if loss.quarantined:
            text = "This conversation can't be opened safely. An operator has been told."
            log.error("document.quarantined", document=self.document, reason=loss.reason)
            self._end(Quarantined(text))
        else:
            self._lose(loss.reason)

    # -- from the first load to the end ----------------------------------------------------------

    def _lose(self, reason: str, after_s: float = 0) -> None:
        if self.stage in (Stage.OPENING, Stage.OPEN):
            log.warning("document.reloads", document=self.document, reason=reason)
            self.stage = Stage.LOADING
            self._stop_asking()
            self._load_again(after_s)

    def _reopen(self, reason: str, after_s: float = 0) -> None:
        self._services.documents.close(self.document)
        self._lose(reason, after_s)

    def _stop_asking(self) -> None:
        self._intake.stop()
        self._catching_up.stop()
        self._questions.stop()

    def _load_again(self, after_s: float = 0) -> None:
        self._is_reload_due = self._flight.is_committing
        if not self._is_reload_due:
            self._services.tasks.create_task(self._load(after_s), name=f"load {self.document}")

    async def _load(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        try:
            base = await read_base(self._services.log, self.document, self._is_wanted)
        except SegueError as error:
            self._end(error)
        else:
            if self.stage is Stage.LOADING:
                self._open(base)

    def _is_wanted(self) -> bool:
        return self.has_peers or not (self._flight.is_empty and self._questions.is_empty)

    def _open(self, base: Base) -> None:
        if self._position is not None and base.generation != self._generation:
            for peer in list(self._audience.peers):
                self._refusing.outdated(peer)
                self._audience.leave(peer)
            self._intake.drop_sent()
        if self._position != base.position:
            self._audience.lag_all()
        self._generation, self._position = base.generation, base.position
        self._snapshots.reset(base)
        self.stage = Stage.OPENING
        self._services.documents.open(self.document, base.snapshot, base.updates, self)

    def _retire_later(self) -> None:
        if not self.has_peers and self.stage is not Stage.ENDED:
            self._grace.begin()

    async def retire(self) -> None:
        """Ends the room without grace; returns when all is saved and a snapshot written.

        Cancelling loses nothing: what was acknowledged is in the log.
        """
        self._grace.end()
        await self._ended.wait()

    def _settle(self) -> None:
        is_over = self._grace.is_over and self.stage is Stage.OPEN and not self._is_wanted()
        if is_over and not self._snapshots.under_way and not self._fold_log(every_rows=1):
            self._end(None)

    def _fold_log(self, *, every_rows: int) -> bool:
        if self.stage is not Stage.OPEN or self._position is None or self._snapshots.under_way:
            return False
        if not self._snapshots.is_due(self._position, every_rows=every_rows):
            return False
        self._snapshots.under_way = True
        self._catching_up.ask_snapshot(anew=False)
        return True

    def _on_snapshot(self) -> None:
        # Rows that came meanwhile may be due for the next one, and no other may follow them.
        self._fold_log(every_rows=self._options.snapshot_every_rows)
        self._settle()

    def _rewrite(self) -> None:
        self._intake.stop()
        self._catching_up.ask_snapshot(anew=True)

    def abandon(self, error: SegueError) -> None:
        """Ends the room at once. What is unsaved was not acknowledged: its devices hold it."""
        self._end(error)

    def _end(self, error: SegueError | None) -> None:
        if self.stage is Stage.ENDED:
            return
        self.stage = Stage.ENDED
        self._is_reload_due = False
        self._stop_asking()
        self._questions.fail(error or _closed())
        self._services.documents.close(self.document)
        for peer in list(self._audience.peers):
            if error is not None:
                self._refusing.refuse(peer, error)
            self._audience.leave(peer)
        self._intake.drop(error or _closed())
        self._ended.set()
        self._on_ended(self)


def _closed() -> SegueError:
    return Restarting("The session was closed just now. Try again.")
