"""OpenAI's items, as its Responses API takes and gives them; messages of Chat Completions are read, too.

Source: https://platform.openai.com/docs/api-reference/responses

Items are flat. What comes between two messages of people is one message here, with its calls and their
results, unless one text of the assistant follows right on another. What OpenAI has no item for (other
parts, files without an address) is left out of an export.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from typing_extensions import override

from segue.document.views import MessageView, RecordView
from segue.errors import InvalidTranscript
from segue.transcripts.array import ArrayWriter
from segue.transcripts.checks import counted, decoded, kept, listed, objects_at, text_at
from segue.transcripts.model import Draft, JsonObject, Transcript

_ROLES: Final = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
}
_ADDRESSES: Final = ("http://", "https://", "data:")
_NEVER_ENDED: Final = "There is no result: the call was not finished."
_DENIED: Final = "A person said no to this."


class OpenAiWriter(ArrayWriter):
    """Writes the active path."""

    @override
    def message(self, message: MessageView, *, is_active: bool) -> bytes:
        return self._next(list(_items(message))) if is_active else b""

    @override
    def end(self, record: RecordView) -> bytes:
        return self._close()


def _items(message: MessageView) -> Iterator[JsonObject]:
    role = message.role if message.role in _ROLES else "user"
    contents: list[JsonObject] = []
    for part in message.parts:
        if part.get("type") == "tool":
            yield from _said(role, contents)
            contents = []
            yield from _call(part)
        elif (content := _content(role, part)) is not None:
            contents.append(content)
    yield from _said(role, contents)


def _said(role: str, contents: list[JsonObject]) -> Iterator[JsonObject]:
    if contents:
        yield {"type": "message", "role": role, "content": contents}


def _content(role: str, part: JsonObject) -> JsonObject | None:
    match part:
        case {"type": "text", "text": str(text)}:
            return {"type": "output_text" if role == "assistant" else "input_text", "text": text}
        case {"type": "file", "ref": str(ref)} if role != "assistant" and ref.startswith(
            _ADDRESSES
        ):
            if str(part.get("media_type")).startswith("image/"):
                return {"type": "input_image", "image_url": ref}
            return {"type": "input_file", "file_url": ref}
        case _:
            return None


def _call(part: JsonObject) -> Iterator[JsonObject]:
    call = part.get("tool_call_id")
    yield {
        "type": "function_call",
        "call_id": call,
        "name": part.get("name"),
        "arguments": _json(part.get("args", {})),
    }
    # A call without a result is refused by OpenAI.
    yield {"type": "function_call_output", "call_id": call, "output": _result(part)}


def _result(part: JsonObject) -> str:
    match part.get("state"):
        case "output-available":
            output = part.get("output")
            return output if isinstance(output, str) else _json(output)
        case "output-error":
            return f"Error: {part.get('error_text')}"
        case "output-denied":
            return _DENIED
        case _:
            return _NEVER_ENDED


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def read_openai(data: bytes) -> Transcript:
    """Gives what a file says.

    Raises:
        InvalidTranscript: an item is wrong; it is named.
    """
    found = listed(data)
    counted(len(found))
    reader = _Reader()
    for number, item in enumerate(found, 1):
        reader.take(f"Item {number}", item)
    return Transcript(reader.messages)


class _Reader:
    """Gathers the items of the assistant into messages."""

    def __init__(self) -> None:
        self.messages: list[Draft] = []
        self._parts: list[JsonObject] | None = None
        self._calls: dict[str, JsonObject] = {}
        self._has_just_spoken = False

    def take(self, where: str, item: JsonObject) -> None:
        kind = item.get("type", "message")
        if kind == "function_call_output" or item.get("role") == "tool":
            self._end_call(where, item)
        elif kind == "function_call":
            call, name = text_at(where, item, "call_id"), text_at(where, item, "name")
            self._begin_call(where, call, name, text_at(where, item, "arguments"))
        elif kind == "reasoning":
            self._add(where, *_reasoning(where, item))
        elif "role" in item:
            self._take_message(where, item)
        else:  # what a model did otherwise: kept as it is
            text_at(where, item, "type")
            self._add(where, kept(where, item))

    def _take_message(self, where: str, item: JsonObject) -> None:
        role = _ROLES.get(text_at(where, item, "role"))
        if role is None:
            raise InvalidTranscript(f"{where} has a role that is none of {', '.join(_ROLES)}.")
        parts = kept(where, _contents(where, item.get("content")))
        if role != "assistant":
            self._parts = None
            self._has_just_spoken = False
            self.messages.append(Draft(where, role, parts))
            return
        if self._has_just_spoken:
            self._parts = None
        self._add(where, *parts)
        if item.get("tool_calls") is not None:
            for call in objects_at(where, item, "tool_calls"):
                self._take_call(where, call)
        self._has_just_spoken = bool(parts) and not item.get("tool_calls")

    def _take_call(self, where: str, call: JsonObject) -> None:
        function = call.get("function")
        if not isinstance(function, dict):
            raise InvalidTranscript(f"{where} has a tool call that is none of a function.")
        name, arguments = text_at(where, function, "name"), text_at(where, function, "arguments")
        self._begin_call(where, text_at(where, call, "id"), name, arguments)

    def _begin_call(self, where: str, call: str, name: str, arguments: str) -> None:
        args = decoded(f"{where}, its arguments", lambda: msgspec.json.decode(arguments or "{}"))
        if call in self._calls and self._calls[call]["state"] == "input-available":
            raise InvalidTranscript(f"{where} has the id of another call that has no result yet.")
        part: JsonObject = {
            "type": "tool",
            "tool_call_id": call,
            "name": name,
            "args": kept(where, args),
            "state": "input-available",
        }
        self._calls[call] = part
        self._add(where, part)

    def _end_call(self, where: str, item: JsonObject) -> None:
        is_chat = item.get("role") == "tool"
        call = text_at(where, item, "tool_call_id" if is_chat else "call_id")
        part = self._calls.get(call)
        if part is None or part["state"] != "input-available":
            raise InvalidTranscript(f"{where} is the result of no call before it. Leave it out.")
        output = item.get("content" if is_chat else "output")
        part.update(state="output-available", output=kept(where, _output(output)))
        self._has_just_spoken = False

    def _add(self, where: str, *parts: JsonObject) -> None:
        if self._parts is None:
            self._parts = []
            self.messages.append(Draft(where, "assistant", self._parts))
        self._parts += parts
        self._has_just_spoken = False


def _contents(where: str, content: object) -> list[JsonObject]:
    if content is None:
        return []
    if isinstance(content, str):
        return [_text("text", content)] if content else []
    parts = objects_at(where, {"content": content}, "content")
    return [_part(where, part) for part in parts]


def _part(where: str, part: JsonObject) -> JsonObject:
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            return _text("text", text_at(where, part, "text"))
        case "refusal":
            return _text("text", text_at(where, part, "refusal"))
        case "input_image" if isinstance(part.get("image_url"), str):
            return {"type": "file", "ref": part["image_url"], "media_type": "image/*"}
        case "image_url":
            image = part.get("image_url")
            if isinstance(image, dict) and isinstance(image.get("url"), str):
                return {"type": "file", "ref": image["url"], "media_type": "image/*"}
        case "input_file" if isinstance(part.get("file_url"), str):
            return {"type": "file", "ref": part["file_url"]}
        case _:
            pass
    text_at(where, part, "type")
    return part


def _reasoning(where: str, item: JsonObject) -> Sequence[JsonObject]:
    summary = objects_at(where, item, "summary") if "summary" in item else ()
    parts = [_text("reasoning", text_at(where, each, "text")) for each in summary]
    return kept(where, parts)


def _text(kind: str, text: str) -> JsonObject:
    return {"type": kind, "text": text, "state": "done"}


def _output(output: object) -> object:
    """Gives a result as what it was, should it be the JSON of an object or a list."""
    if not isinstance(output, str):
        return output
    try:
        value = msgspec.json.decode(output)
    except (msgspec.DecodeError, RecursionError):
        return output
    return value if isinstance(value, dict | list) else output
