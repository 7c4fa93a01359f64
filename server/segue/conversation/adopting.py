"""From what a file says to what becomes true here: ids, authors and ends that nobody has to believe.

- Who imports is the author: as a user, and of what assistants said as an agent. Whom the file names is
  kept as data, in the message's metadata as `imported_author`, and of an entry as `imported_by`. So
  nobody can have somebody else say what they didn't.
- Messages keep their ids where these can be ones, or get new ones, the same each time.
- Nothing is under way in a file: what is still being written there is interrupted, a tool call without
  a result has none, a run has ended.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from msgspec import UnsetType

from segue.document.edits import Author, ImportedMessage, ImportTranscript
from segue.document.steps import JsonValue
from segue.document.tools import closed
from segue.errors import InvalidTranscript
from segue.ids import UserId, session_id
from segue.transcripts.model import Draft, JsonObject, Transcript

IMPORTED_AUTHOR: Final = "imported_author"
IMPORTED_BY: Final = "imported_by"

_ENDED: Final = frozenset(("complete", "cancelled", "interrupted", "error"))
_CUT_OFF: Final = frozenset(("streaming", "suspended"))
_RUN_ENDED: Final = frozenset(("done", "error", "cancelled", "interrupted"))
_RUN_TEXTS: Final = ("agent", "error")
_RUN_TIMES: Final = ("started_at", "ended_at")
_NO_RESULT: Final = "There is no result: the conversation was exported before it came."


class Adoption:
    """Makes an edit of a transcript, once, for one importer. `name` gives the id of a message by its number."""

    def __init__(
        self, transcript: Transcript, importer: Author, name: Callable[[int], str]
    ) -> None:
        self._transcript = transcript
        self._importer = importer
        self._ids: dict[str, str] = {}
        self._name = name

    def edit(self, now_ms: int) -> ImportTranscript:
        """Gives the edit; what has no time of its own is from now.

        Raises:
            InvalidTranscript: an id comes twice, or a parent isn't there before its child.
        """
        found = self._transcript
        messages: list[ImportedMessage] = []
        for number, draft in enumerate(found.messages):
            parent = self._parent(draft, messages)
            messages.append(self._message(number, draft, parent, now_ms))
        return ImportTranscript(
            by=self._importer.id,
            messages=tuple(messages),
            head=self._ids.get(found.head or ""),
            title=found.title,
            settings=None if found.settings is None else _json(found.settings),
            context={key: _json(self._entry(entry)) for key, entry in found.context.items()},
            runs=self._runs(),
            artifacts={name: _json(about) for name, (about, _) in found.artifacts.items()},
            texts={name: text for name, (_, text) in found.artifacts.items()},
        )

    def _message(
        self, number: int, draft: Draft, parent: str | None, now_ms: int
    ) -> ImportedMessage:
        name = self._new_id(number, draft)
        author, metadata = self._author(draft)
        status = draft.status if draft.status in _ENDED else "complete"
        return ImportedMessage(
            id=name,
            role="assistant" if draft.role == "agent" else draft.role,
            author=author,
            created_at=now_ms if draft.created_at is None else draft.created_at,
            parts=tuple(_json(_ended(part)) for part in draft.parts),
            status="interrupted" if draft.status in _CUT_OFF else status,
            parent=parent,
            supersedes=self._ids.get(draft.supersedes or ""),
            run=self._run_id(draft.run),
            metadata=None if metadata is None else _json(metadata),
        )

    def _new_id(self, number: int, draft: Draft) -> str:
        name = draft.id if draft.id is not None and session_id(draft.id) else self._name(number)
        given = name if draft.id is None else draft.id
        if given in self._ids:
            raise InvalidTranscript(f"{draft.where} has the id of a message before it. Change one.")
        self._ids[given] = name
        return name

    def _parent(self, draft: Draft, before: list[ImportedMessage]) -> str | None:
        if isinstance(draft.parent, UnsetType):
            return before[-1].id if before else None
        if draft.parent is None:
            return None
        if draft.parent not in self._ids:
            raise InvalidTranscript(
                f"{draft.where} has a parent that is no message before it. "
                "Put the parent first, or leave `parent` out."
            )
        return self._ids[draft.parent]

    def _author(self, draft: Draft) -> tuple[Author, object]:
        """Gives who the author is here, and metadata that says who it is in the file."""
        is_agents = draft.role in ("assistant", "agent")
        author = (
            Author("agent", self._importer.id, name="assistant") if is_agents else self._importer
        )
        named, metadata = draft.author, draft.metadata
        if named is None or (named.get("kind"), named.get("id")) == (author.kind, author.id):
            return author, metadata
        if metadata is None:
            return author, {IMPORTED_AUTHOR: named}
        # Metadata that is no object has no room for it. What was imported before stays as it was.
        return author, {IMPORTED_AUTHOR: named, **metadata} if isinstance(
            metadata, dict
        ) else metadata

    def _entry(self, entry: JsonObject) -> JsonObject:
        by = entry.get("by")
        if by == self._importer.id:
            return entry
        return {IMPORTED_BY: by, **entry, "by": self._importer.id}

    def _run_id(self, run: str | None) -> str | None:
        if run is None or run not in self._transcript.runs:
            return None
        return self._ids.get(run) or (run if session_id(run) else None)

    def _runs(self) -> dict[str, JsonValue]:
        runs: dict[str, JsonValue] = {}
        for run, value in self._transcript.runs.items():
            name, reply_to = self._run_id(run), self._ids.get(_text(value, "reply_to"))
            if name is not None and reply_to is not None:
                runs[name] = _json({**self._outcome(value), "reply_to": reply_to})
        return runs

    def _outcome(self, run: JsonObject) -> JsonObject:
        status = _text(run, "status")
        outcome: JsonObject = {"status": status if status in _RUN_ENDED else "interrupted"}
        outcome.update((key, run[key]) for key in _RUN_TEXTS if isinstance(run.get(key), str))
        outcome.update((key, run[key]) for key in _RUN_TIMES if isinstance(run.get(key), int))
        if answer := self._ids.get(_text(run, "message")):
            outcome["message"] = answer
        return {"agent": "", **outcome}


def _ended(part: JsonObject) -> JsonObject:
    match part.get("type"):
        case "tool":
            return _ended_call(part)
        case "text" | "reasoning" if part.get("state") == "streaming":
            return {**part, "state": "done"}
        case _:
            return part


def _ended_call(call: JsonObject) -> JsonObject:
    if call.get("state") == "input-streaming":
        call = {**call, "state": "input-available"}
    if not isinstance(call.get("tool_call_id"), str):
        # Nobody could decide about it, nor any agent go on with it.
        call = {**call, "tool_call_id": ""}
    return closed(call, _NO_RESULT)


def _text(value: Mapping[str, object], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _json(value: object) -> JsonValue:
    return msgspec.json.encode(value)


def importer_of(user: UserId, name: str) -> Author:
    """Gives who imports, as an author."""
    return Author("user", user, name=name)
