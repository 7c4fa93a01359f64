"""One reply of a model, from the chunks of its stream."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import ChoiceDelta

from segue.agents.port import Json, ReasoningDelta, TextDelta, ToolCall, ToolError

_REASONING: Final = ("reasoning_content", "reasoning")
"""Where servers put what a model thinks: no field of OpenAI's own."""

Delta = TextDelta | ReasoningDelta


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class Reply:
    """What came so far. `finish` is why it ended, None while it hasn't."""

    finish: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    _calls: dict[int, _Call] = field(default_factory=dict)

    def clear(self) -> None:
        """Forgets all that came."""
        self.finish, self.input_tokens, self.output_tokens = None, 0, 0
        self._calls.clear()

    def take(self, chunk: ChatCompletionChunk) -> Iterator[Delta]:
        """Takes a chunk in; gives what of it people can see at once."""
        if chunk.usage is not None:
            self.input_tokens = chunk.usage.prompt_tokens
            self.output_tokens = chunk.usage.completion_tokens
        for choice in chunk.choices[:1]:
            self.finish = choice.finish_reason or self.finish
            yield from self._deltas(choice.delta)
            for call in choice.delta.tool_calls or ():
                self._take_call(call.index, call.id, call.function)

    def calls(self, taken: set[str]) -> Iterator[ToolCall | ToolError]:
        """Gives the tool calls; `taken` are ids that the answer has already."""
        for number, call in sorted(self._calls.items()):
            id = _free_id(call.id or f"call-{number}", taken)
            taken.add(id)
            arguments = _object(call.arguments)
            yield ToolCall(id, call.name, arguments or {})
            if arguments is None:
                yield ToolError(id, "The arguments are no JSON object.")

    def _deltas(self, delta: ChoiceDelta) -> Iterator[Delta]:
        for name in _REASONING:
            thought = getattr(delta, name, None)
            if isinstance(thought, str) and thought:
                yield ReasoningDelta(thought)
                break
        if text := delta.content or delta.refusal:
            yield TextDelta(text)

    def _take_call(self, index: int, id: str | None, function: Any) -> None:
        call = self._calls.setdefault(index, _Call())
        call.id = call.id or id or ""
        if function is not None:
            call.name += function.name or ""
            call.arguments += function.arguments or ""


def _free_id(id: str, taken: set[str]) -> str:
    number, free = 1, id
    while free in taken:
        number, free = number + 1, f"{id}-{number + 1}"
    return free


def _object(arguments: str) -> dict[str, Json] | None:
    try:
        return msgspec.json.decode(arguments or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return None
