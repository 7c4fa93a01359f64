"""What a room does with the port, at its shortest: the other half of every test of the pool."""

import asyncio
from collections.abc import Callable

from segue.auth.grants import Role
from segue.document.submission import LoggedUpdate, Submission
from segue.document.verdict import Accepted, Run, Summary, Verdict
from segue.ids import DeviceId, DocumentId, UserId
from segue.workers.pool import Pool
from segue.workers.ports import Loss, State

PATIENCE_S = 30


def logged(data: bytes) -> LoggedUpdate:
    return LoggedUpdate(UserId("alice"), DeviceId("phone"), data)


class Room:
    """Keeps a log, opens again when its incarnation is lost, resubmits what has no verdict.

    What a loss blames is not resubmitted. An accepted update counts as committed at once.
    """

    def __init__(self, pool: Pool, name: str, log: tuple[bytes, ...] = ()) -> None:
        self.pool = pool
        self.document = DocumentId(name)
        self.log = [logged(data) for data in log]
        self.heard: list[object] = []
        self.verdicts: dict[bytes, Verdict] = {}
        self.losses: list[Loss] = []
        self.states: list[State] = []
        self.blamed: list[bytes] = []
        self.lives = 0
        self.quarantined = False
        self._asked: dict[int, bytes] = {}
        self._number = 0
        self._wants_state: set[int] = set()
        self._changed = asyncio.Event()

    def open(self) -> None:
        self._number = 0
        self.pool.open(self.document, None, tuple(self.log), self)

    def submit(self, *updates: bytes) -> None:
        for data in updates:
            self._number += 1
            self._asked[self._number] = data
            submission = Submission(self._number, Role.EDITOR, logged(data))
            self.pool.check(self.document, submission)

    def take_state(self, request: int) -> None:
        self._wants_state.add(request)
        self.pool.state(self.document, request, b"\0")

    def take_snapshot(self, request: int) -> None:
        self.pool.snapshot(self.document, request)

    # -- DocumentSink

    def on_opened(self, vector: dict[int, int], summary: Summary, runs: tuple[Run, ...]) -> None:
        self.lives += 1
        self._hear(vector)

    def on_verdict(self, verdict: Verdict) -> None:
        data = self._asked.pop(verdict.number)
        self.verdicts[data] = verdict
        if isinstance(verdict, Accepted):
            self.log.append(logged(data))
        self._hear(verdict)

    def on_state(self, state: State) -> None:
        self._wants_state.discard(state.request)
        self.states.append(state)
        self._hear(state)

    def on_lost(self, loss: Loss) -> None:
        self.losses.append(loss)
        if loss.blamed is not None:
            self.blamed.append(self._asked.pop(loss.blamed))
        self.quarantined = loss.quarantined
        if not loss.quarantined:
            self._come_back()
        self._hear(loss)

    def _come_back(self) -> None:
        again, self._asked = list(self._asked.values()), {}
        self.open()
        self.submit(*again)
        for request in self._wants_state:
            self.take_state(request)

    def _hear(self, what: object) -> None:
        self.heard.append(what)
        self._changed.set()

    # -- waiting

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def settled(self) -> None:
        """Waits until every submission has its outcome."""
        await self.until(lambda: self.lives and not self._asked)

    async def until_lost(self, times: int) -> None:
        await self.until(lambda: len(self.losses) == times)

    async def says(self, *updates: bytes) -> None:
        """Submits and waits for the outcomes."""
        self.submit(*updates)
        await self.settled()
