"""What an agent gives becomes steps of its answer: gathered, in order, no faster than they are stored."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import msgspec
from runner_scene import TALK, Scripted, play, queued, running

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
    ToolCall,
    ToolError,
    ToolOutput,
    ToolPart,
    ToolStart,
    Turn,
)
from segue.document.edits import ContinueRun, Edit
from segue.document.steps import (
    AppendText,
    AskForApproval,
    AskForOutput,
    EndTool,
    PutPart,
    StartTool,
)
from segue.errors import StorageUnavailable


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
