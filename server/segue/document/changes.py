"""What followers of a document are told: typed changes, and new text alone where only that came.

`message.created` comes once for a message at most. Of one that changed while a follower was catching up
`message.updated` may be the first word: both say what the message is now, and a follower puts either.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Final

import msgspec

from segue.document.feed import Feed, Kind, Mark, Subject
from segue.document.views import (
    Change,
    Changes,
    EntryChange,
    MessageGone,
    MessageView,
    Seen,
    TextDelta,
    ViewChanges,
)

MAX_BYTES: Final = 256 << 10
"""Beyond this an answer ends with the change under way, so that a slow follower costs no more."""

_TYPES: Final = {
    Kind.RUN: "run.updated",
    Kind.CONTEXT: "context.updated",
    Kind.SESSION: "session.updated",
}

Look = Callable[[Subject], object]
"""Gives a subject as it is now: a `MessageView`, a `SessionView`, a JSON object, or None."""


def changes(feed: Feed, look: Look, asked: ViewChanges) -> Changes:
    """Gives what changed behind a mark; O(what changed, however long the conversation is)."""
    if asked.since is None:
        return Changes([], feed.now, has_more=False)
    told: list[Change] = []
    until: Mark = min(asked.since, feed.now)
    size = 0
    for mark, subject, is_new in feed.since(asked.since):
        if len(told) >= asked.limit or size > MAX_BYTES:
            return Changes(told, until, has_more=True)
        change = _change(mark, subject, look(subject), asked.seen, is_new=is_new)
        if change is not None:
            told.append(change)
            size += len(bytes(change.data))
        until = mark
    return Changes(told, until, has_more=False)


def _change(
    mark: Mark, subject: Subject, value: object, seen: dict[str, Seen], *, is_new: bool
) -> Change | None:
    kind, key = subject
    match kind:
        case Kind.MESSAGE if isinstance(value, MessageView):
            return _message(mark, value, seen.get(key), is_new=is_new)
        case Kind.MESSAGE:
            # Who never heard of it need not hear that it is gone.
            return None if is_new else _of(mark, "message.deleted", MessageGone(key), key)
        case Kind.SESSION:
            return _of(mark, _TYPES[kind], value)
        case _:
            entry = value if isinstance(value, dict) else None
            return _of(mark, _TYPES[kind], EntryChange(key, entry), key)


def _message(mark: Mark, view: MessageView, seen: Seen | None, *, is_new: bool) -> Change | None:
    text = _text_under_way(view)
    if text is None:
        return _of(mark, "message.created" if is_new else "message.updated", view, view.id)
    now = Seen(len(text), _hash(view, len(text)))
    if now == seen:
        return None
    if seen is not None and seen.length < len(text) and _hash(view, seen.length) == seen.whole:
        delta = TextDelta(view.id, len(view.parts) - 1, seen.length, text[seen.length :])
        return _of(mark, "message.delta", delta, view.id, now)
    return _of(mark, "message.created" if is_new else "message.updated", view, view.id, now)


def _text_under_way(view: MessageView) -> str | None:
    text = view.parts[-1].get("text") if view.parts and view.status == "streaming" else None
    return text if isinstance(text, str) else None


def _hash(view: MessageView, length: int) -> str:
    """Stands for all of a message but what follows the first `length` characters of its last text."""
    *others, last = view.parts
    cut = msgspec.structs.replace(
        view, parts=[*others, {**last, "text": str(last["text"])[:length]}]
    )
    return blake2b(_json(cut), digest_size=8).hexdigest()


def _of(mark: Mark, kind: str, data: object, key: str = "", seen: Seen | None = None) -> Change:
    return Change(mark, kind, msgspec.Raw(_json(data)), key, seen)


def _json(value: object) -> bytes:
    return msgspec.json.encode(value, order="deterministic")  # that of the CRDT changes
