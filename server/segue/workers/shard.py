"""One worker's share of the documents, across the lives of its process.

States of the process: starting, ready, ended; a new one starts whenever one ended. Requests are taken
in every state: what can't be sent yet goes with the first frame.

Invariants: (1) a sink hears only from the incarnation it was opened with, in order; (2) `on_lost` is
the last thing it hears, once; (3) a request leaves `_outstanding` when its ticket is done, or all do
when the process ends, together with every incarnation; (4) no exception of a sink reaches another's;
(5) of one document few requests are with the process (`_TURN`), the others wait here for theirs to
come: however much a device sends, and however long it takes, other documents go on in between.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, assert_never

import msgspec
import structlog

from segue.document.edits import ImportTranscript
from segue.document.submission import LoggedUpdate, Order, Submission
from segue.document.views import View
from segue.ids import DocumentId, user_of_home
from segue.workers.blame import Blame, Sentence, Suspect
from segue.workers.ports import DocumentSink, Loss
from segue.workers.protocol import (
    Answer,
    Answers,
    Check,
    Checked,
    Close,
    Dropped,
    Kind,
    Open,
    Opened,
    Perform,
    Request,
    Taken,
    TakeSnapshot,
    TakeState,
    TakeView,
    encode_order,
    encode_request,
)

log = structlog.get_logger()


_TURN: Final = 16
"""An append to a text of 16 MB takes 10 ms; without turns a flood of them held others up for 35 s."""

_TURN_BYTES: Final = 1 << 20


@dataclass(slots=True)
class _Incarnation:
    number: int
    document: DocumentId
    sink: DocumentSink
    over: bool = False
    under_way: int = 0
    under_way_bytes: int = 0
    unsent: "deque[tuple[Asked, bytes]]" = field(default_factory=deque)


class Asked(msgspec.Struct, frozen=True):
    """A request without an answer."""

    incarnation: _Incarnation
    kind: Kind
    size: int
    submission: Submission | Order | None = None

    def suspect(self) -> Suspect:
        """Gives it as what a death is blamed on."""
        return Suspect(self.incarnation.document, self.kind, _bytes_of(self.submission))


class Shard:
    """Documents that share a process: requests in, answers to sinks. Never waits."""

    def __init__(self, blame: Blame, numbers: "itertools.count[int]") -> None:
        self._blame = blame
        self._numbers = numbers
        self._loop = asyncio.get_running_loop()
        self._by_document: dict[DocumentId, _Incarnation] = {}
        self._by_number: dict[int, _Incarnation] = {}
        self._outstanding: deque[Asked] = deque()
        self._unsent: list[bytes] = []
        self._send: Callable[[list[bytes]], None] | None = None
        self._flush_planned = False
        self.done = 0
        self.pending_bytes = 0

    # -- requests ------------------------------------------------------------------------------

    def open(
        self,
        document: DocumentId,
        snapshot: bytes | None,
        updates: tuple[LoggedUpdate, ...],
        sink: DocumentSink,
    ) -> None:
        """See `ports.Documents.open`. An incarnation that is open already is closed."""
        self.close(document)
        incarnation = _Incarnation(next(self._numbers), document, sink)
        self._by_document[document] = incarnation
        self._by_number[incarnation.number] = incarnation
        if self._blame.quarantined(document, self._loop.time()):
            loss = Loss("its log ended the process that opened it", quarantined=True)
            self._loop.call_soon(self._lose, incarnation, loss)
            return
        is_home = user_of_home(document) is not None
        self._ask(incarnation, Kind.OPEN, Open(incarnation.number, snapshot, updates, is_home))

    def check(self, document: DocumentId, submission: Submission) -> None:
        """See `ports.Documents.check`. Ignored for a document that is not open: it was lost."""
        if incarnation := self._by_document.get(document):
            request = Check(incarnation.number, submission)
            self._ask(incarnation, Kind.CHECK, request, submission)

    def edit(self, document: DocumentId, order: Order) -> None:
        """See `ports.Documents.edit`. Ignored for a document that is not open."""
        if incarnation := self._by_document.get(document):
            kind = Kind.IMPORT if isinstance(order.edit, ImportTranscript) else Kind.CHECK
            self._ask(incarnation, kind, Perform(incarnation.number, order), order)

    def view(self, document: DocumentId, number: int, view: View) -> None:
        """See `ports.Documents.view`."""
        if incarnation := self._by_document.get(document):
            self._ask(incarnation, Kind.STATE, TakeView(incarnation.number, number, view))

    def state(self, document: DocumentId, number: int, since: bytes) -> None:
        """See `ports.Documents.state`."""
        if incarnation := self._by_document.get(document):
            self._ask(incarnation, Kind.STATE, TakeState(incarnation.number, number, since))

    def snapshot(self, document: DocumentId, number: int, *, anew: bool = False) -> None:
        """See `ports.Documents.snapshot`."""
        if incarnation := self._by_document.get(document):
            allowed = self._blame.may_snapshot(document)
            request = TakeSnapshot(incarnation.number, number, allowed, anew)
            self._ask(incarnation, Kind.SNAPSHOT, request)

    def close(self, document: DocumentId) -> None:
        """See `ports.Documents.close`."""
        if incarnation := self._by_document.get(document):
            self._forget(incarnation)
            self._ask(incarnation, Kind.CLOSE, Close(incarnation.number))

    def _ask(
        self,
        incarnation: _Incarnation,
        kind: Kind,
        request: Request,
        submission: Submission | Order | None = None,
    ) -> None:
        encoded = encode_request(request)
        self.pending_bytes += len(encoded)
        incarnation.unsent.append((Asked(incarnation, kind, len(encoded), submission), encoded))
        self._proceed(incarnation)

    def _proceed(self, incarnation: _Incarnation) -> None:
        """Sends what waits, as far as it is the document's turn; one request always may go."""
        unsent = incarnation.unsent
        while unsent and (not incarnation.under_way or _has_turn(incarnation, unsent[0][0])):
            asked, encoded = unsent.popleft()
            incarnation.under_way += 1
            incarnation.under_way_bytes += asked.size
            self._outstanding.append(asked)
            self._unsent.append(encoded)
            self._plan_flush()

    def _plan_flush(self) -> None:
        if not self._flush_planned:
            self._flush_planned = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_planned = False
        if self._send is not None and self._unsent:
            unsent, self._unsent = self._unsent, []
            self._send(unsent)

    # -- answers -------------------------------------------------------------------------------

    def attach(self, send: Callable[[list[bytes]], None]) -> None:
        """Has requests sent to a new process, those that waited for one first."""
        self.done = 0
        self._send = send
        self._flush()

    def receive(self, answers: Answers) -> None:
        """Hands answers to their sinks, in order."""
        for answer in answers.answers:
            incarnation = self._by_number.get(answer.incarnation)
            if incarnation is not None:
                self._dispatch(incarnation, answer)
        while self.done < answers.done:
            self.done += 1
            self._settle(self._outstanding.popleft())

    def _dispatch(self, incarnation: _Incarnation, answer: Answer) -> None:
        try:
            match answer:
                case Checked():
                    incarnation.sink.on_verdict(answer.verdict)
                case Taken():
                    incarnation.sink.on_state(answer.state)
                case Opened():
                    incarnation.sink.on_opened(answer.vector, answer.summary, answer.runs)
                case Dropped():
                    self._drop(incarnation, answer)
                case _:
                    assert_never(answer)
        # The port forbids it; but one room's mistake must not cost the other rooms their answers.
        except Exception:
            log.exception("document.sink_failed", document=incarnation.document)

    def _settle(self, asked: Asked) -> None:
        incarnation = asked.incarnation
        incarnation.under_way -= 1
        incarnation.under_way_bytes -= asked.size
        self.pending_bytes -= asked.size
        self._proceed(incarnation)
        if self._blame.suspects_any and not asked.incarnation.over:
            self._blame.absolve(asked.suspect())

    def _drop(self, incarnation: _Incarnation, dropped: Dropped) -> None:
        asked = self.asked(dropped.ticket)
        sentence = Sentence()
        if asked is not None and not dropped.told:
            sentence = self._judge(asked, certain=dropped.certain)
        log.warning(
            "document.dropped",
            document=incarnation.document,
            request=asked and asked.kind.value,
            reason=dropped.reason,
        )
        self._lose(incarnation, _loss(dropped.reason, asked, sentence))

    # -- ends ----------------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """Tells whether the process owes answers."""
        return bool(self._outstanding)

    @property
    def open_documents(self) -> int:
        """Counts the incarnations that live."""
        return len(self._by_number)

    def asked(self, ticket: int) -> Asked | None:
        """Gives the request with this ticket while it is outstanding."""
        index = ticket - self.done - 1
        return self._outstanding[index] if 0 <= index < len(self._outstanding) else None

    def detach(self, reason: str, culprit_ticket: int, *, certain: bool) -> None:
        """Ends every incarnation, as their process has ended; the culprit's owner is told so."""
        culprit = self.asked(culprit_ticket)
        sentence = Sentence() if culprit is None else self._judge(culprit, certain=certain)
        lost = tuple(self._by_number.values())
        self._send = None
        self._outstanding.clear()
        self._unsent.clear()
        self.pending_bytes = 0
        for incarnation in lost:
            incarnation.unsent.clear()
        for incarnation in lost:
            concerned = culprit if culprit and culprit.incarnation is incarnation else None
            self._lose(incarnation, _loss(reason, concerned, sentence))

    def _judge(self, asked: Asked, *, certain: bool) -> Sentence:
        return self._blame.judge(asked.suspect(), certain=certain, now_s=self._loop.time())

    def _lose(self, incarnation: _Incarnation, loss: Loss) -> None:
        if incarnation.over:
            return
        self._forget(incarnation)
        try:
            incarnation.sink.on_lost(loss)
        # As in `_dispatch`.
        except Exception:
            log.exception("document.sink_failed", document=incarnation.document)

    def _forget(self, incarnation: _Incarnation) -> None:
        incarnation.over = True
        self.pending_bytes -= sum(asked.size for asked, _ in incarnation.unsent)
        incarnation.unsent.clear()
        del self._by_number[incarnation.number]
        del self._by_document[incarnation.document]


def _bytes_of(submission: Submission | Order | None) -> bytes:
    match submission:
        case Submission(update=update):
            return update.data
        case Order(edit=edit):
            return encode_order(edit)
        case None:
            return b""


def _has_turn(incarnation: _Incarnation, asked: Asked) -> bool:
    size = incarnation.under_way_bytes + asked.size
    return incarnation.under_way < _TURN and size <= _TURN_BYTES


def _loss(reason: str, asked: Asked | None, sentence: Sentence) -> Loss:
    if asked is None:
        return Loss(reason)
    blamed = asked.submission.number if sentence.blamed and asked.submission else None
    return Loss(reason, blamed, sentence.quarantined)
