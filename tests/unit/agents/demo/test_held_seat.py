"""The demo's one tool: it asks before it holds a seat, and never pretends that the seat is real."""

import dataclasses

import pytest
from talk import AGENT, Talk, events_of

from segue.agents.parts import Parts
from segue.agents.port import (
    AskApproval,
    Event,
    TextPart,
    ToolCall,
    ToolOutput,
    ToolPart,
    ToolStart,
)

pytestmark = pytest.mark.anyio

TRIP = "From Hamburg to Lisbon, May 3 to May 8, 2 people, budget 900 EUR, we like food"


async def asked(wish: str) -> tuple[Talk, list[Event]]:
    talk = Talk()
    await talk.say(TRIP)
    talk.hear(wish)
    return talk, await events_of(talk.turn())


async def after(state: str) -> list[Event]:
    talk, events = await asked("Book it please")
    parts = Parts(())
    for event in events:
        parts.add(event)
    before, call = parts.all[:-1], parts.all[-1]
    assert isinstance(call, ToolPart)
    decided = dataclasses.replace(call, state=state)
    return await events_of(dataclasses.replace(talk.turn(), parts=(*before, decided)))


def text_of(events: list[Event]) -> str:
    parts = Parts(())
    for event in events:
        parts.add(event)
    return "".join(part.text for part in parts.all if isinstance(part, TextPart))


@pytest.mark.parametrize("wish", ["Book it please", "Can you hold a seat for us?"])
async def test_it_asks_before_it_holds_a_seat(wish: str) -> None:
    _, events = await asked(wish)
    call, ask = events[-2:]
    assert isinstance(call, ToolCall)
    assert call.args["question"] == "Hold this seat in the demo?"
    assert (call.args["from"], call.args["to"]) == ("Hamburg", "Lisbon")
    assert ask == AskApproval(call.id)
    assert "Nothing is reserved or paid." in text_of(events)


async def test_it_asks_nothing_while_the_trip_is_unknown() -> None:
    talk = Talk()
    talk.hear("Book a seat to Lisbon")
    events = await events_of(talk.turn())
    assert not any(isinstance(event, ToolCall) for event in events)


async def test_a_yes_holds_it_and_a_no_does_not() -> None:
    yes, no = await after("approval-responded"), await after("output-denied")
    start, output = yes[:2]
    assert isinstance(start, ToolStart)
    assert isinstance(output, ToolOutput)
    assert "in this demo only: nothing is reserved or paid" in text_of(yes)
    assert text_of(no).strip() == "All right, no seat is held."
    assert not any(isinstance(event, ToolStart) for event in no)


@pytest.mark.parametrize(
    ("state", "said"), [("output-error", "I was interrupted"), ("output-available", "is held")]
)
async def test_taken_up_after_a_crash_it_says_how_it_stands(state: str, said: str) -> None:
    assert said in text_of(await after(state))


async def test_cut_off_behind_the_call_it_says_only_the_rest() -> None:
    talk, events = await asked("Book it please")
    whole = text_of(await after("output-available"))
    parts = Parts(())
    for event in events:
        parts.add(event)
    call = parts.all[-1]
    assert isinstance(call, ToolPart)
    ended = dataclasses.replace(call, state="output-available")
    cut = (*parts.all[:-1], ended, TextPart(whole[:12]))
    rest = text_of(await events_of(dataclasses.replace(talk.turn(), parts=cut)))
    assert whole[:12] + rest == whole


async def test_one_that_was_cut_off_while_asking_asks_again() -> None:
    assert [type(event) for event in await after("approval-requested")] == [AskApproval]
    assert AGENT.name == "demo"
