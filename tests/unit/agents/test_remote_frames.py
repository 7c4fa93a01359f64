"""Frames of remote agents: every event comes back as it was, and what is none is refused."""

import msgspec
import pytest

from segue.agents.port import (
    AskApproval,
    AskPerson,
    Data,
    Event,
    Forget,
    Metadata,
    ReasoningDelta,
    Remember,
    Source,
    TextDelta,
    Title,
    ToolCall,
    ToolError,
    ToolOutput,
    ToolStart,
)
from segue.agents.remote.frames import (
    Begin,
    Ended,
    Hello,
    Said,
    decode_from_program,
    decode_from_server,
    encode,
    event_from_json,
    event_to_json,
)
from segue.document.views import TurnView
from segue.errors import ProtocolError

EVENTS: tuple[Event, ...] = (
    TextDelta("Hello \N{WAVING HAND SIGN}"),
    ReasoningDelta("hm"),
    Source("https://example.com"),
    Source("https://example.com", "Title"),
    Data("chart", {"type": "bar", "values": [1, 2.5, None, True]}),
    Metadata("usage", {"input_tokens": 3}),
    Title("Trip"),
    Remember("to", ["Lisbon"], "message:m1"),
    Forget("to"),
    ToolCall("c1", "hold", {"seat": "12A", "type": "window"}),
    ToolStart("c1"),
    ToolStart("c1", is_repeatable=True),
    ToolOutput("c1", None),
    ToolError("c1", "full"),
    AskApproval("c1"),
    AskPerson("c1"),
)


def test_all_kinds_are_here() -> None:
    assert {type(event) for event in EVENTS} == set(Event.__args__)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    said = decode_from_program(encode(Said(7, event_to_json(event))))
    assert isinstance(said, Said)
    assert (said.turn, event_from_json(said.event)) == (7, event)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"type": "shout", "text": "x"},
        {"type": "text"},
        {"type": "text", "text": 5},
        {"type": "text", "text": "x", "more": 1},
        {"type": "tool_call", "id": "c", "name": "n", "args": "none"},
        {"type": "tool_start", "id": "c", "is_repeatable": 1},
        {"type": ["text"]},
    ],
    ids=str,
)
def test_what_is_no_event_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(ProtocolError, match="event"):
        event_from_json(value)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", '{"type":"end"}', '{"type":"turn","turn":1}', "[" * 100_000]
)
def test_what_is_no_frame_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match="can't be read"):
        decode_from_program(text)


def test_frames_of_both_sides_come_back() -> None:
    begin = Begin(1, "trip", TurnView([], {}, "", [{"type": "text", "text": "a"}], 7), {})
    assert decode_from_server(encode(begin)) == begin
    for frame in (Hello("token", 3), Ended(1, "why"), Ended(2)):
        assert decode_from_program(encode(frame)) == frame


def test_what_is_no_json_is_told_to_the_agent() -> None:
    with pytest.raises((TypeError, msgspec.EncodeError)):
        encode(Said(1, event_to_json(Data("x", object()))))  # type: ignore[arg-type]  # on purpose
