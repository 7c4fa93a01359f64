"""Puts a whole conversation into an empty session: in one transaction, so that there is all of it or nothing.

The messages get their places here, before anyone follows what is new: an imported question is not asked
again, and no agent answers it.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from pycrdt import Map, Text

from segue.document.content import Refusal
from segue.document.conversation import Conversation
from segue.document.crdt import Roots
from segue.document.edits import ImportedMessage, ImportTranscript
from segue.document.gate import Touched
from segue.document.run_writer import Change
from segue.document.schema import (
    ARTIFACTS,
    CONTEXT,
    MESSAGES,
    RUNS,
    SESSION,
    SETTINGS,
    SUPERSEDES,
    TITLE,
)
from segue.document.steps import JsonValue
from segue.document.values import stored_value

JsonObject = dict[str, object]

_TEXTS: Final = ("text", "reasoning")


def prepare_import(
    root: Roots, conversation: Conversation, edit: ImportTranscript
) -> Change | None:
    """Gives how a transcript is put into a session; None if it is there.

    One without messages is there once anything is: what was changed since then stays.

    Raises:
        Refusal: the session has another, or a value can't be kept.
    """
    if edit.messages and edit.messages[0].id in root(MESSAGES):
        return None
    if conversation.last_seq:
        raise Refusal("the session has messages already")
    if not edit.messages and any(root(name) for name in (SESSION, CONTEXT, RUNS, ARTIFACTS)):
        return None
    messages = {message.id: _message(message) for message in edit.messages}
    context, runs, artifacts = map(_objects, (edit.context, edit.runs, edit.artifacts))
    session: JsonObject = {TITLE: edit.title} if edit.title else {}
    if edit.settings is not None:
        session[SETTINGS] = stored_value(edit.settings)

    def change(root: Roots) -> Touched:
        for message, (fields, parts) in messages.items():
            root(MESSAGES)[message] = Map({**fields, "parts": Map(_shared(parts))})
        kept = {CONTEXT: context, RUNS: runs, ARTIFACTS: artifacts, SESSION: session}
        for name, entries in kept.items():
            for key, value in entries.items():
                root(name)[key] = value
        places = [(message.id, message.parent) for message in edit.messages]
        conversation.sequencer.adopt(root, places, edit.head)
        return Touched(messages=dict.fromkeys(messages), session=True)

    return change


def _message(message: ImportedMessage) -> tuple[JsonObject, list[JsonObject]]:
    fields: JsonObject = {
        "role": message.role,
        "author": {
            key: value for key, value in msgspec.to_builtins(message.author).items() if value
        },
        "created_at": float(message.created_at),
        "status": message.status,
    }
    optional = {SUPERSEDES: message.supersedes, "run": message.run}
    fields.update((key, value) for key, value in optional.items() if value is not None)
    if message.metadata is not None:
        fields["metadata"] = stored_value(message.metadata)
    return fields, [_object(part) for part in message.parts]


def _shared(parts: list[JsonObject]) -> dict[str, Map[object]]:
    return {str(index): Map(_with_text(part)) for index, part in enumerate(parts)}


def _with_text(part: JsonObject) -> JsonObject:
    text = part.get("text")
    if part.get("type") in _TEXTS and isinstance(text, str):
        return {**part, "text": Text(text)}
    return part


def _objects(values: Mapping[str, JsonValue]) -> JsonObject:
    return {key: _object(value) for key, value in values.items()}


def _object(value: JsonValue) -> JsonObject:
    stored = stored_value(value)
    if not isinstance(stored, dict):
        raise Refusal("a part of a message, an entry or a run is an object")
    return stored
