"""Views that somebody waits for: asked of the incarnation there is, answered once, bounded."""

import pytest
from hub_ports import Workers
from typing_extensions import override

from segue.document.views import View, ViewSession
from segue.errors import Overloaded, Quarantined, Unanswered
from segue.hub import questions
from segue.hub.questions import Questions
from segue.ids import DocumentId
from segue.workers.ports import State

pytestmark = pytest.mark.anyio


class Asked(Workers):
    """Notes what it is asked for; the answers come from the test."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []

    @override
    def view(self, document: DocumentId, request: int, view: View) -> None:
        self.numbers.append(request)


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
async def waiting(asked: Asked) -> Questions:
    return Questions(DocumentId("d"), asked)


async def test_one_is_asked_at_once_of_an_open_document(asked: Asked, waiting: Questions) -> None:
    waiting.begin()
    answer = waiting.ask(ViewSession())
    (number,) = asked.numbers
    assert waiting.answer(State(number, 0, b"{}"))
    assert await answer == b"{}"
    assert waiting.is_empty


async def test_one_waits_for_the_opening_and_outlives_the_incarnation(
    asked: Asked, waiting: Questions
) -> None:
    answer = waiting.ask(ViewSession())
    assert asked.numbers == []
    waiting.begin()
    waiting.stop()
    later = waiting.ask(ViewSession())
    waiting.begin()
    first, again, second = asked.numbers
    assert first == again != second
    assert not waiting.is_empty
    for number in (second, first):
        waiting.answer(State(number, 0, b"%d" % number))
    assert (await answer, await later) == (b"%d" % first, b"%d" % second)


async def test_who_left_is_told_nothing(asked: Asked, waiting: Questions) -> None:
    waiting.begin()
    for _ in range(2):
        waiting.ask(ViewSession()).cancel()
    first, second = asked.numbers
    assert waiting.answer(State(first, 0, b"{}"))
    waiting.fail(Quarantined("It can't be opened."))
    assert waiting.answer(State(second, 0, b"{}"))
    assert waiting.is_empty


async def test_states_of_devices_are_none_of_its_answers(waiting: Questions) -> None:
    assert not waiting.answer(State(0, 0, b""))


async def test_the_end_of_the_document_is_told_to_everybody(waiting: Questions) -> None:
    answers = [waiting.ask(ViewSession()) for _ in range(2)]
    waiting.fail(Quarantined("It can't be opened."))
    for answer in answers:
        with pytest.raises(Quarantined):
            await answer
    assert waiting.is_empty


async def test_too_many_are_not_let_in(waiting: Questions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "_MAX_WAITING", 2)
    first = waiting.ask(ViewSession())
    waiting.ask(ViewSession())
    with pytest.raises(Overloaded):
        waiting.ask(ViewSession())
    waiting.begin()
    waiting.answer(State(-1, 0, b"{}"))
    assert await first == b"{}"
    waiting.ask(ViewSession())


async def test_one_that_fails_is_told_so_and_the_others_are_answered(
    asked: Asked, waiting: Questions
) -> None:
    waiting.begin()
    bad, good = waiting.ask(ViewSession()), waiting.ask(ViewSession())
    first, second = asked.numbers
    assert waiting.answer(State(first, 0, b"", "ValueError in segue.document.reader:1"))
    assert waiting.answer(State(second, 0, b"{}"))
    with pytest.raises(Unanswered, match="operator has been told"):
        await bad
    assert await good == b"{}"
