"""An agent's events, gathered into batches: one edit for what came within a blink.

Bounded: an agent that is faster than the storage waits. An agent that starts a tool waits until that is
stored.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from segue.agents.port import (
    Data,
    Event,
    Forget,
    Json,
    Metadata,
    PartEvent,
    ReasoningDelta,
    Remember,
    TextDelta,
    Title,
    ToolCall,
    ToolOutput,
    ToolStart,
)

_GATHER_S: Final = 0.04
_MAX_BYTES: Final = 64 << 10
_EVENT_BYTES: Final = 64
_CANCELLED: Final = "The agent's own code was cancelled. Try again."


class AgentFailed(Exception):
    """The agent raised; its text is shown to people."""


@dataclass(slots=True)
class Batch:
    """What came since the last batch. Of each key the last word counts: None is forgotten."""

    parts: list[PartEvent] = field(default_factory=list)
    entries: dict[str, Remember | None] = field(default_factory=dict)
    title: str = ""
    metadata: dict[str, Json] = field(default_factory=dict)
    bytes: int = 0
    """About how many it has."""

    @property
    def is_empty(self) -> bool:
        """Tells whether nothing came."""
        return not (self.parts or self.entries or self.title or self.metadata)

    def add(self, event: Event) -> None:
        """Takes one event in."""
        self.bytes += _size(event)
        match event:
            case Remember(key):
                self.entries[key] = event
            case Forget(key):
                self.entries[key] = None
            case Title(text):
                self.title = text
            case Metadata(key, value):
                self.metadata[key] = value
            case _:
                self.parts.append(event)


class Batches:
    """Reads events (`read`, in a task of its own) while batches are taken (`take`).

    Whoever takes a batch has stored the one before.
    """

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events
        self._batch = Batch()
        self._news = asyncio.Event()
        self._taken = asyncio.Event()
        self._stored = asyncio.Event()
        self._is_urgent = False
        self._has_ended = False
        self._error: Exception | None = None
        self._next_at_s = 0.0

    async def read(self) -> None:
        """Reads all events; cancelling it stops the agent. What the agent raises, `take` raises."""
        try:
            async for event in self._events:
                self._batch.add(event)
                self._news.set()
                if isinstance(event, ToolStart):
                    await self._store()
                while self._batch.bytes > _MAX_BYTES:
                    self._taken.clear()
                    await self._taken.wait()
        except asyncio.CancelledError:
            self._error = AgentFailed(_CANCELLED)  # read by nobody, if it was stopped by us
            raise
        except Exception as error:  # noqa: BLE001  an agent may fail in any way
            self._error = error
        finally:
            await self._close()
            self._has_ended = True
            self._news.set()

    async def take(self) -> Batch | None:
        """Gives what came, waiting for it and 40 ms between two; None once all was given.

        Raises:
            AgentFailed: it did, after all it had given was taken.
        """
        loop = asyncio.get_running_loop()
        self._stored.set()
        await self._news.wait()
        if not (self._has_ended or self._is_urgent):
            await asyncio.sleep(max(0.0, self._next_at_s - loop.time()))
        self._next_at_s = loop.time() + _GATHER_S
        batch, self._batch = self._batch, Batch()
        self._taken.set()
        self._stored.clear()
        if not self._has_ended:
            self._news.clear()
        if not batch.is_empty:
            return batch
        if self._error is not None:
            raise AgentFailed(str(self._error)) from self._error
        return None

    async def _store(self) -> None:
        """Waits until the batch that is being gathered has been stored."""
        self._is_urgent = True
        self._taken.clear()
        await self._taken.wait()
        await self._stored.wait()
        self._is_urgent = False

    async def _close(self) -> None:
        """Has an agent that was stopped between two events let go of what it holds."""
        close = getattr(self._events, "aclose", None)
        try:
            if close is not None:
                await close()
        except Exception as error:  # noqa: BLE001  as above
            self._error = self._error or error


def _size(event: Event) -> int:
    match event:
        case TextDelta(text) | ReasoningDelta(text) | Title(text):
            return len(text)
        case ToolCall() | ToolOutput() | Data() | Remember() | Metadata():
            return _EVENT_BYTES + len(repr(event))
        case _:
            return _EVENT_BYTES
