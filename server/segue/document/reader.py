"""Answers views from a document. Total: whatever members wrote, it gives the promised shapes."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import msgspec
from pycrdt import Array, Map, Text

from segue.document.changes import changes
from segue.document.conversation import Conversation, title_of
from segue.document.crdt import Roots
from segue.document.edits import Author
from segue.document.feed import Feed, Kind, Subject
from segue.document.runs import run_at
from segue.document.schema import (
    ARTIFACTS,
    CONTEXT,
    MESSAGES,
    PROFILE,
    RUNS,
    SESSION,
    SETTINGS,
    SUPERSEDES,
)
from segue.document.views import (
    MAX_PAGE,
    HistoryPage,
    MessagesPage,
    MessageView,
    RecordView,
    RunView,
    SessionView,
    TurnView,
    View,
    ViewChanges,
    ViewHistory,
    ViewMessage,
    ViewMessages,
    ViewProfile,
    ViewRecord,
    ViewRun,
    ViewSession,
    ViewTurn,
)
from segue.ids import DeviceId, UserId

_STATUSES: Final = frozenset(
    ("streaming", "suspended", "complete", "cancelled", "interrupted", "error")
)
_SCALARS: Final = (bool, int, float, str, bytes)
_MAX_EXACT: Final = 1 << 53


def answer(
    root: Roots,
    conversation: Conversation,
    feed: Feed,
    view: View,
    texts: Callable[[], Mapping[str, str]] = dict,
) -> bytes:
    """Gives the JSON that answers a view. `texts` gives those of artifacts, by name."""
    found: object = None
    match view:
        case ViewMessages(limit, before):
            found = _page(root, conversation, before, limit)
        case ViewMessage(id):
            found = _message(root, conversation, id)
        case ViewSession():
            found = _session(root, conversation)
        case ViewTurn(run):
            found = _turn(root, conversation, run)
        case ViewRun(id):
            found = _run(root, id)
        case ViewHistory():
            found = _history_page(root, conversation, view)
        case ViewRecord():
            found = RecordView(
                _entries(root, CONTEXT), _entries(root, RUNS), _artifacts(root, texts)
            )
        case ViewProfile():
            found = _entries(root, PROFILE)
        case ViewChanges():
            found = changes(feed, partial(subject, root, conversation), view)
    return msgspec.json.encode(found, order="deterministic")  # that of the CRDT changes


def plain(value: object) -> object:
    """Gives what stands in a document as JSON: texts as strings, whole numbers as such.

    The types of editors are left out: what they hold is no JSON. In a Y.Array they are text, and bytes
    lists of numbers.
    """
    match value:
        case Map() | dict():
            return {str(key): plain(value[key]) for key in value.keys()}
        case Array():
            # Item by item each would be looked for from the beginning: O(items squared), for minutes.
            return plain(msgspec.json.decode(str(value)))
        case list():
            return [plain(item) for item in value]
        case Text():
            return str(value)
        case float() if value.is_integer() and abs(value) <= _MAX_EXACT:
            return int(value)
        case _:
            return value if isinstance(value, _SCALARS) else None


def _page(root: Roots, conversation: Conversation, before: int | None, limit: int) -> MessagesPage:
    ids = conversation.sequencer.path(before, min(max(limit, 1), MAX_PAGE) + 1)
    page = ids[-min(max(limit, 1), MAX_PAGE) :]
    shown = page if before is not None else [*page, *_in_line(root, conversation)]
    views = [_message(root, conversation, message) for message in shown]
    return MessagesPage([view for view in views if view is not None], len(ids) > len(page))


def _history_page(root: Roots, conversation: Conversation, view: ViewHistory) -> HistoryPage:
    sequencer = conversation.sequencer
    waiting = [*sequencer.after(view.after)]
    page: list[MessageView] = []
    size = taken = 0
    for message in waiting:
        shown = _message(root, conversation, message, has_versions=False)
        if shown is not None:
            page.append(shown)
            size += len(msgspec.json.encode(shown))
        taken += 1
        if size >= view.max_bytes:
            break
    has_more = taken < len(waiting)
    if not has_more:
        unplaced = dict.fromkeys((*_in_line(root, conversation), *sequencer.unseen))
        views = [_message(root, conversation, message) for message in unplaced]
        page += [shown for shown in views if shown is not None]
    active = set(sequencer.path(None, sys.maxsize))
    return HistoryPage(page, [each.id for each in page if each.id in active], has_more)


def _in_line(root: Roots, conversation: Conversation) -> list[str]:
    runs = [run_at(root, run) or {} for run in conversation.runs.open]
    asked = [_text(run.get("reply_to")) for run in runs]
    return [message for message in asked if conversation.sequencer.spot(message) is None]


def history(root: Roots, conversation: Conversation) -> list[MessageView]:
    """Gives the whole active path, oldest first, and behind it what has no place yet."""
    ids = [*conversation.sequencer.path(None, sys.maxsize), *conversation.sequencer.unseen]
    views = [_message(root, conversation, message) for message in ids]
    return [view for view in views if view is not None]


def _message(
    root: Roots, conversation: Conversation, message: str, *, has_versions: bool = True
) -> MessageView | None:
    """`has_versions`: costs the number of versions, of each of them."""
    value = plain(root(MESSAGES).get(message))
    if not isinstance(value, dict):
        return None
    spot = conversation.sequencer.spot(message)
    versions = [] if spot is None or not has_versions else conversation.sequencer.versions(message)
    status = _text(value.get("status"))
    if spot is None:
        status = "queued" if message in conversation.runs.open else "sending"
    elif status not in _STATUSES:
        status = "complete"
    return MessageView(
        id=message,
        role=_text(value.get("role")) or "user",
        author=_author(value.get("author")),
        created_at=_whole(value.get("created_at")),
        seq=spot.seq if spot else None,
        parent=spot.parent if spot else None,
        status=status,
        parts=_parts(value.get("parts")),
        supersedes=_text(value.get(SUPERSEDES)) or None,
        run=_text(value.get("run")) or None,
        metadata=value.get("metadata"),
        versions=versions if len(versions) > 1 else [],
    )


def _session(root: Roots, conversation: Conversation) -> SessionView:
    session = root(SESSION)
    settings = plain(session.get(SETTINGS))
    return SessionView(
        title=title_of(root),
        head=conversation.sequencer.head,
        last_seq=conversation.last_seq,
        settings=settings if isinstance(settings, dict) else {},
    )


def subject(root: Roots, conversation: Conversation, which: Subject) -> object:
    """Gives a subject of the feed as it is now."""
    kind, key = which
    match kind:
        case Kind.MESSAGE:
            return _message(root, conversation, key)
        case Kind.RUN:
            return plain(root(RUNS).get(key))
        case Kind.CONTEXT:
            return plain(root(CONTEXT).get(key))
        case Kind.SESSION:
            return _session(root, conversation)


def _turn(root: Roots, conversation: Conversation, run: str) -> TurnView | None:
    value = run_at(root, run)
    asked = value and value.get("reply_to")
    if not value or not isinstance(asked, str):
        return None
    path = conversation.sequencer.path_to(asked, MAX_PAGE)
    history = [_message(root, conversation, message) for message in path]
    answer = _message(root, conversation, _text(value.get("message")))
    return TurnView(
        history=[message for message in history if message is not None],
        context=_entries(root, CONTEXT),
        title=title_of(root),
        parts=answer.parts if answer else [],
        started_at=_whole(plain(value.get("started_at"))),
        metadata=answer.metadata if answer else None,
    )


def _run(root: Roots, run: str) -> RunView | None:
    value = run_at(root, run)
    if value is None:
        return None
    waiting = value.get("waiting_for")
    return RunView(
        id=run,
        agent=_text(value.get("agent")),
        status=_text(value.get("status")),
        reply_to=_text(value.get("reply_to")),
        message=_text(value.get("message")) or None,
        error=_text(value.get("error")),
        waiting_for=[_text(call) for call in waiting] if isinstance(waiting, list) else [],
    )


def _entries(root: Roots, name: str) -> dict[str, dict[str, object]]:
    entries = plain(root(name))
    if not isinstance(entries, dict):
        return {}
    return {key: entry for key, entry in entries.items() if isinstance(entry, dict)}


def _artifacts(root: Roots, texts: Callable[[], Mapping[str, str]]) -> dict[str, dict[str, object]]:
    known = _entries(root, ARTIFACTS)
    found: dict[str, dict[str, object]] = {name: {"text": ""} for name in known}
    found.update((name, {"text": text}) for name, text in texts().items())
    return {name: {**known.get(name, {}), **value} for name, value in sorted(found.items())}


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
