"""From an agent's events to steps in its answer: which part each belongs to, and where in it."""

from collections.abc import Sequence
from typing import Final, Literal, assert_never

import msgspec

from segue.agents.port import (
    AskApproval,
    AskPerson,
    Data,
    Json,
    Part,
    PartEvent,
    ReasoningDelta,
    Source,
    TextDelta,
    TextPart,
    ToolCall,
    ToolError,
    ToolEvent,
    ToolOutput,
    ToolStart,
)
from segue.document.steps import (
    AppendText,
    AskForApproval,
    AskForOutput,
    EndTool,
    PutPart,
    StartTool,
    Step,
    ToolStep,
)

Kind = Literal["text", "reasoning"]

_TEXT: Final[Kind] = "text"
_REASONING: Final[Kind] = "reasoning"


class Composer:
    """Knows the end of an answer; give it every event in order."""

    def __init__(self, parts: Sequence[Part]) -> None:
        """`parts` are what the answer holds already."""
        self._count = len(parts)
        self._kind: Kind | None = None
        self._length = 0
        self.has_asked = False
        if parts and isinstance(last := parts[-1], TextPart):
            self._kind = _REASONING if last.is_reasoning else _TEXT
            self._length = len(last.text.encode())

    def steps(self, events: Sequence[PartEvent]) -> tuple[Step, ...]:
        """Gives the steps that events are; texts that follow each other are one.

        Raises:
            ValueError: something in them can't be stored.
        """
        return tuple(self._step(event) for event in _joined(events))

    def _step(self, event: PartEvent) -> Step:
        match event:
            case TextDelta(text):
                return self._append(_TEXT, text)
            case ReasoningDelta(text):
                return self._append(_REASONING, text)
            case ToolCall(id, name, args):
                return self._put(type="tool", tool_call_id=id, name=name, args=args)
            case Source(url, title):
                return self._put(type="source", url=url, **({"title": title} if title else {}))
            case Data(name, data):
                return self._put(type="data", name=name, data=data)
            case _:
                self.has_asked |= isinstance(event, AskApproval | AskPerson)
                return _tool_step(event)

    def _append(self, kind: Kind, text: str) -> AppendText:
        if self._kind != kind:
            self._kind, self._length = kind, 0
            self._count += 1
        data = text.encode(errors="replace")  # a lone surrogate is no character
        step = AppendText(self._count - 1, self._length, data.decode(), kind)
        self._length += len(data)
        return step

    def _put(self, **value: Json) -> PutPart:
        self._kind = None
        self._count += 1
        return PutPart(self._count - 1, msgspec.json.encode(value))


def _tool_step(event: ToolEvent) -> ToolStep:
    match event:
        case ToolStart(id, is_repeatable):
            return StartTool(id, is_repeatable)
        case ToolOutput(id, output):
            return EndTool(id, msgspec.json.encode(output))
        case ToolError(id, text):
            return EndTool(id, error_text=text)
        case AskApproval(id):
            return AskForApproval(id)
        case AskPerson(id):
            return AskForOutput(id)
        case _:
            assert_never(event)


def _joined(events: Sequence[PartEvent]) -> list[PartEvent]:
    joined: list[PartEvent] = []
    for event in events:
        last = joined[-1] if joined else None
        if isinstance(last, TextDelta) and isinstance(event, TextDelta):
            joined[-1] = TextDelta(last.text + event.text)
        elif isinstance(last, ReasoningDelta) and isinstance(event, ReasoningDelta):
            joined[-1] = ReasoningDelta(last.text + event.text)
        else:
            joined.append(event)
    return joined
