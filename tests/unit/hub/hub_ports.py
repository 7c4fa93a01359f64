"""The hub's ports, in memory and in the hands of a test: it says what happens next, and what fails.

Both keep to their port's contract and no more: what the port leaves open, the test decides.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pycrdt import Doc

from segue.document import snapshot as snapshots
from segue.document.ranges import DeleteSet
from segue.document.replica import Broken, Replica
from segue.document.submission import LoggedUpdate, Order, Submission
from segue.document.update import parse
from segue.document.verdict import Accepted
from segue.document.views import View
from segue.errors import Deleted, StorageUnavailable
from segue.ids import DeviceId, DocumentId, UserId
from segue.storage.ports import Base, Batch, BatchSource
from segue.wire.vector import decode_vector
from segue.workers.ports import DocumentSink, Loss, State

KILLER = b"\x7fkiller"
"""An update that ends its worker."""


@dataclass(eq=False)
class Incarnation:
    document: DocumentId
    sink: DocumentSink
    work: deque[Callable[["Incarnation"], None]] = field(default_factory=deque)
    unanswered: deque[Submission | Order] = field(default_factory=deque)
    replica: Replica | None = None
    accepted: int = 0


class Workers:
    """`Documents` on the real replica. Requests wait until the test has them answered."""

    def __init__(self) -> None:
        self.open_now: dict[DocumentId, Incarnation] = {}
        self.states_asked = 0
        self.snapshots_unproven = False
        self.rewriting_unproven = False

    def open(
        self,
        document: DocumentId,
        snapshot: bytes | None,
        updates: tuple[LoggedUpdate, ...],
        sink: DocumentSink,
    ) -> None:
        self.close(document)

        def build(incarnation: Incarnation) -> None:
            incarnation.replica = Replica.open(snapshot, updates)
            replica = incarnation.replica
            sink.on_opened(replica.vector, replica.summary, replica.take_news())

        self.open_now[document] = Incarnation(document, sink, deque([build]))

    def check(self, document: DocumentId, submission: Submission) -> None:
        def judge(incarnation: Incarnation) -> None:
            assert incarnation.replica is not None
            if submission.update.data == KILLER:
                self.lose(document, blamed=submission.number)
                return
            try:
                verdict = incarnation.replica.check(submission)
            except Broken as broken:
                raise AssertionError(f"a broken replica: {broken}") from broken
            incarnation.unanswered.popleft()
            incarnation.accepted += isinstance(verdict, Accepted)
            incarnation.sink.on_verdict(verdict)

        if incarnation := self.open_now.get(document):
            incarnation.unanswered.append(submission)
            incarnation.work.append(judge)

    def edit(self, document: DocumentId, order: Order) -> None:
        def make(incarnation: Incarnation) -> None:
            assert incarnation.replica is not None
            verdict = incarnation.replica.edit(order)
            incarnation.unanswered.popleft()
            incarnation.accepted += isinstance(verdict, Accepted)
            incarnation.sink.on_verdict(verdict)

        if incarnation := self.open_now.get(document):
            incarnation.unanswered.append(order)
            incarnation.work.append(make)

    def view(self, document: DocumentId, request: int, view: View) -> None:
        def read(incarnation: Incarnation) -> None:
            assert incarnation.replica is not None
            data = incarnation.replica.view(view)
            incarnation.sink.on_state(State(request, incarnation.accepted, data))

        self._ask(document, read)

    def state(self, document: DocumentId, request: int, since: bytes) -> None:
        def read(incarnation: Incarnation) -> None:
            assert incarnation.replica is not None
            data = incarnation.replica.state(since)
            incarnation.sink.on_state(State(request, incarnation.accepted, data))

        self.states_asked += 1
        self._ask(document, read)

    def snapshot(self, document: DocumentId, request: int, *, anew: bool = False) -> None:
        def read(incarnation: Incarnation) -> None:
            replica = incarnation.replica
            assert replica is not None
            if anew:
                data = b"" if self.rewriting_unproven else replica.rewritten()
            else:
                data = b"" if self.snapshots_unproven else replica.snapshot()
            incarnation.sink.on_state(State(request, incarnation.accepted, data))

        self._ask(document, read)

    def close(self, document: DocumentId) -> None:
        self.open_now.pop(document, None)

    def _ask(self, document: DocumentId, work: Callable[[Incarnation], None]) -> None:
        if incarnation := self.open_now.get(document):
            incarnation.work.append(work)

    # -- for the test ----------------------------------------------------------------------------

    @property
    def busy(self) -> list[DocumentId]:
        return [each.document for each in self.open_now.values() if each.work]

    def step(self, document: DocumentId) -> None:
        """Answers the oldest request."""
        incarnation = self.open_now[document]
        incarnation.work.popleft()(incarnation)

    def work(self) -> None:
        """Answers everything."""
        for _ in range(10_000):
            if not (busy := self.busy):
                return
            self.step(busy[0])
        raise AssertionError("it is asked without end")

    def lose(
        self, document: DocumentId, *, blamed: int | None = None, quarantined: bool = False
    ) -> None:
        incarnation = self.open_now.pop(document)
        incarnation.sink.on_lost(Loss("its worker ended", blamed, quarantined))


@dataclass
class Stored:
    """A document in the log. `doc` is the replay of all that is committed."""

    position: int = 0
    generation: int = 1
    snapshot: bytes | None = None
    snapshot_position: int = 0
    rows: list[tuple[int, tuple[LoggedUpdate, ...]]] = field(default_factory=list)
    is_deleted: bool = False
    doc: Doc[Any] = field(default_factory=Doc)
    vector: dict[int, int] = field(default_factory=dict)
    deleted: DeleteSet = field(default_factory=DeleteSet)
    former: list[tuple[dict[int, int], DeleteSet]] = field(default_factory=list)

    def append(self, updates: tuple[LoggedUpdate, ...]) -> None:
        self.position += 1
        self.rows.append((self.position, updates))
        for update in updates:
            self.doc.apply_update(update.data)
        self._look()

    def rewrite(self, snapshot: bytes) -> None:
        """Begins the next generation."""
        self.former.append((self.vector, self.deleted))
        self.generation += 1
        self.position += 1
        self.snapshot, self.snapshot_position, self.rows = snapshot, self.position, []
        self.doc, self.deleted = Doc(), DeleteSet()
        self.doc.apply_update(snapshots.decode(snapshot).state)
        self._look()

    def _look(self) -> None:
        self.vector = decode_vector(self.doc.get_state())
        self.deleted.add_all(parse(self.doc.get_update(self.doc.get_state())).deletes)

    def holds(self, update: bytes) -> bool:
        """Tells whether an update says nothing that isn't committed, now or in a former generation."""
        parsed = parse(update)
        return any(
            all(s.end <= vector.get(s.client, 0) for s in parsed.sections)
            and not deleted.missing(parsed.deletes)
            for vector, deleted in ((self.vector, self.deleted), *self.former)
        )

    @property
    def base(self) -> Base:
        updates = tuple(update for _, row in self.rows for update in row)
        return Base(self.generation, self.position, self.snapshot, updates, self.snapshot_position)

    def write_elsewhere(self, edit: Callable[[Doc[Any]], None]) -> None:
        """Appends a row as another node would."""
        copy: Doc[Any] = Doc()
        copy.apply_update(self.doc.get_update())
        before = copy.get_state()
        edit(copy)
        data = copy.get_update(before)
        self.append((LoggedUpdate(UserId("elsewhere"), DeviceId("elsewhere"), data),))


