"""An agent's events, gathered into batches: one edit for what came within a blink.

Bounded: an agent that is faster than the storage waits.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final, assert_never

from segue.agents.port import Event, Forget, Remember, TextDelta, Title

_GATHER_S: Final = 0.04
_MAX_BYTES: Final = 64 << 10


class AgentFailed(Exception):
    """The agent raised; its text is shown to people."""


@dataclass(slots=True)
class Batch:
    """What came since the last batch. Of each key the last word counts: None is forgotten."""

    text: str = ""
    entries: dict[str, Remember | None] = field(default_factory=dict)
    title: str = ""

    @property
    def is_empty(self) -> bool:
        """Tells whether nothing came."""
        return not (self.text or self.entries or self.title)

    def add(self, event: Event) -> None:
        """Takes one event in."""
        match event:
            case TextDelta(text):
                self.text += text
            case Remember(key):
                self.entries[key] = event
            case Forget(key):
                self.entries[key] = None
            case Title(text):
                self.title = text
            case _:
                assert_never(event)


class Batches:
    """Reads events (`read`, in a task of its own) while batches are taken (`take`)."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events
        self._batch = Batch()
        self._news = asyncio.Event()
        self._taken = asyncio.Event()
        self._has_ended = False
        self._error: Exception | None = None
        self._next_at_s = 0.0

    async def read(self) -> None:
        """Reads all events; cancelling it stops the agent. What the agent raises, `take` raises."""
        try:
            async for event in self._events:
                self._batch.add(event)
                self._news.set()
                while len(self._batch.text) > _MAX_BYTES:
                    self._taken.clear()
                    await self._taken.wait()
        except Exception as error:  # noqa: BLE001  an agent may fail in any way
            self._error = error
        self._has_ended = True
        self._news.set()

    async def take(self) -> Batch | None:
        """Gives what came, waiting for it and 40 ms between two; None once all was given.

        Raises:
            AgentFailed: it did, after all it had given was taken.
        """
        loop = asyncio.get_running_loop()
        await self._news.wait()
        if not self._has_ended:
            await asyncio.sleep(max(0.0, self._next_at_s - loop.time()))
        self._next_at_s = loop.time() + _GATHER_S
        batch, self._batch = self._batch, Batch()
        self._taken.set()
        if not self._has_ended:
            self._news.clear()
        if not batch.is_empty:
            return batch
        if self._error is not None:
            raise AgentFailed(str(self._error)) from self._error
        return None
