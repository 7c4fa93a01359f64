"""What the server itself writes into a session when it is asked to, as values.

The worker that holds the document makes an update of it. An edit is made for the state it meets: after
a reload it is made anew, never moved. Each can be repeated: what is there already is no news.
"""

from typing import Final

import msgspec

from segue.document.steps import JsonValue, Step
from segue.ids import DeviceId, UserId

MAX_TITLE: Final = 200
"""Characters of a session's title."""


class Author(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who wrote a message. `kind` is "user" or "agent"."""

    kind: str
    id: UserId
    device: DeviceId = DeviceId("")
    name: str = ""


class NewPart(msgspec.Struct, frozen=True):
    """A part of a new message: a text, or a value of any other type that is kept as it is.

    `value` is a JSON object with a `type`; a part of type "text" has its `text` merged as a Y.Text.
    """

    type: str
    value: JsonValue


class AddMessage(msgspec.Struct, frozen=True, tag="add_message"):
    """Adds a message, complete, behind the active one; an id that is in use is no news.

    `supersedes` makes it another version of that message, in its place.
    """

    id: str
    role: str
    author: Author
    created_at: int
    parts: tuple[NewPart, ...]
    metadata: JsonValue | None = None
    supersedes: str | None = None


class SetSession(msgspec.Struct, frozen=True, tag="set_session"):
    """Sets what is not None of a session's own fields. `settings` is a JSON object."""

    title: str | None = None
    settings: JsonValue | None = None


class StartRun(msgspec.Struct, frozen=True, tag="start_run"):
    """Makes a queued run active, with `message` as its answer unless it has one already.

    `message` is new each time and names the attempt too: whoever started the run before is refused.
    """

    run: str
    message: str
    now_ms: int


class ContinueRun(msgspec.Struct, frozen=True, tag="continue_run"):
    """Takes steps in the answer of an active run, and keeps what its agent remembers or names.

    `metadata` are fields of the answer's metadata as JSON; others stay.
    `title` names a session that no person has named. `remembered` are context entries as JSON, by key.
    """

    run: str
    attempt: str
    steps: tuple[Step, ...] = ()
    remembered: dict[str, JsonValue] = {}
    forgotten: tuple[str, ...] = ()
    title: str = ""
    metadata: dict[str, JsonValue] = {}


class EndRun(msgspec.Struct, frozen=True, tag="end_run"):
    """Ends an attempt: `status` is done, error, interrupted, or suspended until people have decided.

    One that has ended, or belongs to another attempt now, is no news.
    """

    run: str
    attempt: str
    status: str
    now_ms: int
    error: str = ""


class StopRun(msgspec.Struct, frozen=True, tag="stop_run"):
    """Cancels a run; one that has ended is no news."""

    run: str


class ListSessions(msgspec.Struct, frozen=True, tag="list_sessions"):
    """Makes a home's list of sessions these, no more and no less; each a JSON object, by id."""

    sessions: dict[str, JsonValue]


class ImportedMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message of a transcript. `parent` is one before it, or None; parts and metadata are JSON.

    A part is an object; the `text` of one of type "text" or "reasoning" is merged as a Y.Text.
    """

    id: str
    role: str
    author: Author
    created_at: int
    parts: tuple[JsonValue, ...]
    status: str = "complete"
    parent: str | None = None
    supersedes: str | None = None
    run: str | None = None
    metadata: JsonValue | None = None


class ImportTranscript(msgspec.Struct, frozen=True, tag="import_transcript"):
    """Fills an empty session with a conversation, in this order; nobody answers any of it.

    `by` is who asked for it. `context` and `runs` are entries as JSON objects, by key or id; the runs
    have ended. `artifacts` say by name what is edited beside the conversation, `texts` what it holds. A
    session that has these messages already is left as it is.
    """

    by: UserId
    messages: tuple[ImportedMessage, ...]
    head: str | None = None
    title: str = ""
    settings: JsonValue | None = None
    context: dict[str, JsonValue] = {}
    runs: dict[str, JsonValue] = {}
    artifacts: dict[str, JsonValue] = {}
    texts: dict[str, str] = {}


Edit = (
    AddMessage
    | SetSession
    | ListSessions
    | StartRun
    | ContinueRun
    | EndRun
    | StopRun
    | ImportTranscript
)
