"""Puts edits of the server's into a document. Everything is checked before anything is written."""

import msgspec
from pycrdt import Map, Text

from segue.document.content import Refusal
from segue.document.conversation import Conversation
from segue.document.crdt import Roots
from segue.document.edits import (
    AddMessage,
    ContinueRun,
    Edit,
    EndRun,
    ImportTranscript,
    ListSessions,
    NewPart,
    SetSession,
    StartRun,
    StopRun,
)
from segue.document.gate import Touched
from segue.document.importing import prepare_import
from segue.document.run_writer import Change, prepare_run
from segue.document.schema import (
    MESSAGES,
    SESSION,
    SESSIONS,
    SETTINGS,
    SUPERSEDES,
    TITLE,
)
from segue.document.values import stored_value


def prepare(root: Roots, conversation: Conversation, edit: Edit) -> Change | None:
    """Gives how an edit is made in a document as it is now; None if there is nothing to change.

    Raises:
        Refusal: it can't be made.
    """
    match edit:
        case AddMessage():
            return _add_message(root, conversation, edit)
        case SetSession():
            return _set_session(root, edit)
        case ListSessions():
            return _list_sessions(root, edit)
        case ImportTranscript():
            return prepare_import(root, conversation, edit)
        case StartRun() | ContinueRun() | EndRun() | StopRun():
            return prepare_run(root, conversation, edit)


def _add_message(root: Roots, conversation: Conversation, edit: AddMessage) -> Change | None:
    if edit.id in root(MESSAGES):
        return None
    if edit.supersedes is not None and conversation.sequencer.spot(edit.supersedes) is None:
        raise Refusal("there is no message that it could supersede")
    message: dict[str, object] = {
        "role": edit.role,
        "author": {key: value for key, value in msgspec.to_builtins(edit.author).items() if value},
        "created_at": float(edit.created_at),
        "status": "complete",
    }
    if edit.metadata is not None:
        message["metadata"] = stored_value(edit.metadata)
    if edit.supersedes is not None:
        message[SUPERSEDES] = edit.supersedes
    parts = [_part(part) for part in edit.parts]

    def change(root: Roots) -> Touched:
        shared = {str(index): _shared(part) for index, part in enumerate(parts)}
        root(MESSAGES)[edit.id] = Map({**message, "parts": Map(shared)})
        return Touched(messages={edit.id: None})

    return change


def _list_sessions(root: Roots, edit: ListSessions) -> Change | None:
    wanted = {session: stored_value(entry) for session, entry in edit.sessions.items()}
    listed = root(SESSIONS)
    gone = [session for session in listed.keys() if session not in wanted]
    changed = {key: value for key, value in wanted.items() if listed.get(key) != value}
    if not (gone or changed):
        return None

    def change(root: Roots) -> Touched:
        listed = root(SESSIONS)
        for session in gone:
            del listed[session]
        for session, entry in changed.items():
            listed[session] = entry
        return Touched()

    return change


def _part(part: NewPart) -> dict[str, object]:
    value = stored_value(part.value)
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
        fields[SETTINGS] = stored_value(edit.settings)
    session = root(SESSION)
    changed = {key: value for key, value in fields.items() if session.get(key) != value}
    if not changed:
        return None

    def change(root: Roots) -> Touched:
        for key, value in changed.items():
            root(SESSION)[key] = value
        return Touched(session=True)

    return change
