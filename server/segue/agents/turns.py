"""From what a document shows to what an agent is given."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, cast

import msgspec
from msgspec import Meta

from segue.agents.port import (
    ContextEntry,
    FilePart,
    Json,
    NoFiles,
    OtherPart,
    Part,
    TextPart,
    ToolPart,
    Turn,
    TurnFiles,
    TurnMessage,
    TurnSession,
)
from segue.document.views import MessageView, TurnView
from segue.ids import FILE_PATTERN, DocumentId

_ROLES: Final[Mapping[str, Literal["assistant", "system"]]] = {
    "assistant": "assistant",
    "system": "system",
}


_NO_FILES: Final = NoFiles()


@dataclass(frozen=True, slots=True)
class Given:
    """What a turn is made of, as the documents show it: it can be sent elsewhere as it is."""

    document: DocumentId
    view: TurnView
    profile: Mapping[str, Mapping[str, object]]
    files: TurnFiles = _NO_FILES

    @property
    def turn(self) -> Turn:
        """The turn, for the agent."""
        return turn_of(self.document, self.view, self.profile, self.files)


class _Entry(msgspec.Struct, frozen=True):
    value: object = None
    source: str = ""
    by: str = ""
    observed_at: float = 0
    max_age: float | None = None


class _Approval(msgspec.Struct, frozen=True):
    reason: str = ""


class _Call(msgspec.Struct, frozen=True):
    tool_call_id: str
    name: str
    state: str
    args: dict[str, object] = {}
    output: object = None
    error_text: str = ""
    approval: _Approval = _Approval()


class _File(msgspec.Struct, frozen=True):
    ref: Annotated[str, Meta(pattern=FILE_PATTERN)]
    media_type: str = ""
    name: str = ""
    size: int = 0


def turn_of(
    document: DocumentId,
    view: TurnView,
    profile: Mapping[str, Mapping[str, object]],
    files: TurnFiles = _NO_FILES,
) -> Turn:
    """Puts a turn together."""
    return Turn(
        history=tuple(_message(message) for message in view.history),
        context=entries_of(view.context),
        profile=entries_of(profile),
        session=TurnSession(document, view.title),
        now_ms=view.started_at,
        parts=_parts(view.parts),
        metadata=cast(Mapping[str, Json], view.metadata) if isinstance(view.metadata, dict) else {},
        files=files,
    )


def _message(view: MessageView) -> TurnMessage:
    texts = [part.get("text") for part in view.parts if part.get("type") == "text"]
    text = "\n".join(text for text in texts if isinstance(text, str))
    return TurnMessage(
        view.id,
        role_of(view.role),
        text,
        view.author.name or view.author.id,
        view.status,
        _parts(view.parts),
    )


def _parts(parts: Sequence[Mapping[str, object]]) -> tuple[Part, ...]:
    return tuple(_part(part) for part in parts)


def _part(part: Mapping[str, object]) -> Part:
    """Reads a part; a member may have written anything, and what isn't of the right shape is another."""
    text, type_ = part.get("text"), part.get("type")
    if type_ in ("text", "reasoning") and isinstance(text, str):
        return TextPart(text, is_reasoning=type_ == "reasoning")
    if type_ == "file":
        with contextlib.suppress(msgspec.ValidationError):
            file = msgspec.convert(part, _File)
            return FilePart(file.ref, file.media_type, file.name, file.size)
    if type_ == "tool":
        try:
            call = msgspec.convert(part, _Call)
        except msgspec.ValidationError:
            pass
        else:
            return ToolPart(
                id=call.tool_call_id,
                name=call.name,
                args=cast(Mapping[str, Json], call.args),
                state=call.state,
                output=cast(Json, call.output),
                error_text=call.error_text,
                reason=call.approval.reason,
            )
    return OtherPart(cast(Mapping[str, Json], part))


def role_of(role: str) -> Literal["user", "assistant", "system"]:
    """Gives a role as agents know it; an unknown one is a person's."""
    return _ROLES.get(role, "user")


def entries_of(found: Mapping[str, Mapping[str, object]]) -> dict[str, ContextEntry]:
    """Reads context entries; one that isn't of the right shape is no entry: a member may write anything."""
    entries = {}
    for key, value in found.items():
        try:
            entry = msgspec.convert(value, _Entry)
        except msgspec.ValidationError:
            continue
        entries[key] = ContextEntry(
            cast(Json, entry.value), entry.source, entry.by, entry.observed_at, entry.max_age
        )
    return entries
