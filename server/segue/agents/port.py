"""The agent port: what an agent is given for one answer, and what it may do with it.

An agent is pure with respect to the session: it sees a `Turn`, never the document, and asks for
changes as events. Who runs it applies them in order and makes them durable.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


@dataclass(frozen=True, slots=True)
class TextPart:
    """A text, or what an agent thought (`is_reasoning`)."""

    text: str
    is_reasoning: bool = False


@dataclass(frozen=True, slots=True)
class ToolPart:
    """A tool call and what came of it.

    `state` is `input-available`, `approval-requested`, `approval-responded` (a yes), or one of the ends:
    `output-available`, `output-error`, `output-denied`. `reason` is what a person said with their decision.
    """

    id: str
    name: str
    args: Mapping[str, Json]
    state: str
    output: Json = None
    error_text: str = ""
    reason: str = ""

    @property
    def has_ended(self) -> bool:
        """Tells whether nothing follows any more."""
        return self.state.startswith("output-")


@dataclass(frozen=True, slots=True)
class OtherPart:
    """A part of any other type, as it stands in the document."""

    value: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file that a message names. All of it is what its writer says: look at the bytes before use."""

    ref: str
    media_type: str
    name: str
    size: int


Part: TypeAlias = TextPart | FilePart | ToolPart | OtherPart


class TurnFiles(Protocol):
    """The files of the turn's session."""

    async def read(self, ref: str, max_bytes: int) -> bytes | None:
        """Gives a file's bytes; None: there is none any more, or it has more than `max_bytes`.

        Raises:
            StorageUnavailable: it can't be read now.
        """
        ...


class NoFiles:
    """Where no session is behind the turn."""

    async def read(self, ref: str, max_bytes: int) -> bytes | None:
        """Gives nothing."""
        return None


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
    parts: tuple[Part, ...] = ()


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
    parts: tuple[Part, ...] = ()
    """What the answer already holds, if it goes on: after a crash, or after people decided."""
    metadata: Mapping[str, Json] = field(default_factory=dict)
    """What the answer's metadata already hold."""
    files: TurnFiles = field(default_factory=NoFiles)
    """What the `FilePart`s of the history name."""

    @property
    def written(self) -> str:
        """The texts that the answer already holds; empty for a fresh one."""
        texts = [p.text for p in self.parts if isinstance(p, TextPart) and not p.is_reasoning]
        return "".join(texts)

    def call(self, id: str) -> ToolPart | None:
        """Gives a tool call that the answer already holds."""
        calls = (part for part in self.parts if isinstance(part, ToolPart) and part.id == id)
        return next(calls, None)


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


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """Appends `text`, never empty, to what the agent shows of its thoughts."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """Adds a call to the answer; `id` is unique in the answer. It says nothing about who runs it."""

    id: str
    name: str
    args: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class ToolStart:
    """Says that the agent is about to run a call's tool: durable when the agent gets on.

    So a tool runs at most once. A call that a crash cuts off here comes back as `output-error`, unless
    it `is_repeatable`: then it comes back as it was, and may be started again.
    """

    id: str
    is_repeatable: bool = False


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """Gives the result of a call."""

    id: str
    output: Json


@dataclass(frozen=True, slots=True)
class ToolError:
    """Says why a call has no result; people and the model read it."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class AskApproval:
    """Has people decide whether a call's tool may run. Then the agent ends its turn.

    It is called again with the decision in `turn.parts`, once everything asked for is decided.
    """

    id: str


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Has a person give a call's result; otherwise as `AskApproval`."""

    id: str


@dataclass(frozen=True, slots=True)
class Source:
    """Adds a source that the answer draws on."""

    url: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Data:
    """Adds data that a page knows how to show, by its `name`."""

    name: str
    data: Json


@dataclass(frozen=True, slots=True)
class Metadata:
    """Sets one field of the answer's metadata, which pages may show: `usage`, `model`..."""

    key: str
    value: Json


ToolEvent: TypeAlias = ToolStart | ToolOutput | ToolError | AskApproval | AskPerson
PartEvent: TypeAlias = TextDelta | ReasoningDelta | ToolCall | ToolEvent | Source | Data
Event: TypeAlias = PartEvent | Metadata | Remember | Forget | Title
"""What an agent may do. Whoever handles events matches all of them, so that a new kind can't be missed."""


class Agent(Protocol):
    """A program that answers. One instance serves all sessions at once and keeps nothing between turns.

    If it has `async def aclose()`, that is called at the end of the node.
    """

    @property
    def name(self) -> str:
        """Its id and display name in the session."""
        ...

    def respond(self, turn: Turn) -> AsyncIterator[Event]:
        """Gives the answer to the last message of `turn.history`, event by event, as it comes to be.

        An async generator. It ends when the answer is complete; events are applied in the order given.
        With `turn.parts` it gives only what follows those. It may be given the same turn again
        after a crash, with some of its events applied already, so events are written to be repeatable.

        It is stopped by cancelling the task that awaits it or by `aclose()`, at any await: it lets go
        of what it holds (a model's HTTP stream) and re-raises. What it gave before stays.

        Raises:
            Exception: the answer failed; the exception's text is shown to people. Text already given stays.
        """
        ...
