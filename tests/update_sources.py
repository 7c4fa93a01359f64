"""A room's side of the group commit, small enough to see through: what it wrote, what it was told."""

import asyncio
from typing import Protocol

import anyio

from segue.document.submission import LoggedUpdate
from segue.ids import DeviceId, DocumentId, UserId
from segue.storage.group_commit import GroupCommit
from segue.storage.ports import Base, Batch, BatchSource
from waiting import PATIENCE_S, until

CONFLICT = "conflict"

BROKEN_CONTRACT = "asked twice, or told twice"


async def drained(commits: GroupCommit) -> None:
    """Waits until everything has an outcome."""
    with anyio.fail_after(PATIENCE_S):
        await commits.drain()


async def rounds_later(commits: GroupCommit, rounds: int) -> None:
    """Waits until the writer has made so many statements more."""
    enough = commits.stats.rounds + rounds
    await until(lambda: commits.stats.rounds >= enough)


class Writer(Protocol):
    def enqueue(self, source: BatchSource) -> None: ...


def update(data: bytes, user: str = "alice", device: str = "phone") -> LoggedUpdate:
    return LoggedUpdate(UserId(user), DeviceId(device), data)


class Source:
    """Writes updates to one document; `outcomes` are positions, CONFLICT or BROKEN_CONTRACT."""

    def __init__(self, writer: Writer, document: str, last: int = 0, generation: int = 1) -> None:
        self.document = DocumentId(document)
        self.last = last
        self.generation = generation
        self.outcomes: list[int | str] = []
        self.committed: list[LoggedUpdate] = []
        self._writer = writer
        self._waiting: list[LoggedUpdate] = []
        self._taken: tuple[LoggedUpdate, ...] | None = None
        self._settled = asyncio.Event()

    def write(self, *data: bytes) -> None:
        self._settled.clear()
        self._waiting.extend(update(each) for each in data)
        self._writer.enqueue(self)

    async def settled(self) -> int | str:
        """Waits until nothing is on its way; gives the last outcome."""
        with anyio.fail_after(PATIENCE_S):
            await self._settled.wait()
        return self.outcomes[-1]

    def reload(self, base: Base) -> None:
        """Goes on from what the log holds, as a room does after a conflict."""
        self.last, self.generation = base.position, base.generation

    def take_batch(self) -> Batch | None:
        self._expect(self._taken is None)
        if not self._waiting:
            return None
        self._taken = tuple(self._waiting)
        self._waiting.clear()
        return Batch(self.document, self.generation, self.last, self._taken)

    def on_committed(self, position: int) -> None:
        self._expect(self._taken is not None and position == self.last + 1)
        self.last = position
        self.committed.extend(self._taken or ())
        self._end(position)

    def on_conflict(self) -> None:
        self._expect(self._taken is not None)
        self._end(CONFLICT)

    def _expect(self, contract: bool) -> None:
        # Raising would only be logged: the writer guards itself against its sources.
        if not contract:
            self.outcomes.append(BROKEN_CONTRACT)

    def _end(self, outcome: int | str) -> None:
        self._taken = None
        self.outcomes.append(outcome)
        if not self._waiting:
            self._settled.set()
