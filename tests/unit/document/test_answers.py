"""An answer of several parts: each step has its place, and may come twice."""

from typing import Any

import pytest
from conversation_devices import Talk, Talker
from run_edits import accepted, begin, call, edit, end, put, result, say, start, steps

from segue.document.answers import MAX_PARTS
from segue.document.steps import AppendText, AskForApproval, AskForOutput, EndTool, PutPart, Step
from segue.document.verdict import NoNews, Refused


@pytest.fixture
def talk() -> Talk:
    talk, alice = Talk("demo"), Talker("alice")
    alice.say("m1")
    talk.sync(alice)
    accepted(talk, start())
    return talk


def parts(talk: Talk) -> list[Any]:
    found = talk.stored()["a1"]["parts"]
    return [found[str(number)] for number in range(len(found))]


def refusal(talk: Talk, *taken: Step) -> str:
    before = talk.stored()
    verdict = edit(talk, steps(*taken))
    assert isinstance(verdict, Refused), verdict
    assert talk.stored() == before
    return verdict.reason


ALL = (
    AppendText(0, 0, "Let me see.", "reasoning"),
    AppendText(1, 0, "I look it "),
    AppendText(1, 10, "up 👋."),
    call(2),
    begin(),
    result({"free": True}),
    put(3, type="source", url="https://example.org"),
    put(4, type="data", name="seat", data=[1, None]),
    put(5, type="hologram", made_of="light"),
    AppendText(6, 0, "It is free."),
)


def test_it_has_parts_of_all_kinds_and_only_the_last_text_is_still_written(talk: Talk) -> None:
    accepted(talk, steps(*ALL))
    assert parts(talk) == [
        {"type": "reasoning", "text": "Let me see.", "state": "done"},
        {"type": "text", "text": "I look it up 👋.", "state": "done"},
        {
            "type": "tool",
            "tool_call_id": "c1",
            "name": "hold",
            "args": {"seat": "12A"},
            "state": "output-available",
            "attempt": "a1",
            "output": {"free": True},
        },
        {"type": "source", "url": "https://example.org"},
        {"type": "data", "name": "seat", "data": [1, None]},
        {"type": "hologram", "made_of": "light"},
        {"type": "text", "text": "It is free.", "state": "streaming"},
    ]
    accepted(talk, end("done"))
    assert parts(talk)[6]["state"] == "done"


def test_steps_one_by_one_or_twice_give_the_same(talk: Talk) -> None:
    for step in ALL:
        accepted(talk, steps(step))
        assert isinstance(edit(talk, steps(step)), NoNews)
    one_by_one = parts(talk)
    assert isinstance(edit(talk, steps(*ALL[2:])), NoNews)
    other, alice = Talk("demo"), Talker("alice")
    alice.say("m1")
    other.sync(alice)
    accepted(other, start())
    accepted(other, steps(*ALL))
    assert parts(other) == one_by_one


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (AppendText(1, 3, "x"), "another length"),
        (AppendText(9, 0, "x"), "the text is gone"),
        (AppendText(0, 4, "x", "text"), "the text is gone"),
        (AppendText(2, 0, "x"), "the text is gone"),
        (PutPart(7, b"[]"), "an object with a `type`"),
        (PutPart(7, b"{"), "no JSON"),
        (put(7, type="text", text="x"), "appended to"),
        (put(3, type="source", url="https://other.example"), "another part"),
        (put(7, type="tool", name="no id"), "`tool_call_id`"),
        (call(7, "c1"), "has this id"),
        (begin("nobody's"), "no such tool call"),
        (result(2), "takes no result: it is output-available"),
        (EndTool("c1", error_text="no"), "takes no result"),
        (AskForApproval("c1"), "too late"),
        (AskForOutput("c1"), "too late"),
    ],
)
def test_a_step_that_does_not_fit_changes_nothing(talk: Talk, step: Step, reason: str) -> None:
    accepted(talk, steps(*ALL))
    assert reason in refusal(talk, AppendText(6, 11, " Good."), step)


def test_parts_are_bounded(talk: Talk) -> None:
    fill = [put(number, type="data", name="n", data=number) for number in range(MAX_PARTS)]
    accepted(talk, steps(*fill))
    assert "parts at most" in refusal(talk, put(MAX_PARTS, type="data", name="n", data=0))


def test_a_text_goes_on_after_an_interruption(talk: Talk) -> None:
    accepted(talk, say(0, "Hel"))
    accepted(talk, end("interrupted"))
    assert parts(talk)[0]["state"] == "done"
    alice = Talker("alice")
    alice.ask("r", "resume", "m1")
    talk.sync(alice)
    accepted(talk, start("m1", "b"))
    accepted(talk, say(3, "lo", attempt="b"))
    assert parts(talk) == [{"type": "text", "text": "Hello", "state": "streaming"}]
