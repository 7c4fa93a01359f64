from collections.abc import Callable, Mapping
from types import MappingProxyType

import pytest
from typing_extensions import override

from segue.auth.grants import Role
from segue.document.replica import Broken, Unanswerable
from segue.document.submission import LoggedUpdate, Order, Submission
from segue.document.verdict import Accepted, Made, NoNews, Refused, Run, Summary, Verdict
from segue.document.views import View, ViewSession
from segue.ids import DeviceId, UserId
from segue.workers import protocol
from segue.workers.ports import State
from segue.workers.service import Service

SUMMARY = Summary("Lisbon", 3)
RUNS = (Run("r", "demo", "queued"),)


class Panic(BaseException):
    pass


Behaviour = Callable[[Submission], Verdict]


class FakeDocument:
    vector: Mapping[int, int] = MappingProxyType({1: 2})
    summary = SUMMARY

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour

    def check(self, submission: Submission) -> Verdict:
        return self.behaviour(submission)

    def take_news(self) -> tuple[Run, ...]:
        return RUNS

    def edit(self, order: Order) -> Verdict:
        return Accepted(order.number, (), Made(b"made", ()))

    def view(self, view: View) -> bytes:
        return b"[]"

    def state(self, since: bytes) -> bytes:
        return b"state since " + since

    def snapshot(self) -> bytes:
        return b"snapshot"

    def rewritten(self) -> bytes:
        return b"rewritten"


def accept(submission: Submission) -> Verdict:
    return Accepted(submission.number, ())


def raising(error: BaseException) -> Behaviour:
    def behave(_: Submission) -> Verdict:
        raise error

    return behave


def check(incarnation: int, number: int) -> protocol.Check:
    update = LoggedUpdate(UserId("alice"), DeviceId("phone"), b"secret")
    return protocol.Check(incarnation, Submission(number, Role.EDITOR, update))


def opened(behaviour: Behaviour) -> Service:
    service = Service(lambda _request: FakeDocument(behaviour))
    assert service.handle(1, protocol.Open(1, None, ())) == (
        protocol.Opened(1, {1: 2}, SUMMARY, RUNS),
    )
    assert service.handle(2, protocol.Open(2, None, ())) == (
        protocol.Opened(2, {1: 2}, SUMMARY, RUNS),
    )
    return service


def test_a_state_says_how_many_accepted_updates_are_inside() -> None:
    def behave(submission: Submission) -> Verdict:
        odd = submission.number % 2
        return Accepted(submission.number, ()) if odd else NoNews(submission.number, ())

    service = opened(behave)
    for number in (1, 2, 3):
        service.handle(2 + number, check(1, number))
    taken = service.handle(6, protocol.TakeState(1, 9, b"x"))
    assert taken == (protocol.Taken(1, State(9, 2, b"state since x")),)
    other = service.handle(7, protocol.TakeSnapshot(2, 9, allowed=True))
    assert other == (protocol.Taken(2, State(9, 0, b"snapshot")),)


def test_a_snapshot_that_is_not_allowed_is_empty() -> None:
    taken = opened(accept).handle(3, protocol.TakeSnapshot(1, 9, allowed=False))
    assert taken == (protocol.Taken(1, State(9, 0, b"")),)


def test_a_closed_incarnation_is_not_answered_for() -> None:
    service = opened(accept)
    assert service.handle(3, protocol.Close(1)) == ()
    assert service.handle(4, check(1, 1)) == ()
    assert service.handle(5, protocol.Close(1)) == ()


@pytest.mark.parametrize(
    ("error", "certain"),
    [(Panic("secret"), True), (ValueError("secret"), True), (MemoryError("secret"), False)],
)
def test_an_exception_drops_its_document_and_quotes_nothing(
    error: BaseException, certain: bool
) -> None:
    service = opened(raising(error))
    (dropped,) = service.handle(3, check(1, 1))
    assert isinstance(dropped, protocol.Dropped)
    assert (dropped.incarnation, dropped.ticket) == (1, 3)
    assert (dropped.told, dropped.certain) == (False, certain)
    assert type(error).__name__ in dropped.reason
    assert "secret" not in dropped.reason
    assert service.handle(4, check(1, 2)) == ()
    assert service.handle(5, protocol.TakeState(2, 1, b""))


def test_a_broken_document_gives_its_verdict_first() -> None:
    service = opened(raising(Broken(Refused(1, "no"), "broke")))
    assert service.handle(3, check(1, 1)) == (
        protocol.Checked(1, Refused(1, "no")),
        protocol.Dropped(1, 3, "broke", told=True, certain=True),
    )


def test_a_document_broken_without_a_verdict_is_dropped() -> None:
    service = opened(raising(Broken(None, "broke")))
    dropped = protocol.Dropped(1, 3, "broke", told=False, certain=True)
    assert service.handle(3, check(1, 1)) == (dropped,)


def test_a_log_that_does_not_load_is_dropped() -> None:
    def fail(_request: protocol.Open) -> FakeDocument:
        raise Broken(None, "bad log")

    dropped = protocol.Dropped(1, 1, "bad log", told=False, certain=True)
    assert Service(fail).handle(1, protocol.Open(1, None, ())) == (dropped,)


class Puzzled(FakeDocument):
    @override
    def view(self, view: View) -> bytes:
        raise Unanswerable from ValueError("what people wrote")


def test_a_question_that_can_not_be_answered_costs_nobody_the_document() -> None:
    service = Service(lambda _request: Puzzled(accept))
    service.handle(1, protocol.Open(1, None, ()))
    (taken,) = service.handle(2, protocol.TakeView(1, -1, ViewSession()))
    assert isinstance(taken, protocol.Taken)
    assert taken.state.failure.startswith("ValueError")
    assert "people" not in taken.state.failure
    assert isinstance(service.handle(3, check(1, 1))[0], protocol.Checked)
