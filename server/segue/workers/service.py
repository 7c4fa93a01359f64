"""The worker's side of the conversation: documents held, requests answered. No pipe, no process.

Invariants: (1) requests are handled one at a time, in order; (2) an exception costs the document it
happened in and nothing else: what it left behind is never touched again; (3) requests of an
incarnation that is not held are ignored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, assert_never

from segue.document.replica import Broken, Unanswerable
from segue.document.submission import Order, Submission
from segue.document.verdict import Accepted, Run, Summary, Verdict
from segue.document.views import View
from segue.workers.ports import State
from segue.workers.protocol import (
    Answer,
    Check,
    Checked,
    Close,
    Dropped,
    Open,
    Opened,
    Perform,
    Request,
    Taken,
    TakeSnapshot,
    TakeState,
    TakeView,
)


class Held(Protocol):
    """A document as the service uses it."""

    @property
    def vector(self) -> Mapping[int, int]:
        """The state vector."""

    @property
    def summary(self) -> Summary:
        """What lists of sessions show of it."""

    def take_news(self) -> tuple[Run, ...]:
        """Gives the runs that are open."""

    def check(self, submission: Submission) -> Verdict:
        """Judges an update and applies it if it is good."""

    def edit(self, order: Order) -> Verdict:
        """Makes an edit of the server's."""

    def view(self, view: View) -> bytes:
        """Answers a view."""

    def state(self, since: bytes) -> bytes:
        """Encodes what a state vector lacks."""

    def snapshot(self) -> bytes:
        """Encodes a proven snapshot; empty if it can't be proven."""

    def rewritten(self) -> bytes:
        """Encodes a fresh document with the same content; empty if it can't be proven."""


OpenDocument = Callable[[Open], Held]


@dataclass(slots=True)
class _Incarnation:
    document: Held
    accepted: int = 0


class Service:
    """Documents by incarnation, and what is done with them."""

    def __init__(self, open_document: OpenDocument) -> None:
        self._open_document = open_document
        self._held: dict[int, _Incarnation] = {}

    def handle(self, ticket: int, request: Request) -> tuple[Answer, ...]:
        """Does one request and gives its answers; raises nothing."""
        try:
            return self._answer(request)
        except Broken as broken:
            return self._broken(ticket, request, broken)
        # pycrdt's panics are no Exception, and a document in which anything at all went wrong is not
        # to be trusted: nothing here may pass.
        except BaseException as error:  # noqa: BLE001
            # Memory may have been short before.
            certain = not isinstance(error, MemoryError)
            return (self._drop(ticket, request, _describe(error), told=False, certain=certain),)

    def _answer(self, request: Request) -> tuple[Answer, ...]:
        match request:
            case Open():
                return (self._open(request),)
            case Close():
                self._held.pop(request.incarnation, None)
                return ()
            case _:
                held = self._held.get(request.incarnation)
                return () if held is None else (_ask(held, request),)

    def _open(self, request: Open) -> Answer:
        document = self._open_document(request)
        opened = Opened(
            request.incarnation, dict(document.vector), document.summary, document.take_news()
        )
        self._held[request.incarnation] = _Incarnation(document)
        return opened

    def _broken(self, ticket: int, request: Request, broken: Broken) -> tuple[Answer, ...]:
        told = broken.verdict is not None
        dropped = self._drop(ticket, request, broken.reason, told=told, certain=True)
        if broken.verdict is None:
            return (dropped,)
        return Checked(request.incarnation, broken.verdict), dropped

    def _drop(
        self, ticket: int, request: Request, reason: str, *, told: bool, certain: bool
    ) -> Dropped:
        self._held.pop(request.incarnation, None)
        return Dropped(request.incarnation, ticket, reason, told, certain)


def _ask(
    held: _Incarnation, request: Check | Perform | TakeState | TakeSnapshot | TakeView
) -> Answer:
    match request:
        case Check(incarnation, submission):
            return _judged(held, incarnation, held.document.check(submission))
        case Perform(incarnation, order):
            return _judged(held, incarnation, held.document.edit(order))
        case TakeView(incarnation, number, view):
            return Taken(incarnation, _answered(held, number, view))
        case TakeState(incarnation, number, since):
            data = held.document.state(since)
            return Taken(incarnation, State(number, held.accepted, data))
        case TakeSnapshot(incarnation, number, allowed, anew):
            take = held.document.rewritten if anew else held.document.snapshot
            return Taken(incarnation, State(number, held.accepted, take() if allowed else b""))
        case _:
            assert_never(request)


def _answered(held: _Incarnation, number: int, view: View) -> State:
    try:
        return State(number, held.accepted, held.document.view(view))
    except Unanswerable as error:
        return State(number, held.accepted, b"", _describe(error.__cause__ or error))


def _judged(held: _Incarnation, incarnation: int, verdict: Verdict) -> Checked:
    held.accepted += isinstance(verdict, Accepted)
    return Checked(incarnation, verdict)


def _describe(error: BaseException) -> str:
    """Names an error and its place. Its text is left out: it may quote what people wrote."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    module = trace.tb_frame.f_globals.get("__name__", "?")
    return f"{type(error).__name__} in {module}:{trace.tb_lineno}"
