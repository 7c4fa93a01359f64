"""What a model is given of a conversation: each call with its one result, whatever happened to it."""

import itertools
from typing import Any

import pytest

from segue.agents.openai.transcript import messages
from segue.agents.port import (
    ContextEntry,
    OtherPart,
    Part,
    TextPart,
    ToolPart,
    Turn,
    TurnMessage,
    TurnSession,
)


def turn(*history: TurnMessage, **more: Any) -> Turn:
    given: dict[str, Any] = {"context": {}, "profile": {}, **more}
    return Turn(history, session=TurnSession("s", ""), now_ms=0, **given)


def person(text: str, author: str = "Alice") -> TurnMessage:
    return TurnMessage("u", "user", text, author, "complete", (TextPart(text),))


def answer(*parts: Part, status: str = "complete") -> TurnMessage:
    return TurnMessage("a", "assistant", "", "assistant", status, parts)


def call(id: str, state: str, **more: Any) -> ToolPart:
    return ToolPart(id, "hold", {"seat": "12A"}, state, **more)


def test_an_answer_with_tools_is_given_round_by_round() -> None:
    parts = (
        TextPart("Hm.", is_reasoning=True),
        TextPart("I look."),
        call("c1", "output-available", output={"free": True}),
        OtherPart({"type": "source", "url": "https://example.org"}),
        call("c2", "output-error", error_text="No."),
        TextPart("Done."),
    )
    given = messages("", turn(person("Hold it"), answer(*parts), person("Thanks")), ())
    assert [message["role"] for message in given] == [
        "user", "assistant", "tool", "tool", "assistant", "user",
    ]  # fmt: skip
    first = given[1]
    assert first["content"] == "I look."
    assert [each["id"] for each in first["tool_calls"]] == ["c1", "c2"]
    assert first["tool_calls"][0]["function"] == {"name": "hold", "arguments": '{"seat":"12A"}'}
    assert given[2] == {"role": "tool", "tool_call_id": "c1", "content": '{"free":true}'}
    assert given[3]["content"] == "Error: No."
    assert given[4]["content"] == "Done."


STATES = (
    "input-available",
    "approval-requested",
    "approval-responded",
    "output-available",
    "output-error",
    "output-denied",
)


@pytest.mark.parametrize("states", list(itertools.combinations(STATES, 3)))
def test_a_call_is_never_without_its_result(states: tuple[str, ...]) -> None:
    parts = [call(f"c{number}", state, reason="dear") for number, state in enumerate(states)]
    given = messages("", turn(person("x"), answer(*parts, status="cancelled")), ())
    called = [each["id"] for message in given for each in message.get("tool_calls", ())]
    ended = [message["tool_call_id"] for message in given if message["role"] == "tool"]
    assert called == ended == ["c0", "c1", "c2"]


def test_an_answer_that_was_cut_off_is_to_be_gone_on_with() -> None:
    given = messages("", turn(person("Tell me")), (TextPart("Once upon"),))
    assert given[1] == {"role": "assistant", "content": "Once upon"}
    assert "cut off" in given[2]["content"]
    decided = (TextPart("Hm"), call("c", "output-denied", reason="too dear"))
    given = messages("", turn(person("Tell me")), decided)
    assert given[-1]["content"] == "A person said no to this. too dear"


def test_instructions_come_first_and_what_is_known_is_data() -> None:
    entry = ContextEntry({"to": "Lisbon"}, "message:m", "alice", 0)
    given = messages("Be brief.", turn(person("Hi"), context={"trip": entry}), ())
    assert given[0]["role"] == "system"
    assert given[0]["content"].startswith("Be brief.")
    assert '- context trip: {"to":"Lisbon"} (from alice)' in given[0]["content"]


def test_people_are_named_where_there_are_several() -> None:
    given = messages("", turn(person("Hi"), person("Hello", "Bob")), ())
    assert [message["content"] for message in given] == ["Alice: Hi", "Bob: Hello"]


def spoken(number: int) -> tuple[TurnMessage, ...]:
    """One turn: a question, two calls and their results, an answer."""
    calls = [call(f"c{number}-{n}", "output-available", output="x" * 80) for n in range(3)]
    return person(f"Question {number} " + "?" * 80), answer(*calls, TextPart(f"Answer {number}"))


@pytest.mark.parametrize("budget", range(0, 1_200, 20))
def test_a_budget_leaves_out_the_oldest_turns_whole(budget: int) -> None:
    history = [message for number in range(8) for message in spoken(number)]
    parts = (call("now", "output-available", output="y" * 40),)
    asked = turn(*history, person("The last one"))
    given = messages("Be brief.", asked, parts, max_tokens=budget)
    everything = messages("Be brief.", asked, parts)
    assert given[0] == everything[0], "the instructions stay"
    kept = len(given) - 1
    assert given[1:] == everything[-kept:], "what is left is the end"
    assert given[1]["role"] == "user", "it begins with a question"
    assert "The last one" in [message["content"] for message in given]
    called = [each["id"] for message in given for each in message.get("tool_calls", ())]
    assert called == [m["tool_call_id"] for m in given if m["role"] == "tool"]
    if budget:
        size = sum(len(str(message)) for message in given) / 4
        assert size < budget * 1.3 or kept == 3, "only what is being answered may be over it"
    else:
        assert given == everything


def test_a_picture_counts_as_a_picture_and_not_by_its_bytes() -> None:
    from segue.agents.openai.budget import fitting

    url = {"url": "data:image/png;base64," + "A" * 4_000_000}
    shown = {"role": "user", "content": [{"type": "image_url", "image_url": url}]}
    asked = {"role": "user", "content": "What is it?"}
    assert fitting([[shown], [asked]], [], 1_100) == [shown, asked]
    assert fitting([[shown], [asked]], [], 900) == [asked]
