"""One open document: from a device's update to its acknowledgement and everybody's screen.

States   LOADING   the log is being read; everything that devices send is held
         OPENING   a worker is building the document; likewise
         OPEN      updates and questions go to the worker as they come
         ENDED     nobody is left and all is saved, or the document can't be served

Whatever goes wrong with an incarnation (its worker died, an update broke the document, the log
moved on without us) has one remedy: back to LOADING. The log is read again, and what has no outcome
is submitted again, byte for byte.

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
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import structlog

from segue.document.submission import LoggedUpdate
from segue.document.verdict import Accepted, Gap, NoNews, Refused, Verdict
from segue.errors import Quarantined, Restarting, SegueError, StartOver
from segue.hub.audience import Audience
from segue.hub.backlog import Backlog
from segue.hub.catching_up import CatchingUp
from segue.hub.flight import Entry, Flight, size_in_backlog
from segue.hub.loading import read_base
from segue.hub.options import HubOptions
from segue.hub.peer import Peer
from segue.hub.refusing import Refusing
from segue.hub.snapshots import Snapshots
from segue.hub.strikes import Strikes
from segue.ids import DocumentId
from segue.storage.ports import Base, Batch, UpdateLog
from segue.wire.messages import (
    AwarenessUpdate,
    QueryAwareness,
    SyncStep1,
    SyncStep2,
    Update,
)
from segue.workers.ports import Documents, Loss, State

log = structlog.get_logger()

_STUCK_S: Final = 1.0

DocumentMessage = SyncStep1 | SyncStep2 | Update | AwarenessUpdate | QueryAwareness
"""What a device says to the room of a document."""


class Stage(Enum):
    """See the module's text."""

    LOADING = auto()
    OPENING = auto()
    OPEN = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Services:
    """What a room works with; shared by all rooms of a node."""

    documents: Documents
    log: UpdateLog
    tasks: asyncio.TaskGroup
    backlog: Backlog
    strikes: Strikes
    options: HubOptions


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
        self._audience = Audience(services.options.max_presence_bytes)
        self._flight = Flight()
        self._generation = 0
        self._position: int | None = None
        self._refusing = Refusing(document, services.strikes)
        self._catching_up = CatchingUp(document, services.documents, self._audience)
        self._snapshots = Snapshots(document, services.log, services.tasks, self._settle)
        self._is_reload_due = False
        self._conflict_at: int | None = None
        self._is_retiring = False
        self._grace: asyncio.TimerHandle | None = None
        self._ended = asyncio.Event()
        self._load_again()

    # -- devices ---------------------------------------------------------------------------------

    @property
    def has_peers(self) -> bool:
        """Tells whether any device is attached."""
        return bool(self._audience.peers)

    def attach(self, peer: Peer) -> None:
        """Adds a device; it is greeted as soon as the document is open."""
        self._is_retiring = False
        if self._grace is not None:
            self._grace.cancel()
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
                self._submit(peer, data, is_answer=False)
            case SyncStep2(update=data):
                self._submit(peer, data, is_answer=True)
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

    # -- the way in ------------------------------------------------------------------------------

    def _submit(self, peer: Peer, data: bytes, *, is_answer: bool) -> None:
        if not is_answer and len(data) > self._options.max_update_bytes:
            self._refusing.too_large(peer, len(data), self._options.max_update_bytes)
            return
        if not self._services.backlog.take(size_in_backlog(data)):
            self._refusing.overload(peer)
            return
        debt = None
        if peer.owed is not None:
            debt = peer.owed.on_answer() if is_answer else peer.owed.on_update()
        identity = peer.identity
        update = LoggedUpdate(identity.user, identity.device, data)
        entry = Entry(peer, identity.role, update, debt, is_answer)
        if is_answer:
            peer.awaits_answer = False
        self._check(entry)

    def _check(self, entry: Entry) -> None:
        if self.stage is Stage.OPEN:
            self._services.documents.check(self.document, self._flight.submit(entry))
        else:
            self._flight.hold(entry)

    def on_verdict(self, verdict: Verdict) -> None:
        """Takes the worker's verdict on the oldest update."""
        entry = self._flight.judge(verdict)
        match verdict:
            case Accepted(spans=spans):
                entry.owe(spans)
                self._services.log.enqueue(self)
            case NoNews(spans=spans):
                entry.owe(spans)
                self._leave()
            case Gap(spans=spans):
                entry.owe_later(spans)
                self._forget(entry)
                self._on_gap(entry)
            case Refused(reason=reason):
                self._forget(entry)
                self._refusing.update(entry.peer, reason, is_final=entry.role.may_write)

    def _on_gap(self, entry: Entry) -> None:
        if entry.is_answer:
            self._refusing.gap(entry.peer, _now_s())
        elif entry.peer.attached:
            self._catching_up.ask(entry.peer)

    def _forget(self, entry: Entry) -> None:
        self._services.backlog.give_back(entry.size_bytes)
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
                self._services.backlog.give_back(entry.size_bytes)
                self._snapshots.grow(entry.size_bytes)
            self._let_out(segment.leaving, position if segment.ends_row else position - 1)
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
            self._drop_flight()
            return
        # A second one at the same place means that the log hasn't moved: it can't take the row.
        is_stuck, self._conflict_at = self._conflict_at == self._position, self._position
        if self._is_reload_due:
            self._load_again(after_s=_STUCK_S if is_stuck else 0)
        else:
            self._services.documents.close(self.document)
            self._lose("the log has moved on", after_s=_STUCK_S if is_stuck else 0)

    def _leave(self) -> None:
        if self._position is not None:
            self._let_out(self._flight.leave(), self._position)
            self._settle()

    def _let_out(self, leaving: list[Entry | State], position: int) -> None:
        for what in leaving:
            match what:
                case Entry():
                    self._audience.acknowledge(what)
                    self._services.backlog.give_back(what.size_bytes)
                case State() if self._catching_up.take_snapshot(what):
                    self._snapshots.store(self._generation, position, what.data)
                case State():
                    self._catching_up.hand_over(what)

    # -- the worker ------------------------------------------------------------------------------

    def on_opened(self, vector: dict[int, int]) -> None:
        """Submits what was held and greets who waits."""
        self._audience.reset(vector)
        self.stage = Stage.OPEN
        for entry in self._flight.restart():
            self._check(entry)
        self._catching_up.begin()
        self._retire_later()

    def on_state(self, state: State) -> None:
        """Passes a state on once all that is inside is durable."""
        if not self._catching_up.put_off(state, self._flight.waiting_bytes):
            self._flight.wait(state)
            self._leave()

    def on_lost(self, loss: Loss) -> None:
        """Loads again, without the update that killed the worker."""
        if loss.blamed is not None and (entry := self._flight.strike(loss.blamed)) is not None:
            self._forget(entry)
            self._refusing.update(entry.peer, loss.reason, is_final=True)
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
            self._catching_up.stop()
            self._load_again(after_s)

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
        return self.has_peers or not self._flight.is_empty

    def _open(self, base: Base) -> None:
        if self._position is not None and base.generation != self._generation:
            self._end(StartOver("This conversation was compacted. Start over from a fresh copy."))
            return
        if self._position != base.position:
            self._audience.lag_all()
        self._generation, self._position = base.generation, base.position
        self._snapshots.reset(base)
        self.stage = Stage.OPENING
        self._services.documents.open(self.document, base.snapshot, base.updates, self)

    def _retire_later(self) -> None:
        if self.has_peers or self.stage is Stage.ENDED:
            return
        if self._is_retiring:
            self._settle()
            return
        if self._grace is not None:
            self._grace.cancel()
        loop = asyncio.get_running_loop()
        self._grace = loop.call_later(self._options.grace_s, self._begin_retiring)

    async def retire(self) -> None:
        """Ends the room without grace; returns when all is saved and a snapshot written.

        Cancelling loses nothing: what was acknowledged is in the log.
        """
        self._begin_retiring()
        await self._ended.wait()

    def _begin_retiring(self) -> None:
        self._is_retiring = True
        self._settle()

    def _settle(self) -> None:
        if not self._is_retiring or self.has_peers or self.stage is not Stage.OPEN:
            return
        if not self._flight.is_empty or self._snapshots.under_way:
            return
        if not self._fold_log(every_rows=1):
            self._end(None)

    def _fold_log(self, *, every_rows: int) -> bool:
        if self.stage is not Stage.OPEN or self._position is None or self._snapshots.under_way:
            return False
        if not self._snapshots.is_due(self._position, every_rows=every_rows):
            return False
        self._snapshots.under_way = True
        self._catching_up.ask_snapshot()
        return True

    def abandon(self) -> None:
        """Ends the room at once. What is unsaved was not acknowledged: its devices hold it."""
        self._end(Restarting("The server restarts. Nothing is lost."))

    def _end(self, error: SegueError | None) -> None:
        if self.stage is Stage.ENDED:
            return
        self.stage = Stage.ENDED
        self._is_reload_due = False
        self._catching_up.stop()
        self._services.documents.close(self.document)
        for peer in list(self._audience.peers):
            if error is not None:
                self._refusing.refuse(peer, error)
            self._audience.leave(peer)
        self._drop_flight()
        self._ended.set()
        self._on_ended(self)

    def _drop_flight(self) -> None:
        for entry in self._flight.drop():
            self._services.backlog.give_back(entry.size_bytes)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
