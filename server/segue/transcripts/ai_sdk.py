"""The AI SDK's `UIMessage[]`, as JSON. Source: https://ai-sdk.dev/docs/reference/ai-sdk-core/ui-message.

A tool part there is named after its tool, here the name is a field; both have call and result in one. A
part that the AI SDK has no type for travels as `data-segue`.
"""

from typing import Final

import msgspec
from typing_extensions import override

from segue.document.views import MessageView, RecordView
from segue.errors import InvalidTranscript
from segue.transcripts.array import ArrayWriter
from segue.transcripts.checks import counted, kept, listed, objects_at, text_at
from segue.transcripts.model import Draft, JsonObject, Transcript

_ROLES: Final = ("system", "user", "assistant")
_AS_IT_IS: Final = ("text", "reasoning", "source-url", "source-document", "step-start")
_OTHER: Final = "data-segue"
_OURS: Final = "segue"
"""In a message's metadata: what the AI SDK has no field for."""

_TOOL: Final = {"toolCallId": "tool_call_id", "input": "args", "errorText": "error_text"}
_FILE: Final = {"url": "ref", "mediaType": "media_type", "filename": "name"}
_BACK: Final = {ours: theirs for theirs, ours in (_TOOL | _FILE).items()}


class AiSdkWriter(ArrayWriter):
    """Writes the active path."""

    @override
    def message(self, message: MessageView, *, is_active: bool) -> bytes:
        return self._next([_message(message)]) if is_active else b""

    @override
    def end(self, record: RecordView) -> bytes:
        return self._close()


def read_ai_sdk(data: bytes) -> Transcript:
    """Gives what a file says.

    Raises:
        InvalidTranscript: a message is wrong; it is named.
    """
    found = listed(data)
    counted(len(found))
    return Transcript([_draft(f"Message {n}", each) for n, each in enumerate(found, 1)])


def _message(message: MessageView) -> JsonObject:
    about: JsonObject = {
        "author": msgspec.to_builtins(message.author),
        "created_at": message.created_at,
        "status": message.status,
    }
    known = message.metadata if isinstance(message.metadata, dict) else {}
    return {
        "id": message.id,
        "role": message.role if message.role in _ROLES else "user",
        "metadata": {**known, _OURS: about},
        "parts": [_their_part(part) for part in message.parts],
    }


def _their_part(part: JsonObject) -> JsonObject:
    kind = part.get("type")
    if kind == "tool" and isinstance(part.get("name"), str):
        rest = {_BACK.get(key, key): value for key, value in part.items() if key != "name"}
        return {**rest, "type": f"tool-{part['name']}"}
    if kind == "file":
        return {_BACK.get(key, key): value for key, value in part.items()}
    if kind in _AS_IT_IS or (isinstance(kind, str) and kind.startswith("data-")):
        return part
    return {"type": _OTHER, "data": part}


def _draft(where: str, message: JsonObject) -> Draft:
    role = text_at(where, message, "role")
    if role not in _ROLES:
        raise InvalidTranscript(f"{where} has the role {role[:40]!r}. It is one of {_ROLES}.")
    metadata = message.get("metadata")
    about: object = None
    if isinstance(metadata, dict):
        about = metadata.get(_OURS)
        metadata = {key: value for key, value in metadata.items() if key != _OURS} or None
    draft = Draft(where, role, _parts(where, message), metadata=kept(where, metadata))
    if isinstance(name := message.get("id"), str):
        draft.id = name
    if isinstance(about, dict):
        _take_over(draft, kept(where, about))
    return draft


def _take_over(draft: Draft, about: JsonObject) -> None:
    author, time, status = about.get("author"), about.get("created_at"), about.get("status")
    draft.author = author if isinstance(author, dict) else None
    if isinstance(time, int) and not isinstance(time, bool):
        draft.created_at = time
    draft.status = status if isinstance(status, str) else draft.status


def _parts(where: str, message: JsonObject) -> list[JsonObject]:
    # Until version 4 of the AI SDK a message had its text in `content`.
    if "parts" not in message and isinstance(message.get("content"), str):
        return [{"type": "text", "text": message["content"], "state": "done"}]
    parts = objects_at(where, message, "parts")
    return [kept(where, _our_part(f"{where}, part {n}", part)) for n, part in enumerate(parts, 1)]


def _our_part(where: str, part: JsonObject) -> JsonObject:
    kind = text_at(where, part, "type")
    if kind == "dynamic-tool" or kind.startswith("tool-"):
        return _our_call(where, kind, part)
    if kind == "file":
        return {_FILE.get(key, key): value for key, value in part.items()}
    if kind in ("text", "reasoning"):
        return {"state": "done", **part, "text": text_at(where, part, "text")}
    data = part.get("data")
    if kind == _OTHER and isinstance(data, dict):
        return data
    return part


def _our_call(where: str, kind: str, part: JsonObject) -> JsonObject:
    text_at(where, part, "toolCallId")
    name = part.get("toolName") if kind == "dynamic-tool" else kind.removeprefix("tool-")
    if not isinstance(name, str) or not name:
        raise InvalidTranscript(f"{where} is a tool call without a name. Give it one.")
    rest = {_TOOL.get(key, key): value for key, value in part.items() if key != "toolName"}
    return {"args": {}, "state": "input-available", **rest, "type": "tool", "name": name}