class Log:
    """`UpdateLog`: loads and snapshots wait to be let through, batches to be taken and settled."""

    def __init__(self) -> None:
        self.stored: dict[DocumentId, Stored] = {}
        self.raised: dict[BatchSource, None] = {}
        self.taken: dict[BatchSource, Batch] = {}
        self.loads: list[tuple[DocumentId, asyncio.Future[None]]] = []
        self.saves: list[asyncio.Future[None]] = []
        self.is_away = False
        self.snapshots_saved = 0
        self.backlog: Callable[[], int] = lambda: 0

    def document(self, document: str) -> Stored:
        return self.stored.setdefault(DocumentId(document), Stored())

    async def load(self, document: DocumentId) -> Base:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.loads.append((document, gate))
        await gate
        if self.is_away:
            raise StorageUnavailable("away")
        stored = self.document(document)
        if stored.is_deleted:
            raise Deleted("It was deleted.")
        return stored.base

    def enqueue(self, source: BatchSource) -> None:
        self.raised[source] = None

    async def save_snapshot(
        self, document: DocumentId, generation: int, position: int, snapshot: bytes, previous: int
    ) -> bool:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.saves.append(gate)
        await gate
        if self.is_away:
            raise StorageUnavailable("away")
        stored = self.document(document)
        if stored.generation != generation or position <= stored.snapshot_position:
            return False
        self._prove(stored, position, snapshot)
        stored.snapshot, stored.snapshot_position = snapshot, position
        stored.rows = [row for row in stored.rows if row[0] > position]
        self.snapshots_saved += 1
        return True

    async def rewrite(
        self, document: DocumentId, generation: int, position: int, snapshot: bytes
    ) -> bool:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.saves.append(gate)
        await gate
        if self.is_away:
            raise StorageUnavailable("away")
        stored = self.document(document)
        if (stored.generation, stored.position) != (generation, position) or stored.is_deleted:
            return False
        stored.rewrite(snapshot)
        return True

    def _prove(self, stored: Stored, position: int, snapshot: bytes) -> None:
        """Checks the label: every row below is inside, and all inside is committed."""
        assert position <= stored.position
        inside = Replica.open(snapshot, ()).vector
        assert all(end <= stored.vector.get(client, 0) for client, end in inside.items())
        for row_position, row in stored.rows:
            for update in row if row_position <= position else ():
                for section in parse(update.data).sections:
                    assert section.end <= inside.get(section.client, 0), "a row is not inside"

    # -- for the test ----------------------------------------------------------------------------

    def let_load(self, index: int = 0) -> None:
        _, gate = self.loads.pop(index)
        if not gate.done():
            gate.set_result(None)

    def let_save(self) -> None:
        gate = self.saves.pop(0)
        if not gate.done():
            gate.set_result(None)

    def take(self) -> None:
        """Asks everybody who raised a hand and has no batch under way."""
        for source in [source for source in self.raised if source not in self.taken]:
            del self.raised[source]
            batch = source.take_batch()
            if batch is not None:
                assert batch.updates
                self.taken[source] = batch

    def settle(self, source: BatchSource) -> None:
        """Commits a batch, or tells that its place is taken."""
        batch = self.taken.pop(source)
        stored = self.document(batch.document)
        free = (stored.position, stored.generation) == (batch.last, batch.generation)
        if free and not stored.is_deleted:
            stored.append(batch.updates)
            source.on_committed(stored.position)
        else:
            source.on_conflict()

    def commit(self) -> None:
        """Takes and settles until nothing is left."""
        self.take()
        while self.taken:
            self.settle(next(iter(self.taken)))
            self.take()
