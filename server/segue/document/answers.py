"""An agent's answer in the document: a message that grows, part by part.

Steps are checked against the answer as it will be before anything is written: a transaction can't be
taken back.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pycrdt import Map, Text

from segue.document import tools
from segue.document.content import Refusal
from segue.document.crdt import Roots
from segue.document.schema import MESSAGES, SUPERSEDES
from segue.document.steps import AppendText, PutPart, Step, ToolStep
from segue.document.values import stored_value

JsonObject = dict[str, object]

MAX_PARTS: Final = 1_000
"""Of one answer."""

_TEXTS: Final = ("text", "reasoning")

Write = Callable[[], None]


def new_answer(run: str, agent: str, now_ms: int, supersedes: str | None) -> "Map[object]":
    """Gives an answer without parts."""
    answer: JsonObject = {
        "role": "assistant",
        "author": {"kind": "agent", "id": agent, "name": agent},
        "created_at": float(now_ms),
        "status": "streaming",
        "run": run,
        "parts": Map({}),
    }
    if supersedes is not None:
        answer[SUPERSEDES] = supersedes
    return Map(answer)


def parts_of(root: Roots, answer: object) -> "Map[object] | None":
    """Gives the parts of an answer; None if they are gone."""
    message = root(MESSAGES).get(answer) if isinstance(answer, str) else None
    parts = message.get("parts") if isinstance(message, Map) else None
    return parts if isinstance(parts, Map) else None


def plan(parts: "Map[object]", steps: tuple[Step, ...], attempt: str) -> list[Write]:
    """Gives what has to be written for steps; nothing for those that are done.

    Raises:
        Refusal: one of them doesn't fit.
    """
    taken = [int(key) for key in parts.keys() if key.isascii() and key.isdigit()]
    draft = _Draft(parts, attempt, max(taken, default=-1) + 1)
    for step in steps:
        draft.take(step)
    return draft.writes


def show(root: Roots, answer: object, status: str) -> None:
    """Sets the status of an answer, where it still is."""
    message = root(MESSAGES).get(answer) if isinstance(answer, str) else None
    if isinstance(message, Map) and message.get("status") != status:
        message["status"] = status


def add_metadata(root: Roots, answer: object, metadata: JsonObject) -> None:
    """Sets fields of an answer's metadata."""
    message = root(MESSAGES).get(answer) if isinstance(answer, str) else None
    if not isinstance(message, Map):
        return
    known = message.get("metadata")
    then = {**(known if isinstance(known, dict) else {}), **metadata}
    if then != (known or {}):
        message["metadata"] = then


def end_texts(root: Roots, answer: object) -> None:
    """Says of all texts that nothing is added any more."""
    for part in _maps(parts_of(root, answer)):
        _end_text(part)


def change_calls(root: Roots, answer: object, change: Callable[[JsonObject], JsonObject]) -> None:
    """Changes all tool calls of an answer."""
    for part, call in calls_of(parts_of(root, answer)):
        write_call(part, change(call))


def calls_of(parts: "Map[object] | None") -> "Iterator[tuple[Map[object], JsonObject]]":
    """Gives the tool calls among parts, each with its part; it may be changed meanwhile."""
    for part in list(_maps(parts)):
        if part.get("type") == "tool":
            yield part, dict(part.to_py() or {})


def write_call(part: "Map[object]", call: JsonObject) -> None:
    """Writes what of a call is new."""
    for key, value in call.items():
        if key not in part or part[key] != value:
            part[key] = value


@dataclass(slots=True)
class _Draft:
    """The answer as it will be after the steps that were taken."""

    parts: "Map[object]"
    attempt: str
    count: int
    lengths: dict[int, int] = field(default_factory=dict)
    calls: "dict[str, tuple[Map[object], JsonObject]] | None" = None
    writes: list[Write] = field(default_factory=list)

    def take(self, step: Step) -> None:
        match step:
            case AppendText():
                self._append(step)
            case PutPart():
                self._put(step)
            case _:
                self._change_call(step)

    def _append(self, step: AppendText) -> None:
        length, end = self._length(step), step.at + len(step.text.encode())
        if length == end:
            return
        if length != step.at:
            raise Refusal("the text has another length than was said")
        self.lengths[step.part] = end
        self.writes.append(lambda: _append(self.parts, step))

    def _length(self, step: AppendText) -> int:
        if step.part in self.lengths:
            return self.lengths[step.part]
        if step.part == self.count:
            self._add(Map({"type": step.kind, "text": Text(""), "state": "streaming"}))
            return 0
        part = self.parts.get(str(step.part))
        text = part.get("text") if isinstance(part, Map) else None
        if not isinstance(part, Map) or part.get("type") != step.kind or not isinstance(text, Text):
            raise Refusal("the text is gone")
        return len(text)

    def _put(self, step: PutPart) -> None:
        value = stored_value(step.value)
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            raise Refusal("a part of a message is an object with a `type`")
        if value["type"] in _TEXTS:
            raise Refusal("a text is appended to")
        if step.part < self.count:
            self._check_same(step.part, value)
        elif value["type"] != "tool":
            self._add(Map(value))
        else:
            self._call(value)

    def _call(self, value: JsonObject) -> None:
        call = tools.new_call(value)
        part: Map[object] = Map(call)
        if str(call["tool_call_id"]) in self._calls():
            raise Refusal("another call of the answer has this id")
        self._calls()[str(call["tool_call_id"])] = part, call
        self._add(part)

    def _check_same(self, index: int, value: JsonObject) -> None:
        part = self.parts.get(str(index))
        found = part.to_py() if isinstance(part, Map) else None
        if found is None or any(found.get(key) != item for key, item in value.items()):
            raise Refusal("the answer has another part there")

    def _add(self, part: "Map[object]") -> None:
        if self.count >= MAX_PARTS:
            raise Refusal(f"an answer has {MAX_PARTS} parts at most")
        index = self.count
        self.count += 1

        def write() -> None:
            for other in _maps(self.parts):
                _end_text(other)
            self.parts[str(index)] = part

        self.writes.append(write)

    def _change_call(self, step: ToolStep) -> None:
        if step.call not in self._calls():
            raise Refusal("the answer has no such tool call")
        part, call = self._calls()[step.call]
        then = tools.after(call, step, self.attempt)
        if then != call:
            self._calls()[step.call] = part, then
            self.writes.append(lambda: write_call(part, then))

    def _calls(self) -> "dict[str, tuple[Map[object], JsonObject]]":
        if self.calls is None:
            found = calls_of(self.parts)
            self.calls = {str(call.get("tool_call_id")): (part, call) for part, call in found}
        return self.calls


def _maps(parts: "Map[object] | None") -> "Iterator[Map[object]]":
    for key in () if parts is None else parts.keys():
        part = parts.get(key) if parts is not None else None
        if isinstance(part, Map):
            yield part


def _append(parts: "Map[object]", step: AppendText) -> None:
    part = parts[str(step.part)]
    assert isinstance(part, Map)
    text = part["text"]
    assert isinstance(text, Text)
    text += step.text
    if part.get("state") != "streaming":
        part["state"] = "streaming"


def _end_text(part: "Map[object]") -> None:
    if part.get("type") in _TEXTS and part.get("state") == "streaming":
        part["state"] = "done"
