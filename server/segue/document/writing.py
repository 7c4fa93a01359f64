"""What a program outside the server writes into a session, as changes of its roots.

Made once more, in a copy that holds them already, they do nothing: see `client.unsaved`.
"""

from collections.abc import Callable, Mapping, Sequence

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
    parts: Sequence[Mapping[str, object]],
    metadata: Mapping[str, object] | None,
) -> LocalChange:
    """Adds a whole message; of `parts` those of type "text" are written as texts."""
    stored = [part if part.get("type") == "text" else _plain(part) for part in parts]
    kept = None if metadata is None else _json(metadata)

    def change(root: Roots) -> None:
        if message in root(MESSAGES):
            return
        value = _message(role, author, created_at, "complete", stored)
        if kept is not None:
            value["metadata"] = kept
        root(MESSAGES)[message] = Map(value)

    return change


def start_answer(message: str, role: str, author: Author, created_at: int) -> LocalChange:
    """Adds an empty message that is being written."""

    def change(root: Roots) -> None:
        if message in root(MESSAGES):
            return
        value = _message(role, author, created_at, "streaming", [{"type": "text", "text": ""}])
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
        if request not in root(REQUESTS):
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
        encoded = text.encode()
        at: int | None = None

        def change(root: Roots) -> None:
            nonlocal at
            found = _part(root, self.id)
            if found is not None and isinstance(shown := found.get("text"), Text):
                at = len(shown) if at is None else at  # in bytes of UTF-8
                shown += encoded[max(0, len(shown) - at) :].decode()

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
    role: str,
    author: Author,
    created_at: int,
    status: str,
    parts: Sequence[Mapping[str, object]],
) -> dict[str, object]:
    state = "done" if status == "complete" else "streaming"
    return {
        "role": role,
        "author": {key: value for key, value in msgspec.to_builtins(author).items() if value},
        "created_at": float(created_at),
        "status": status,
        "parts": Map({str(index): _part_of(part, state) for index, part in enumerate(parts)}),
    }


def _part_of(part: Mapping[str, object], state: str) -> "Map[object]":
    if part.get("type") != "text":
        return Map(dict(part))
    return Map({"type": "text", "text": Text(str(part.get("text"))), "state": state})


def _plain(part: Mapping[str, object]) -> Mapping[str, object]:
    stored = _json(part)
    assert isinstance(stored, dict)  # for it was one
    return stored


def _json(value: object) -> object:
    try:
        return stored_value(msgspec.json.encode(value))
    except (TypeError, Refusal, UnicodeEncodeError, msgspec.EncodeError) as error:
        raise InvalidRequest(f"The value can't be kept: {error}. Give plain JSON.") from error
