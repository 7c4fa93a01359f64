"""What a program outside the server writes into a session, as changes of its roots."""

from collections.abc import Callable, Mapping

import msgspec
from pycrdt import Map, Text

from segue.document.content import Refusal
from segue.document.crdt import Roots
from segue.document.edits import Author
from segue.document.schema import MESSAGES, REQUESTS, SESSION
from segue.document.values import stored_value
from segue.errors import InvalidRequest

LocalChange = Callable[[Roots], None]


def add_message(
    message: str,
    role: str,
    author: Author,
    created_at: int,
    text: str,
    metadata: Mapping[str, object] | None,
) -> LocalChange:
    """Adds a whole message."""
    kept = None if metadata is None else _json(metadata)

    def change(root: Roots) -> None:
        value = _message(role, author, created_at, "complete", text)
        if kept is not None:
            value["metadata"] = kept
        root(MESSAGES)[message] = Map(value)

    return change


def start_answer(message: str, role: str, author: Author, created_at: int) -> LocalChange:
    """Adds an empty message that is being written."""

    def change(root: Roots) -> None:
        value = _message(role, author, created_at, "streaming", "")
        root(MESSAGES)[message] = Map(value)

    return change


def put_entry(root_name: str, key: str, entry: Mapping[str, object]) -> LocalChange:
    """Sets what is known under a key: `value`, `source`, `by`, `observed_at`, `max_age`."""
    stored = _json(entry)

    def change(root: Roots) -> None:
        root(root_name)[key] = stored

    return change


def remove_entry(root_name: str, key: str) -> LocalChange:
    """Removes what is known under a key, if anything is."""

    def change(root: Roots) -> None:
        if key in root(root_name):
            del root(root_name)[key]

    return change


def add_request(request: str, kind: str, target: str, by: str) -> LocalChange:
    """Asks the server for something."""

    def change(root: Roots) -> None:
        root(REQUESTS)[request] = {"kind": kind, "target": target, "by": by}

    return change


def set_fields(fields: Mapping[str, object]) -> LocalChange:
    """Sets fields of the session's own."""
    stored = {key: _json(value) for key, value in fields.items()}

    def change(root: Roots) -> None:
        for key, value in stored.items():
            root(SESSION)[key] = value

    return change


class Answer:
    """A message that is being written. `write` returns at once."""

    def __init__(self, message: str, edit: Callable[[LocalChange], None]) -> None:
        self.id = message
        self._edit = edit

    def write(self, text: str) -> None:
        """Appends text."""

        def change(root: Roots) -> None:
            found = _part(root, self.id)
            if found is not None and isinstance(shown := found.get("text"), Text):
                shown += text

        if text:
            self._edit(change)

    def end(self, status: str) -> None:
        """Ends it: complete or interrupted."""

        def change(root: Roots) -> None:
            message, part = root(MESSAGES).get(self.id), _part(root, self.id)
            if isinstance(message, Map) and part is not None:
                message["status"] = status
                part["state"] = "done"

        self._edit(change)


def _part(root: Roots, message: str) -> "Map[object] | None":
    found: object = root(MESSAGES)
    for key in (message, "parts", "0"):
        found = found.get(key) if isinstance(found, Map) else None
    return found if isinstance(found, Map) else None


def _message(
    role: str, author: Author, created_at: int, status: str, text: str
) -> dict[str, object]:
    state = "done" if status == "complete" else "streaming"
    part = Map({"type": "text", "text": Text(text), "state": state})
    return {
        "role": role,
        "author": {key: value for key, value in msgspec.to_builtins(author).items() if value},
        "created_at": float(created_at),
        "status": status,
        "parts": Map({"0": part}),
    }


def _json(value: object) -> object:
    try:
        return stored_value(msgspec.json.encode(value))
    except (TypeError, Refusal, UnicodeEncodeError, msgspec.EncodeError) as error:
        raise InvalidRequest(f"The value can't be kept: {error}. Give plain JSON.") from error
