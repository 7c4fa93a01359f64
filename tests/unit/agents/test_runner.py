"""The runner: one run at a time per session, stopped when told, tried again while storage is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count

import msgspec

from segue.agents.batches import Batches
from segue.agents.port import (
    AskApproval,
    AskPerson,
    Data,
    Event,
    Forget,
    OtherPart,
    ReasoningDelta,
    Remember,
    Source,
    TextDelta,
    TextPart,
    Title,
    ToolCall,
    ToolError,
    ToolOutput,
    ToolPart,
    ToolStart,
    Turn,
)
from segue.agents.runner import Runner, running_agents
from segue.document.edits import Author, ContinueRun, Edit, EndRun, StartRun
from segue.document.steps import (
    AppendText,
    AskForApproval,
    AskForOutput,
    EndTool,
    PutPart,
    StartTool,
    Step,
)
from segue.document.verdict import Run
from segue.document.views import MessageView, TurnView, View, ViewProfile, ViewSession, ViewTurn
from segue.errors import Forbidden, RefusedUpdate, SegueError, StorageUnavailable
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
async def running(agent: Scripted) -> AsyncIterator[tuple[Runner, Documents]]:
    documents, numbers = Documents(), count(1)
    agents = {"scripted": agent}
    async with running_agents(
        documents, agents, lambda: 1_000, lambda: f"a{next(numbers)}"
    ) as runner:
        yield runner, documents


def queued(run: str) -> Run:
    return Run(run, "scripted", "queued")


def play(act: Callable[[], Awaitable[None]]) -> None:
    async def acting() -> None:
        await act()

    asyncio.run(acting())


def test_a_run_is_started_streamed_and_ended() -> None:
    async def act() -> None:
        agent = Scripted(
            TextDelta("Hel"), Remember("to", "Lisbon", "m1"), TextDelta("lo"), Title("Trip")
        )
        async with running(agent) as (runner, documents):
            runner.on_runs(TALK, (queued("m1"),))
            await documents.until(lambda: documents.ended)
        start, *said, end = documents.edits
        assert start == StartRun("m1", "a1", 1_000)
        assert end == EndRun("m1", "a1", "done", 1_000)
        assert documents.text == "Hello"
        remembered = [e.remembered for e in said if isinstance(e, ContinueRun) and e.remembered]
        (entry,) = remembered
        assert msgspec.json.decode(entry["to"]) == {
            "value": "Lisbon",
            "source": "m1",
            "by": "scripted",
            "observed_at": 1_000,
        }
        assert agent.turns[0].now_ms == 7

    play(act)


def test_one_run_of_a_session_at_a_time_in_their_order() -> None:
    async def act() -> None:
        agent = Scripted(TextDelta("x"))
        async with running(agent) as (runner, documents):
            runner.on_runs(TALK, (queued("m1"), queued("m2")))
            runner.on_runs(TALK, (queued("m2"), queued("m3")))
            await documents.until(lambda: len(documents.ended) == 3)
        order = [edit.run for edit in documents.edits]
        assert order == [run for run in ("m1", "m2", "m3") for _ in range(3)]

    play(act)


def test_a_stop_ends_the_agent_and_the_next_run_goes_on() -> None:
    async def act() -> None:
        never = asyncio.Event()
        agent = Scripted(TextDelta("x"), never)
        async with running(agent) as (runner, documents):
            runner.on_runs(TALK, (queued("m1"), queued("m2")))
            await documents.until(lambda: documents.text)
            runner.on_runs(TALK, (Run("m1", "scripted", "cancelled"),))
            agent.events = (TextDelta("y"),)
            await documents.until(lambda: documents.ended)
        assert agent.was_stopped
        assert documents.ended == [("m2", "done")]

    play(act)


def test_one_that_waits_and_is_stopped_never_starts() -> None:
    async def act() -> None:
        never = asyncio.Event()
        agent = Scripted(TextDelta("x"), never)
        async with running(agent) as (runner, documents):
            runner.on_runs(TALK, (queued("m1"), queued("m2")))
            await documents.until(lambda: documents.text)
            runner.on_runs(TALK, (Run("m2", "scripted", "cancelled"),))
            never.set()
            await documents.until(lambda: documents.ended)
        assert [edit.run for edit in documents.of(StartRun)] == ["m1"]  # type: ignore[union-attr]

    play(act)


def test_what_the_document_refuses_stops_the_agent() -> None:
    async def act() -> None:
        never = asyncio.Event()
        agent = Scripted(TextDelta("x"), never)
        async with running(agent) as (runner, documents):

            def refuse(edit: Edit) -> None:
                if isinstance(edit, ContinueRun):
                    raise RefusedUpdate("the run has ended")

            documents.fate = refuse
            agent.on_stop = documents.changed.set
            runner.on_runs(TALK, (queued("m1"),))
            await documents.until(lambda: agent.was_stopped)
            documents.fate, agent.events = (lambda _: None), (TextDelta("y"),)
            runner.on_runs(TALK, (queued("m2"),))
            await documents.until(lambda: len(documents.ended) == 2)
        # Where the run has ended this is no news.
        assert documents.ended == [("m1", "error"), ("m2", "done")]

    play(act)


def test_a_failure_is_told_in_the_agents_words_and_ends_that_run_alone() -> None:
    async def act() -> None:
        agent = Scripted(TextDelta("x"), ValueError("The model is asleep."))
        async with running(agent) as (runner, documents):
            runner.on_runs(TALK, (queued("m1"), Run("m2", "nobody's", "queued"), queued("m3")))
            await documents.until(lambda: len(documents.ended) == 3)
        errors = [(edit.status, edit.error) for edit in documents.edits if isinstance(edit, EndRun)]
        assert errors[0] == ("error", "The model is asleep.")
        assert errors[1][0] == "error"
        assert errors[2] == errors[0]
        assert documents.text == "xx"

    play(act)


def test_storage_that_is_away_is_asked_again_and_no_word_is_lost() -> None:
    async def act() -> None:
        agent = Scripted(TextDelta("Hel"), TextDelta("lo"))
        async with running(agent) as (runner, documents):
            attempts = count()

            def be_away(_: Edit) -> None:
                if next(attempts) % 2 == 0:
                    raise StorageUnavailable("away")

            documents.fate = be_away
            runner.on_runs(TALK, (queued("m1"),))
            await documents.until(lambda: documents.ended)
        assert documents.text == "Hello"

    play(act)


def test_an_answer_of_an_earlier_life_is_interrupted() -> None:
    async def act() -> None:
        agent = Scripted(TextDelta("x"))
        async with running(agent) as (runner, documents):
            runner.on_runs(TALK, (Run("m1", "scripted", "active", "earlier"),))
            await documents.until(lambda: documents.ended)
        assert documents.edits == [EndRun("m1", "earlier", "interrupted", 1_000)]
        assert not agent.turns

    play(act)


def test_a_reload_of_the_document_disturbs_no_running_run() -> None:
    async def act() -> None:
        hold = asyncio.Event()
        agent = Scripted(TextDelta("x"), hold, TextDelta("y"))
        async with running(agent) as (runner, documents):
            runner.on_runs(TALK, (queued("m1"),))
            await documents.until(lambda: documents.text)
            runner.on_runs(TALK, (Run("m1", "scripted", "active"),))
            hold.set()
            await documents.until(lambda: documents.ended)
        assert documents.ended == [("m1", "done")]
        assert documents.text == "xy"

    play(act)


def test_the_end_of_the_node_marks_what_runs_and_leaves_what_waits() -> None:
    async def act() -> None:
        agent = Scripted(TextDelta("x"), asyncio.Event())
        async with running(agent) as (runner, documents):
            runner.on_runs(TALK, (queued("m1"), queued("m2")))
            await documents.until(lambda: documents.text)
        assert agent.was_stopped
        assert documents.ended == [("m1", "interrupted")]

    play(act)


def test_what_a_crash_left_is_looked_for() -> None:
    async def act() -> None:
        async with running(Scripted()) as (runner, documents):
            runner.recover([TALK])
            await documents.until(lambda: documents.views)
        assert documents.views == [ViewSession()]

    play(act)


def test_it_goes_on_behind_what_is_written() -> None:
    async def act() -> None:
        agent = Scripted(TextDelta("lo"))
        async with running(agent) as (runner, documents):
            documents.parts = [
                {"type": "reasoning", "text": "Hm."},
                {"type": "text", "text": "Grüß ", "state": "done"},
            ]
            runner.on_runs(TALK, (queued("m1"),))
            await documents.until(lambda: documents.ended)
        assert documents.steps == [AppendText(1, len("Grüß ".encode()), "lo")]
        assert agent.turns[0].written == "Grüß "

    play(act)


def test_events_are_gathered_and_the_last_word_on_a_key_counts() -> None:
    async def act() -> None:
        async def speak() -> AsyncIterator[Event]:
            yield TextDelta("a")
            yield Remember("k", 1, "s")
            yield Forget("k")
            yield Remember("j", 2, "s")
            yield TextDelta("b")

        batches = Batches(speak())
        await batches.read()
        batch = await batches.take()
        assert batch is not None
        assert batch.parts == [TextDelta("a"), TextDelta("b")]
        assert batch.entries == {"k": None, "j": Remember("j", 2, "s")}
        assert await batches.take() is None

    play(act)


def test_an_agent_that_is_faster_than_the_storage_waits() -> None:
    async def act() -> None:
        given = count()

        async def speak() -> AsyncIterator[Event]:
            while True:
                next(given)
                yield TextDelta("x" * 1_000)

        batches = Batches(speak())
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(batches.read())
            await asyncio.sleep(0)
            for _ in range(3):
                batch = await batches.take()
                assert batch is not None
                assert batch.bytes < 100_000
            reading.cancel()
        assert next(given) < 300

    play(act)


def test_an_answer_of_many_parts_becomes_steps_each_in_its_place() -> None:
    async def act() -> None:
        agent = Scripted(
            ReasoningDelta("Let me "),
            ReasoningDelta("see."),
            TextDelta("I look."),
            ToolCall("c1", "look", {"at": "sky"}),
            ToolStart("c1", is_repeatable=True),
            ToolOutput("c1", {"blue": True}),
            ToolCall("c2", "fly", {}),
            ToolError("c2", "No wings."),
            Source("https://example.org"),
            Data("chart", [1]),
            TextDelta("It is "),
            TextDelta("\ud800blue."),
        )
        async with running(agent) as (runner, documents):
            runner.on_runs(TALK, (queued("m1"),))
            await documents.until(lambda: documents.ended)
        assert [
            msgspec.structs.replace(step, value=msgspec.json.decode(step.value))
            if isinstance(step, PutPart)
            else step
            for step in documents.steps
        ] == [
            AppendText(0, 0, "Let me see.", "reasoning"),
            AppendText(1, 0, "I look."),
            PutPart(
                2,
                {"type": "tool", "tool_call_id": "c1", "name": "look", "args": {"at": "sky"}},  # type: ignore[arg-type]
            ),
            StartTool("c1", repeatable=True),
            EndTool("c1", b'{"blue":true}'),
            PutPart(3, {"type": "tool", "tool_call_id": "c2", "name": "fly", "args": {}}),  # type: ignore[arg-type]
            EndTool("c2", error_text="No wings."),
            PutPart(4, {"type": "source", "url": "https://example.org"}),  # type: ignore[arg-type]
            PutPart(5, {"type": "data", "name": "chart", "data": [1]}),  # type: ignore[arg-type]
            AppendText(6, 0, "It is ?blue."),
        ]
        assert documents.ended == [("m1", "done")]

    play(act)


def test_a_tool_runs_only_once_its_start_is_stored() -> None:
    async def act() -> None:
        stored_at_start: list[bool] = []

        class Careful(Scripted):
            async def respond(self, turn: Turn) -> AsyncIterator[Event]:
                yield ToolCall("c1", "pay", {})
                yield ToolStart("c1")
                stored_at_start.append(StartTool("c1") in documents.steps)
                yield ToolOutput("c1", "paid")

        async with running(Careful()) as (runner, documents):
            attempts = count()

            def be_away(edit: Edit) -> None:
                if isinstance(edit, ContinueRun) and next(attempts) < 2:
                    raise StorageUnavailable("away")

            documents.fate = be_away
            runner.on_runs(TALK, (queued("m1"),))
            await documents.until(lambda: documents.ended)
        assert stored_at_start == [True]
        assert documents.ended == [("m1", "done")]

    play(act)


def test_an_agent_that_asks_waits_for_people() -> None:
    async def act() -> None:
        agent = Scripted(
            ToolCall("c1", "pay", {}),
            AskApproval("c1"),
            ToolCall("c2", "sign", {}),
            AskPerson("c2"),
        )
        async with running(agent) as (runner, documents):
            runner.on_runs(TALK, (queued("m1"),))
            await documents.until(lambda: documents.ended)
            assert documents.ended == [("m1", "suspended")]
            assert {AskForApproval("c1"), AskForOutput("c2")} <= {
                step for step in documents.steps if not isinstance(step, PutPart)
            }
            # Decided: the run is told again, with what came of it.
            call = {"type": "tool", "tool_call_id": "c1", "name": "pay", "state": "output-denied"}
            documents.parts = [
                {"type": "text", "text": "One moment."},
                {**call, "args": {"a": 1}, "approval": {"approved": False, "reason": "dear"}},
                {"type": "tool", "name": 7},
            ]
            agent.events = (TextDelta("Then not."),)
            runner.on_runs(TALK, (queued("m1"),))
            await documents.until(lambda: len(documents.ended) == 2)
        assert documents.ended[-1] == ("m1", "done")
        turn = agent.turns[-1]
        assert turn.parts == (
            TextPart("One moment."),
            ToolPart("c1", "pay", {"a": 1}, "output-denied", reason="dear"),
            OtherPart({"type": "tool", "name": 7}),
        )
        assert (turn.written, turn.call("c1")) == ("One moment.", turn.parts[1])
        assert documents.steps[-1] == AppendText(3, 0, "Then not.")

    play(act)


def test_an_agent_stopped_between_two_events_lets_go() -> None:
    async def act() -> None:
        let_go = asyncio.Event()

        class Holding(Scripted):
            def respond(self, turn: Turn) -> AsyncIterator[Event]:
                self.answer = self._answer()  # so that nothing but the runner closes it
                return self.answer

            async def _answer(self) -> AsyncIterator[Event]:
                try:
                    yield ToolCall("c1", "pay", {})
                    yield ToolStart("c1")
                finally:
                    let_go.set()

        async with running(Holding()) as (runner, documents):

            def be_away(edit: Edit) -> None:
                if isinstance(edit, ContinueRun):
                    documents.views.clear()
                    documents.changed.set()
                    raise StorageUnavailable("away")

            documents.fate = be_away
            runner.on_runs(TALK, (queued("m1"),))
            await documents.until(lambda: documents.edits and not documents.views)
            runner.on_runs(TALK, (Run("m1", "scripted", "cancelled"),))
            async with asyncio.timeout(10):
                await let_go.wait()

    play(act)


def test_an_agent_whose_own_code_is_cancelled_ends_its_run_alone() -> None:
    async def act() -> None:
        agent = Scripted(TextDelta("x"), asyncio.CancelledError())
        async with running(agent) as (runner, documents):
            runner.on_runs(TALK, (queued("m1"),))
            await documents.until(lambda: documents.ended)
        assert documents.ended == [("m1", "error")]

    play(act)
