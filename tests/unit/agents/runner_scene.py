"""A runner with documents in the hands of a test, and an agent that gives what it is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count

import msgspec

from segue.agents.port import (
    Event,
    Turn,
)
from segue.agents.remote.programs import Programs
from segue.agents.runner import Runner, running_agents
from segue.document.edits import Author, ContinueRun, Edit, EndRun
from segue.document.steps import (
    AppendText,
    Step,
)
from segue.document.verdict import Run
from segue.document.views import MessageView, TurnView, View, ViewProfile, ViewTurn
from segue.errors import Forbidden, SegueError
from segue.ids import DocumentId, UserId

TALK = DocumentId("talk")
ASKED = MessageView("m1", "user", Author("user", UserId("alice")), 0, 1, None, "complete", [])


class Documents:
    """The port, in the hands of a test. `fate` may raise for an edit."""

    def __init__(self) -> None:
        self.edits: list[Edit] = []
        self.views: list[View] = []
        self.fate: Callable[[Edit], None] = lambda _: None
        self.parts: list[dict[str, object]] = []
        self.changed = asyncio.Event()

    async def edit(self, document: DocumentId, edit: Edit) -> None:
        await asyncio.sleep(0)
        self.fate(edit)
        self.edits.append(edit)
        self.changed.set()

    async def view(self, document: DocumentId, view: View) -> bytes:
        self.views.append(view)
        self.changed.set()
        if isinstance(view, ViewProfile):
            raise Forbidden("no home")
        if isinstance(view, ViewTurn):
            return msgspec.json.encode(TurnView([ASKED], {}, "", self.parts, 7))
        return b"{}"

    def end(self, document: DocumentId, error: SegueError) -> None: ...

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def of(self, kind: type[Edit]) -> list[Edit]:
        return [edit for edit in self.edits if isinstance(edit, kind)]

    @property
    def text(self) -> str:
        return "".join(step.text for step in self.steps if isinstance(step, AppendText))

    @property
    def steps(self) -> list[Step]:
        return [step for edit in self.edits if isinstance(edit, ContinueRun) for step in edit.steps]

    @property
    def ended(self) -> list[tuple[str, str]]:
        return [(edit.run, edit.status) for edit in self.edits if isinstance(edit, EndRun)]


class Scripted:
    """An agent that gives what it is told, and says when it was stopped."""

    name = "scripted"

    def __init__(self, *events: Event | BaseException | asyncio.Event) -> None:
        self.events = events
        self.turns: list[Turn] = []
        self.was_stopped = False
        self.on_stop: Callable[[], None] = lambda: None

    async def respond(self, turn: Turn) -> AsyncIterator[Event]:
        self.turns.append(turn)
        try:
            for event in self.events:
                if isinstance(event, BaseException):
                    raise event
                if isinstance(event, asyncio.Event):
                    await event.wait()
                else:
                    yield event
        except asyncio.CancelledError:
            self.was_stopped = True
            self.on_stop()
            raise


@asynccontextmanager
async def running(
    agent: Scripted, programs: Programs | None = None
) -> AsyncIterator[tuple[Runner, Documents]]:
    documents, numbers = Documents(), count(1)
    agents = {"scripted": agent}
    async with running_agents(
        documents, agents, lambda: 1_000, lambda: f"a{next(numbers)}", programs
    ) as runner:
        yield runner, documents


def queued(run: str) -> Run:
    return Run(run, "scripted", "queued")


def play(act: Callable[[], Awaitable[None]]) -> None:
    async def acting() -> None:
        await act()

    asyncio.run(acting())
