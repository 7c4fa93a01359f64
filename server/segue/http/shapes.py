"""The shapes of what the API takes and gives. A field that isn't listed is refused, not ignored."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from segue.auth.grants import Role
from segue.conversation.sessions import SessionState
from segue.document.edits import MAX_TITLE
from segue.document.kept import MAX_INTEGER
from segue.document.views import MAX_PAGE
from segue.ids import ID_PATTERN
from segue.storage.ports import ListedSession

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Id = Annotated[str, Meta(pattern=ID_PATTERN)]
Title = Annotated[str, Meta(max_length=MAX_TITLE)]
Limit = Annotated[int, Meta(ge=1, le=MAX_PAGE)]
Millis = Annotated[int, Meta(description="Milliseconds since 1970.")]
Object = dict[str, object]


class CreateSession(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session to create. Without an `id` it gets a UUIDv7."""

    id: Id | UnsetType = UNSET
    title: Title = ""
    settings: Object | UnsetType = UNSET


class ChangeSession(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to set of a session; at least one. `settings` replaces all settings."""

    title: Title | UnsetType = UNSET
    settings: Object | UnsetType = UNSET


class AddMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message to add: `text`, or `parts` with a `type` each (a "text" has its text in `text`).

    `supersedes` makes it another version of that message. "agent" is another word for "assistant".
    """

    text: str | UnsetType = UNSET
    parts: Annotated[list[Object], Meta(min_length=1)] | UnsetType = UNSET
    role: Literal["user", "assistant", "system", "agent"] | UnsetType = UNSET
    id: Id | UnsetType = UNSET
    supersedes: Id | UnsetType = UNSET
    metadata: Object | UnsetType = UNSET


class SessionsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which sessions. `before`: the `next` of the page before."""

    before: str | UnsetType = UNSET
    limit: Limit = 50


class MessagesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which messages: the last `limit` with a `seq` below `before`."""

    before: Annotated[int, Meta(ge=0, le=MAX_INTEGER)] | UnsetType = UNSET
    limit: Limit = 50


class SessionItem(msgspec.Struct, frozen=True):
    """A session in a list. `role` is what the token may do in it."""

    id: str
    title: str
    role: Role
    last_seq: int
    created_at: Millis
    last_active_at: Millis


class SessionsPage(msgspec.Struct, frozen=True):
    """Sessions, the one with the newest activity first. `next` is null on the last page."""

    sessions: Sequence[SessionItem]
    next: str | None


class Session(SessionItem, frozen=True):
    """A session. `head` is the id of the last message on the active path."""

    head: str | None
    settings: Mapping[str, object]


def item(row: ListedSession) -> SessionItem:
    """Shows a row."""
    return SessionItem(
        row.document,
        row.title,
        row.role,
        row.last_seq,
        millis(row.created_at),
        millis(row.last_active_at),
    )


def session(state: SessionState) -> Session:
    """Shows a session; what its document says of itself is newer than the row."""
    row, content = state.row, state.content
    return Session(
        row.document,
        content.title,
        row.role,
        content.last_seq,
        millis(row.created_at),
        millis(row.last_active_at),
        content.head,
        content.settings,
    )


def millis(time: datetime) -> Millis:
    """Shows a time."""
    return (time - _EPOCH) // timedelta(milliseconds=1)
