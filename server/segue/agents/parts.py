"""An answer as it grows, for agents that work in rounds: what its own events make of it."""

from collections.abc import Mapping
from dataclasses import replace

from segue.agents.port import (
    AskApproval,
    Data,
    Event,
    Json,
    OtherPart,
    Part,
    ReasoningDelta,
    Source,
    TextDelta,
    TextPart,
    ToolCall,
    ToolError,
    ToolOutput,
    ToolPart,
)


class Parts:
    """The parts of an answer, with all events that were `add`ed."""

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self._parts = list(parts)

    @property
    def all(self) -> tuple[Part, ...]:
        """All of them, in their order."""
        return tuple(self._parts)

    @property
    def open_calls(self) -> list[ToolPart]:
        """The calls without a result."""
        return [p for p in self._parts if isinstance(p, ToolPart) and not p.has_ended]

    def add(self, event: Event) -> None:
        """Takes one event in; what changes no part is none of its business."""
        match event:
            case TextDelta(text):
                self._append(text, is_reasoning=False)
            case ReasoningDelta(text):
                self._append(text, is_reasoning=True)
            case ToolCall(id, name, args):
                self._parts.append(ToolPart(id, name, args, "input-available"))
            case ToolOutput(id, output):
                self._change(id, state="output-available", output=output)
            case ToolError(id, text):
                self._change(id, state="output-error", error_text=text)
            case AskApproval(id):
                self._change(id, state="approval-requested")
            case Source() | Data():
                self._parts.append(OtherPart({}))
            case _:
                pass

    def _append(self, text: str, *, is_reasoning: bool) -> None:
        last = self._parts[-1] if self._parts else None
        if isinstance(last, TextPart) and last.is_reasoning == is_reasoning:
            self._parts[-1] = TextPart(last.text + text, is_reasoning)
        else:
            self._parts.append(TextPart(text, is_reasoning))

    def _change(self, id: str, **values: Json) -> None:
        changes: Mapping[str, object] = values
        for index, part in enumerate(self._parts):
            if isinstance(part, ToolPart) and part.id == id:
                self._parts[index] = replace(part, **changes)  # type: ignore[arg-type]  # its fields
