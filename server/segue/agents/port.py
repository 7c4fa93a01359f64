"""The agent port: what an agent is given for one answer, and what it may do with it.

An agent is pure with respect to the session: it sees a `Turn`, never the document, and asks for
changes as events. Who runs it applies them in order and makes them durable.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


@dataclass(frozen=True, slots=True)
class TurnMessage:
    """One message of the active path. `text` is its text parts joined, as its author wrote them: hostile."""

    id: str
    role: Literal["user", "assistant", "system"]
    text: str
    author: str
    """The author's display name."""
    status: str
    """As in the document: `complete`, `interrupted`, `cancelled`, `error`..."""


@dataclass(frozen=True, slots=True)
class ContextEntry:
    """One thing known. A person may have written any value under any key: check before use."""

    value: Json
    source: str
    """Where it is from: `message:{id}`, `profile`, or words of whoever wrote it."""
    by: str
    """Who wrote it. What an agent remembered itself carries that agent's `name`."""
    observed_at: float
    """In ms since 1970."""
    max_age: float | None = None
    """In ms; older than this it is stale."""


@dataclass(frozen=True, slots=True)
class TurnSession:
    """The session that the turn belongs to; `title` is empty until there is one."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Turn:
    """All that an agent gets for one answer; a copy, so it doesn't change while it answers."""

    history: tuple[TurnMessage, ...]
    """The active path, oldest first; the last one is to be answered. The answer itself is not in it."""
    context: Mapping[str, ContextEntry]
    """What is known in this session."""
    profile: Mapping[str, ContextEntry]
    """What the person's home document says about them, in any session."""
    session: TurnSession
    now_ms: int
    """When the run began, in ms since 1970; the same again when it is resumed."""
    written: str = ""
    """What an interrupted answer already holds; empty for a fresh one."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Appends `text`, never empty, to the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Remember:
    """Sets the context entry `key`, in the agent's name."""

    key: str
    value: Json
    source: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Removes the context entry `key`, if it is there."""

    key: str


@dataclass(frozen=True, slots=True)
class Title:
    """Names the session."""

    text: str


Event: TypeAlias = TextDelta | Remember | Forget | Title
"""What an agent may do. Whoever handles events matches all of them, so that a new kind can't be missed."""


class Agent(Protocol):
    """A program that answers. One instance serves all sessions at once and keeps nothing between turns."""

    @property
    def name(self) -> str:
        """Its id and display name in the session."""
        ...

    def respond(self, turn: Turn) -> AsyncIterator[Event]:
        """Gives the answer to the last message of `turn.history`, event by event, as it comes to be.

        An async generator. It ends when the answer is complete; events are applied in the order given.
        With `turn.written` it gives only what follows that text. It may be given the same turn again
        after a crash, with some of its events applied already, so events are written to be repeatable.

        It is stopped by cancelling the task that awaits it or by `aclose()`, at any await: it lets go
        of what it holds (a model's HTTP stream) and re-raises. What it gave before stays.

        Raises:
            Exception: the answer failed; the exception's text is shown to people. Text already given stays.
        """
        ...
