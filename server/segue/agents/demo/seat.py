"""The demo's one tool: it holds a seat that doesn't exist, so that people see how an agent asks."""

import re
from collections.abc import Iterator
from typing import Final

from segue.agents.demo.intents import Intent
from segue.agents.demo.trip import Trip
from segue.agents.port import (
    AskApproval,
    Event,
    Json,
    TextPart,
    ToolCall,
    ToolOutput,
    ToolPart,
    ToolStart,
    Turn,
)

OFFER: Final = (
    "\n\nWhat I can do is hold a seat in the demo, so that you see how an agent asks first."
    " Nothing is reserved or paid."
)
_SEAT: Final = re.compile(r"\b(?:hold|reserve|book|keep|save|take|get)\b.{0,40}\bseats?\b", re.I)
_HELD: Final = "\n\nSeat 12A is held, in this demo only: nothing is reserved or paid."
_NOT_HELD: Final = "\n\nAll right, no seat is held."
_FAILED: Final = (
    "\n\nI don't know whether the demo's seat is held: I was interrupted. Ask me again."
)


def is_wanted(turn: Turn, intent: Intent | None, trip: Trip) -> bool:
    """Tells whether a seat is to be offered: somebody wants to book, and the trip is known."""
    if not turn.history or trip.questions():
        return False
    return intent is Intent.BOOK or _SEAT.search(turn.history[-1].text) is not None


def ask(turn: Turn, trip: Trip) -> Iterator[Event]:
    """Gives the call, and has people decide."""
    id = f"seat-{turn.history[-1].id}"
    args = {
        "question": "Hold this seat in the demo?",
        "seat": "12A",
        "from": trip.origin,
        "to": trip.destination,
        "note": "A demo: nothing is reserved or paid.",
    }
    yield ToolCall(id, "hold_demo_seat", args)
    yield AskApproval(id)


def call_in(turn: Turn) -> ToolPart | None:
    """Gives the call that the answer already holds."""
    return next((part for part in turn.parts if isinstance(part, ToolPart)), None)


def go_on(turn: Turn, call: ToolPart) -> tuple[list[Event], str]:
    """Gives what follows a call in an answer: events, and the text that is still to be said."""
    events: list[Event] = []
    match call.state:
        case "output-denied":
            text = _NOT_HELD
        case "output-error":
            text = _FAILED
        case "output-available":
            text = _HELD
        case "approval-responded":
            output: dict[str, Json] = {"seat": "12A", "held": True, "note": "In the demo only."}
            events, text = [ToolStart(call.id), ToolOutput(call.id, output)], _HELD
        case _:
            return [AskApproval(call.id)], ""
    parts = turn.parts[turn.parts.index(call) + 1 :]
    written = "".join(part.text for part in parts if isinstance(part, TextPart))
    return events, text.removeprefix(written)
