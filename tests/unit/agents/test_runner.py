"""The runner: one run at a time per session, stopped when told, tried again while storage is away."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import msgspec
from runner_scene import TALK, Scripted, play, queued, running

from segue.agents.port import (
    Event,
    Remember,
    TextDelta,
    Title,
    ToolCall,
    ToolStart,
    Turn,
)
from segue.document.edits import ContinueRun, Edit, EndRun, StartRun
from segue.document.steps import (
    AppendText,
)
from segue.document.verdict import Run
from segue.document.views import ViewSession
from segue.errors import RefusedUpdate, StorageUnavailable


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
