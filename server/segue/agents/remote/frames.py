"""What a remote agent's program and the server say to each other: JSON objects with a `type`.

    program                          server
    hello {token, at_once}     -->
                               <--   welcome {agent}
                               <--   turn {turn, session, view, profile}
    event {turn, event}        -->                                          (any number)
                               <--   stored {turn}    after each `tool_start`: the program waits for it
    end {turn, error}          -->                    or
                               <--   stop {turn}      what still comes of that turn is dropped
    read_file {turn, number,   -->
      ref, max_bytes}          <--   file {turn, number, data, error}
    ping                       -->
                               <--   pong

`turn` is a number that names one attempt on one connection. An `event` is one of `segue.agents.port`
by the names below, with its fields. Pure.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Final

import msgspec

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
from segue.document.views import TurnView
from segue.errors import ProtocolError

PING_S: Final = 2.0
SILENT_S: Final = 6.0
"""Whoever says nothing for so long is gone: its answers are interrupted."""

MAX_FILE_BYTES: Final = 32 << 20
"""Of a file that a program is given."""

MAX_FRAME_BYTES: Final = 1 << 20
"""Of what a program sends."""

_KINDS: Final[Mapping[str, type[Event]]] = {
    "text": TextDelta,
    "reasoning": ReasoningDelta,
    "source": Source,
    "data": Data,
    "metadata": Metadata,
    "title": Title,
    "remember": Remember,
    "forget": Forget,
    "tool_call": ToolCall,
    "tool_start": ToolStart,
    "tool_output": ToolOutput,
    "tool_error": ToolError,
    "ask_approval": AskApproval,
    "ask_person": AskPerson,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """Introduces a program that answers `at_once` messages at the same time."""

    token: str
    at_once: int = 8


class Said(msgspec.Struct, frozen=True, tag="event"):
    """Gives the next event of a turn."""

    turn: int
    event: dict[str, Any]


class Ended(msgspec.Struct, frozen=True, tag="end"):
    """Says that a turn is complete, or why it failed."""

    turn: int
    error: str | None = None


class ReadFile(msgspec.Struct, frozen=True, tag="read_file"):
    """Asks for a file of the turn's session; `number` names the question."""

    turn: int
    number: int
    ref: str
    max_bytes: int


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Shows that the program lives."""


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    """Says as whom the program answers."""

    agent: str


class Begin(msgspec.Struct, frozen=True, tag="turn"):
    """Gives a turn: what `turn_of` makes one of."""

    turn: int
    session: str
    view: TurnView
    profile: Mapping[str, Mapping[str, object]]


class Stored(msgspec.Struct, frozen=True, tag="stored"):
    """Says that all up to the turn's last `tool_start` is durable."""

    turn: int


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Ends a turn before its time."""

    turn: int


class FileRead(msgspec.Struct, frozen=True, tag="file"):
    """Gives a file's bytes (as base64), null where there is none so small; or says why it can't be read."""

    turn: int
    number: int
    data: bytes | None = None
    error: str | None = None


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """Answers a ping."""


ProgramFrame = Hello | Said | Ended | ReadFile | Ping
ServerFrame = Welcome | Begin | Stored | Stop | FileRead | Pong

_from_program: Final = msgspec.json.Decoder(ProgramFrame)
_from_server: Final = msgspec.json.Decoder(ServerFrame)


def encode(frame: ProgramFrame | ServerFrame) -> str:
    """Gives a frame's text.

    Raises:
        TypeError: an event has a value that is no JSON.
    """
    return msgspec.json.encode(frame, enc_hook=_plain).decode()


def decode_from_program(text: str) -> ProgramFrame:
    """Reads what a program sent.

    Raises:
        ProtocolError: it is none of its frames.
    """
    frame: ProgramFrame = _decoded(_from_program, text)
    return frame


def decode_from_server(text: str) -> ServerFrame:
    """Reads what the server sent.

    Raises:
        ProtocolError: it is none of its frames.
    """
    frame: ServerFrame = _decoded(_from_server, text)
    return frame


def event_to_json(event: Event) -> dict[str, Any]:
    """Gives an event as a JSON object."""
    given = {field.name: getattr(event, field.name) for field in fields(event)}
    return {"type": _NAMES[type(event)], **given}


def event_from_json(value: Mapping[str, Any]) -> Event:
    """Reads an event.

    Raises:
        ProtocolError: it is none; the text says why.
    """
    kind = _KINDS.get(str(value.get("type")))
    if kind is None:
        raise ProtocolError(f"There is no event {value.get('type')!r}.")
    known = {field.name: field for field in fields(kind)}
    given = {name: each for name, each in value.items() if name != "type"}
    missing = {n for n, field in known.items() if field.default is MISSING} - given.keys()
    if missing or given.keys() - known.keys():
        raise ProtocolError(f"The event {value['type']!r} has the fields {', '.join(known)}.")
    for name, each in given.items():
        wanted = known[name].type
        if (wanted in (str, bool) and type(each) is not wanted) or (
            name == "args" and not isinstance(each, dict)
        ):
            raise ProtocolError(
                f"The field {name!r} of an event {value['type']!r} has a wrong type."
            )
    return kind(**given)


def _decoded(decoder: "msgspec.json.Decoder[Any]", text: str) -> Any:
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ProtocolError(f"This frame can't be read: {error}.") from error


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
