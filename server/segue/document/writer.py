"""Puts edits of the server's into a document. Everything is checked before anything is written."""

from collections.abc import Callable

import msgspec
from pycrdt import Map, Text

from segue.document.content import MAX_DEPTH, Refusal
from segue.document.crdt import Roots
from segue.document.edits import AddMessage, Edit, JsonValue, NewPart, SetSession
from segue.document.gate import Touched
from segue.document.schema import (
    MESSAGES,
    SESSION,
    SETTINGS,
    SUPERSEDES,
    TITLE,
)
from segue.document.sequencer import Sequencer

Change = Callable[[Roots], Touched]
"""Writes, in the caller's transaction; gives what it touched."""


def prepare(root: Roots, sequencer: Sequencer, edit: Edit) -> Change | None:
    """Gives how an edit is made in a document as it is now; None if there is nothing to change.

    Raises:
        Refusal: it can't be made.
    """
    match edit:
        case AddMessage():
            return _add_message(root, sequencer, edit)
        case SetSession():
            return _set_session(root, edit)


def _add_message(root: Roots, sequencer: Sequencer, edit: AddMessage) -> Change | None:
    if edit.id in root(MESSAGES):
        return None
    if edit.supersedes is not None and sequencer.spot(edit.supersedes) is None:
        raise Refusal("there is no message that it could supersede")
    message: dict[str, object] = {
        "role": edit.role,
        "author": {key: value for key, value in msgspec.to_builtins(edit.author).items() if value},
        "created_at": float(edit.created_at),
        "status": "complete",
    }
    if edit.metadata is not None:
        message["metadata"] = _value(edit.metadata)
    if edit.supersedes is not None:
        message[SUPERSEDES] = edit.supersedes
    parts = [_part(part) for part in edit.parts]

    def change(root: Roots) -> Touched:
        shared = {str(index): _shared(part) for index, part in enumerate(parts)}
        root(MESSAGES)[edit.id] = Map({**message, "parts": Map(shared)})
        return Touched(messages={edit.id: None})

    return change


def _part(part: NewPart) -> dict[str, object]:
    value = _value(part.value)
    if not isinstance(value, dict):
        raise Refusal("a part of a message is an object")
    return {**value, "type": part.type}


def _shared(part: dict[str, object]) -> "Map[object]":
    text = part.get("text")
    if part["type"] == "text" and isinstance(text, str):
        return Map({"state": "done", **part, "text": Text(text)})
    return Map(part)


def _set_session(root: Roots, edit: SetSession) -> Change | None:
    fields: dict[str, object] = {}
    if edit.title is not None:
        fields[TITLE] = edit.title
    if edit.settings is not None:
        fields[SETTINGS] = _value(edit.settings)
    session = root(SESSION)
    changed = {key: value for key, value in fields.items() if session.get(key) != value}
    if not changed:
        return None

    def change(root: Roots) -> Touched:
        for key, value in changed.items():
            root(SESSION)[key] = value
        return Touched(session=True)

    return change


def _value(raw: JsonValue) -> object:
    try:
        return _storable(msgspec.json.decode(raw), MAX_DEPTH)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refusal("a value is no JSON") from error


def _storable(value: object, levels: int) -> object:
    """Gives JSON as JavaScript has it: an int would be a BigInt there."""
    match value:
        case dict() | list() if levels == 0:
            raise Refusal("a value is nested too deeply")
        case dict():
            return {key: _storable(item, levels - 1) for key, item in value.items()}
        case list():
            return [_storable(item, levels - 1) for item in value]
        case int() if not isinstance(value, bool):
            return float(value)
        case _:
            return value
