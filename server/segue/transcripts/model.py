"""What a file says of a conversation, before anyone has decided what of it becomes true here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from segue.document.views import MessageView, RecordView

JsonObject = dict[str, object]

MAX_MESSAGES: Final = 10_000
"""Of one file: so many take a worker over two seconds."""


class Format(StrEnum):
    """The formats. `jsonl` alone keeps all there is; the others hold the active path."""

    JSONL = "jsonl"
    AI_SDK = "ai-sdk"
    OPENAI = "openai"


class Head(msgspec.Struct, frozen=True):
    """A session without its content, as an export begins. Times are in milliseconds since 1970."""

    id: str
    title: str
    settings: JsonObject
    head: str | None
    last_seq: int
    created_at: int
    last_active_at: int


@dataclass(slots=True)
class Draft:
    """A message of a file, found at `where`.

    `parent` is the id of one before it, None for a beginning; unset it is the one before.
    """

    where: str
    role: str
    parts: Sequence[JsonObject]
    id: str | None = None
    author: JsonObject | None = None
    created_at: int | None = None
    status: str = "complete"
    metadata: object = None
    parent: str | UnsetType | None = UNSET
    supersedes: str | None = None
    run: str | None = None


@dataclass(slots=True)
class Transcript:
    """All that a file says. Nothing in it is to be believed but its shape.

    `artifacts` are what each is, and its text.
    """

    messages: list[Draft] = field(default_factory=list)
    title: str = ""
    settings: JsonObject | None = None
    head: str | None = None
    context: dict[str, JsonObject] = field(default_factory=dict)
    runs: dict[str, JsonObject] = field(default_factory=dict)
    artifacts: dict[str, tuple[JsonObject, str]] = field(default_factory=dict)


class Writer(Protocol):
    """Writes one file, piece by piece; a piece may be empty."""

    def begin(self, head: Head) -> bytes:
        """Gives how the file begins."""

    def message(self, message: MessageView, *, is_active: bool) -> bytes:
        """Gives the next message. `is_active`: it is on the path that people see, or waits in line."""

    def end(self, record: RecordView) -> bytes:
        """Gives how the file ends; without it, it can be told that the file is cut off."""
