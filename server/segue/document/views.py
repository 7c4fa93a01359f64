"""What can be read of a session without speaking Yjs: questions, and the shapes of their answers.

The worker that holds the document answers with JSON. What is in a document is its members' data:
fields that don't have the type promised here are left out or replaced by the default.
"""

from typing import Final

import msgspec

from segue.document.edits import Author

MAX_PAGE: Final = 200


class ViewMessages(msgspec.Struct, frozen=True, tag="messages"):
    """Asks for the last `limit` messages of the active path with a `seq` below `before`."""

    limit: int
    before: int | None = None


class ViewMessage(msgspec.Struct, frozen=True, tag="message"):
    """Asks for one message, wherever in the tree it is; answered by a `MessageView` or null."""

    id: str


class ViewSession(msgspec.Struct, frozen=True, tag="session"):
    """Asks for a session's own fields; answered by a `SessionView`."""


class ViewTurn(msgspec.Struct, frozen=True, tag="turn"):
    """Asks for what the agent of a run is given; answered by a `TurnView`, or null without the run."""

    run: str


class ViewRun(msgspec.Struct, frozen=True, tag="run"):
    """Asks for a run; answered by a `RunView`, or null."""

    id: str


class ViewHistory(msgspec.Struct, frozen=True, tag="history"):
    """Asks for messages of all versions with a `seq` above `after`, oldest first; some of them.

    Answered by a `HistoryPage` of at least one, and beyond that of about `max_bytes` at most.
    """

    after: int
    max_bytes: int = 1 << 20


class ViewRecord(msgspec.Struct, frozen=True, tag="record"):
    """Asks for what a session holds beside its messages; answered by a `RecordView`."""


class ViewProfile(msgspec.Struct, frozen=True, tag="profile"):
    """Asks a home for what is known of its user; answered by entries as in a session's context."""


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """A message as a follower was told it last: so many characters of text, and a hash of the whole."""

    length: int
    whole: str


class ViewChanges(msgspec.Struct, frozen=True, tag="changes"):
    """Asks for what changed behind a mark (see `feed`), at most `limit` changes; None: nothing yet.

    Of messages that were `seen` only new text is told, where nothing else of them changed.
    """

    since: tuple[int, str] | None
    limit: int
    seen: dict[str, Seen] = {}


View = (
    ViewMessages
    | ViewMessage
    | ViewSession
    | ViewTurn
    | ViewRun
    | ViewHistory
    | ViewRecord
    | ViewProfile
    | ViewChanges
)


class MessageView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message. `created_at` is in milliseconds since 1970.

    `status` is sending, queued, streaming, suspended, complete, cancelled, interrupted or error. `parts` are JSON
    objects with a `type`; texts are plain strings in `text`. `versions` are the ids of all messages in
    its place, oldest first, where there are several.
    """

    id: str
    role: str
    author: Author
    created_at: int
    seq: int | None
    parent: str | None
    status: str
    parts: list[dict[str, object]]
    supersedes: str | None = None
    run: str | None = None
    metadata: object = None
    versions: list[str] = []


class MessagesPage(msgspec.Struct, frozen=True):
    """A part of the active path, oldest first. `has_more`: there are older ones before it.

    The last page ends with what waits in line, without a `seq`, in addition.
    """

    messages: list[MessageView]
    has_more: bool


class HistoryPage(msgspec.Struct, frozen=True):
    """Messages of all versions by `seq`, without their `versions`. `active`: the ids on the active path.

    The last page ends with what has no `seq` yet, in addition.
    """

    messages: list[MessageView]
    active: list[str]
    has_more: bool


class RecordView(msgspec.Struct, frozen=True):
    """A session's context and runs: entries by key, and by id.

    `artifacts` are what is edited beside the conversation, by name: {title, kind, text}.
    """

    context: dict[str, dict[str, object]]
    runs: dict[str, dict[str, object]]
    artifacts: dict[str, dict[str, object]] = {}


class SessionView(msgspec.Struct, frozen=True):
    """A session's own fields. `last_seq` counts its messages, versions and withdrawn ones included."""

    title: str
    head: str | None
    last_seq: int
    settings: dict[str, object]


class RunView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run: `agent` answers the message `reply_to` with `message`.

    `status` is queued, active, suspended, done, error, cancelled or interrupted; `waiting_for` are the
    tool calls that people have to decide.
    """

    id: str
    agent: str
    status: str
    reply_to: str
    message: str | None = None
    error: str = ""
    waiting_for: list[str] = []


class TurnView(msgspec.Struct, frozen=True):
    """What the agent of a run is given: the path to the message to be answered, and what is known.

    `parts` and `metadata` are what its answer already holds; `started_at` is when the run last began, in milliseconds
    since 1970.
    """

    history: list[MessageView]
    context: dict[str, dict[str, object]]
    title: str
    parts: list[dict[str, object]]
    started_at: int
    metadata: object = None


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One subject as it is now. `data` is a `MessageView`, a `TextDelta`, or the change of an entry.

    `seen` is what to ask with next time, of a message whose text is still being written.
    """

    mark: tuple[int, str]
    type: str
    data: msgspec.Raw
    id: str = ""
    seen: Seen | None = None


class Changes(msgspec.Struct, frozen=True):
    """Changes in their order. `until` is the mark to go on from."""

    changes: list[Change]
    until: tuple[int, str]
    has_more: bool


class TextDelta(msgspec.Struct, frozen=True):
    """Text that was appended to part `part` of message `id`, behind its first `at` characters."""

    id: str
    part: int
    at: int
    text: str


class EntryChange(msgspec.Struct, frozen=True):
    """An entry of the context or a run, by its key or id; null when it is gone."""

    id: str
    value: dict[str, object] | None


class MessageGone(msgspec.Struct, frozen=True):
    """A message that was taken back."""

    id: str
