"""A model of what `Owed` keeps account for: the provider with its number, and a room without I/O.

The provider does what @hocuspocus/provider 2.15, 3.4 and 4.8 were seen to do, frame by frame. It
doesn't stop at 0 (2.15 doesn't), so that a status too many shows.
"""

from dataclasses import dataclass, field

from segue.wire.owed import Debt, Owed, Span

OWN = 1
OTHERS = 2


@dataclass(frozen=True)
class Edit:
    """An insert of `length` at `start` (0: only a delete) and the numbers of the items it deletes."""

    start: int
    length: int
    deletes: frozenset[int] = frozenset()

    @property
    def spans(self) -> tuple[Span, ...]:
        return ((OWN, self.start, self.start + self.length),) if self.length else ()


@dataclass(frozen=True)
class Step1:
    vector: dict[int, int]


@dataclass(frozen=True)
class Answer:
    edit: Edit


@dataclass(frozen=True)
class Step2:
    others: int


@dataclass(frozen=True)
class Status:
    pass


@dataclass(frozen=True)
class OtherDocument:
    """A frame for another document on the socket, to be answered if `asks`; or the answer."""

    asks: bool


ToServer = Step1 | Answer | Edit | OtherDocument
ToClient = Step1 | Step2 | Status | OtherDocument


@dataclass
class Provider:
    """The client's side: a document, the number, the queue and the socket."""

    number: int = 0
    clock: int = 0
    others: int = 0
    deleted: frozenset[int] = frozenset()
    queue: list[ToServer] = field(default_factory=list)
    wire: list[ToServer] | None = None
    has_started: bool = False
    has_heard: bool = False

    def edit(self, length: int, deletes: frozenset[int]) -> None:
        deletes &= frozenset(range(self.clock)) - self.deleted
        if not length and not deletes:
            return
        edit = Edit(self.clock, length, deletes)
        self.clock += length
        self.deleted |= deletes
        self.number += 1
        self._send(edit)

    def open(self) -> None:
        self.wire, self.has_started, self.has_heard = [], False, False

    def close(self) -> None:
        self.wire = None

    def start(self) -> None:
        """The token is there: `startSync`."""
        self.has_started = True
        self.force_sync()

    def force_sync(self) -> None:
        self.number = 1
        self._send(Step1({OWN: self.clock, OTHERS: self.others}))

    def hear(self, frame: ToClient) -> None:
        assert self.wire is not None
        if not self.has_heard:
            self.has_heard = True
            self.wire += self.queue
            self.queue = []
        match frame:
            case Step1(vector):
                start = vector.get(OWN, 0)
                self._send(Answer(Edit(start, max(0, self.clock - start), self.deleted)))
            case Step2(others):
                self.others = max(self.others, others)
            case Status():
                self.number -= 1
            case OtherDocument(asks=True):
                self._send(OtherDocument(asks=False))
            case OtherDocument():
                pass

    def _send(self, frame: ToServer) -> None:
        if self.wire is None:
            self.queue.append(frame)
        else:
            self.wire.append(frame)


@dataclass(eq=False)
class Peer:
    owed: Owed
    wire: list[ToClient] = field(default_factory=list)
    awaits_answer: bool = False
    is_gone: bool = False


@dataclass
class Entry:
    peer: Peer
    debt: Debt
    edit: Edit
    is_answer: bool


@dataclass
class Content:
    """What a document holds of the one client that is looked at."""

    clock: int = 0
    deleted: frozenset[int] = frozenset()

    def lacks_past_of(self, edit: Edit) -> bool:
        end = max(self.clock, edit.start + edit.length)
        return (edit.length > 0 and edit.start > self.clock) or any(i >= end for i in edit.deletes)

    def holds(self, edit: Edit) -> bool:
        is_held = not edit.length or edit.start + edit.length <= self.clock
        return is_held and edit.deletes <= self.deleted

    def add(self, edit: Edit) -> None:
        if edit.length:
            self.clock = max(self.clock, edit.start + edit.length)
        self.deleted |= edit.deletes


@dataclass
class Room:
    """The server's side: verdicts in order, commits later, statuses and step 1s as `Owed` says."""

    peer: Peer | None = None
    others: int = 0
    durable: Content = field(default_factory=Content)
    content: Content = field(default_factory=Content)
    unjudged: list[Entry] = field(default_factory=list)
    accepted: list[Entry] = field(default_factory=list)

    @property
    def is_at_rest(self) -> bool:
        return not self.unjudged and not self.accepted

    def attach(self) -> Peer:
        self.peer = Peer(Owed())
        return self.peer

    def detach(self) -> None:
        if self.peer is not None:
            self.peer.is_gone = True
        self.peer = None

    def take(self, frame: ToServer) -> None:
        peer = self.peer
        assert peer is not None
        match frame:
            case Step1(vector):
                peer.owed.on_step1(vector)
                self._ask(peer)
                peer.wire.append(Step2(self.others))
            case Answer(edit):
                peer.awaits_answer = False
                self.unjudged.append(Entry(peer, peer.owed.on_answer(), edit, is_answer=True))
            case Edit():
                self.unjudged.append(Entry(peer, peer.owed.on_update(), frame, is_answer=False))
            case OtherDocument():
                peer.owed.on_flushed()

    def judge(self) -> None:
        entry = self.unjudged.pop(0)
        owed = entry.peer.owed
        if self.content.lacks_past_of(entry.edit):
            assert not entry.is_answer, "an answer to a true step 1 has no gap"
            owed.gap(entry.debt, entry.edit.spans)
            self._ask(entry.peer)
            return
        owed.accepted(entry.debt, entry.edit.spans)
        if self.content.holds(entry.edit) and not self.accepted:
            self._pay(entry)
        else:
            self.content.add(entry.edit)
            self.accepted.append(entry)

    def commit(self, count: int) -> None:
        batch, self.accepted = self.accepted[:count], self.accepted[count:]
        for entry in batch:
            self.durable.add(entry.edit)
        for entry in batch:
            self._pay(entry)

    def lose_worker(self) -> None:
        """Uncommitted updates are submitted again."""
        self.unjudged = self.accepted + self.unjudged
        self.accepted = []
        self.content = Content(self.durable.clock, self.durable.deleted)

    def _ask(self, peer: Peer) -> None:
        if not peer.awaits_answer:
            peer.awaits_answer = True
            peer.wire.append(Step1({OWN: self.durable.clock}))

    def _pay(self, entry: Entry) -> None:
        count = entry.peer.owed.pay(entry.debt)
        assert entry.peer.owed.pay(entry.debt) == 0
        if not entry.peer.is_gone:
            entry.peer.wire += [Status()] * count
