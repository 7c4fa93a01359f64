"""Answers views from a document. Total: whatever members wrote, it gives the promised shapes."""

from collections.abc import Mapping
from typing import Final

import msgspec
from pycrdt import Array, Map, Text

from segue.document.crdt import Roots
from segue.document.edits import MAX_TITLE, Author
from segue.document.schema import MESSAGES, SESSION, SETTINGS, SUPERSEDES, TITLE
from segue.document.sequencer import Sequencer
from segue.document.verdict import Summary
from segue.document.views import (
    MAX_PAGE,
    MessagesPage,
    MessageView,
    SessionView,
    View,
    ViewMessage,
    ViewMessages,
    ViewSession,
)
from segue.ids import DeviceId, UserId

_STATUSES: Final = frozenset(
    ("sending", "queued", "streaming", "complete", "cancelled", "interrupted", "error")
)
_SCALARS: Final = (bool, int, float, str, bytes)
_MAX_EXACT: Final = 1 << 53


def answer(root: Roots, sequencer: Sequencer, last_seq: int, view: View) -> bytes:
    """Gives the JSON that answers a view."""
    match view:
        case ViewMessages(limit, before):
            return msgspec.json.encode(_page(root, sequencer, before, limit))
        case ViewMessage(id):
            return msgspec.json.encode(_message(root, sequencer, id))
        case ViewSession():
            return msgspec.json.encode(_session(root, sequencer, last_seq))


def summary(root: Roots, last_seq: int) -> Summary:
    """Gives what lists of sessions show."""
    return Summary(_text(root(SESSION).get(TITLE))[:MAX_TITLE], last_seq)


def plain(value: object) -> object:
    """Gives what stands in a document as JSON: texts as strings, whole numbers as such.

    The types of editors are left out: what they hold is no JSON.
    """
    match value:
        case Map() | dict():
            return {str(key): plain(value[key]) for key in value.keys()}
        case Array() | list():
            return [plain(item) for item in value]
        case Text():
            return str(value)
        case float() if value.is_integer() and abs(value) <= _MAX_EXACT:
            return int(value)
        case _:
            return value if isinstance(value, _SCALARS) else None


def _page(root: Roots, sequencer: Sequencer, before: int | None, limit: int) -> MessagesPage:
    ids = sequencer.path(before, min(max(limit, 1), MAX_PAGE) + 1)
    page = ids[-min(max(limit, 1), MAX_PAGE) :]
    views = [_message(root, sequencer, message) for message in page]
    return MessagesPage([view for view in views if view is not None], len(ids) > len(page))


def _message(root: Roots, sequencer: Sequencer, message: str) -> MessageView | None:
    value = plain(root(MESSAGES).get(message))
    if not isinstance(value, dict):
        return None
    spot = sequencer.spot(message)
    versions = [] if spot is None else sequencer.versions(message)
    status = value.get("status")
    if status not in _STATUSES:
        status = "complete" if spot else "sending"
    return MessageView(
        id=message,
        role=_text(value.get("role")) or "user",
        author=_author(value.get("author")),
        created_at=_whole(value.get("created_at")),
        seq=spot.seq if spot else None,
        parent=spot.parent if spot else None,
        status=str(status),
        parts=_parts(value.get("parts")),
        supersedes=_text(value.get(SUPERSEDES)) or None,
        run=_text(value.get("run")) or None,
        metadata=value.get("metadata"),
        versions=versions if len(versions) > 1 else [],
    )


def _session(root: Roots, sequencer: Sequencer, last_seq: int) -> SessionView:
    session = root(SESSION)
    settings = plain(session.get(SETTINGS))
    return SessionView(
        title=_text(session.get(TITLE))[:MAX_TITLE],
        head=sequencer.head,
        last_seq=last_seq,
        settings=settings if isinstance(settings, dict) else {},
    )


def _parts(parts: object) -> list[dict[str, object]]:
    if isinstance(parts, Mapping):
        parts = [parts[key] for key in sorted(parts, key=_index)]
    if not isinstance(parts, list):
        return []
    return [part for part in parts if isinstance(part, dict)]


def _index(key: str) -> tuple[int, str]:
    is_number = key.isascii() and key.isdigit() and len(key) < 10
    return (int(key), "") if is_number else (1 << 31, key)


def _author(author: object) -> Author:
    if not isinstance(author, dict):
        return Author("user", UserId(""))
    return Author(
        kind="agent" if author.get("kind") == "agent" else "user",
        id=UserId(_text(author.get("id"))),
        device=DeviceId(_text(author.get("device"))),
        name=_text(author.get("name")),
    )


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | Text) else ""


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
