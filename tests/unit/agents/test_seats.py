"""Agents inside the server and remote ones don't take each other's places."""

import asyncio

import pytest
from runner_scene import Scripted, play, queued, running

from segue.agents import seats
from segue.agents.port import TextDelta
from segue.agents.remote import programs as remote
from segue.agents.remote.programs import Program, Programs
from segue.document.verdict import Run
from segue.ids import DocumentId


def silent(agent: str, at_once: int) -> Program:
    return Program(agent, at_once, lambda _: True, lambda _: None)


def test_remote_turns_that_never_end_stop_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats, "_MAX_INSIDE", 2)

    async def act() -> None:
        programs = Programs(("helper",))
        each = silent("helper", 3)
        programs.join(each)
        async with running(Scripted(TextDelta("x")), programs) as (runner, documents):
            for number in range(3):
                run = Run(f"remote {number}", "helper", "queued")
                runner.on_runs(DocumentId(f"talk {number}"), (run,))
            await documents.until(lambda: len(documents.edits) == each.taken == 3)
            runner.on_runs(DocumentId("other"), (queued("m1"),))
            await documents.until(lambda: ("m1", "done") in documents.ended)

    play(act)


def test_inside_so_many_answer_at_once_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats, "_MAX_INSIDE", 2)

    async def act() -> None:
        hold = asyncio.Event()
        agent = Scripted(TextDelta("x"), hold)
        async with running(agent) as (runner, documents):
            for number in range(3):
                runner.on_runs(DocumentId(f"talk {number}"), (queued(f"m{number}"),))
            await documents.until(lambda: documents.text == "xx")
            assert len(agent.turns) == 2
            hold.set()
            await documents.until(lambda: len(documents.ended) == 3)

    play(act)


def test_a_remote_turn_of_which_nothing_is_said_is_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote, "_TURN_SILENT_S", 0.01)

    async def act() -> None:
        programs = Programs(("helper",))
        each = silent("helper", 1)
        programs.join(each)
        async with running(Scripted(), programs) as (runner, documents):
            runner.on_runs(DocumentId("talk"), (Run("m1", "helper", "queued"),))
            await documents.until(lambda: documents.ended and each.is_free)
            assert documents.ended == [("m1", "interrupted")]

    play(act)
