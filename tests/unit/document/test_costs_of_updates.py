"""What one update may cost a worker: nothing is looked for once for each thing that the update brings."""

from collections.abc import Callable
from typing import Any

import pytest
from conversation_devices import Talk, Talker
from run_edits import accepted, call, end, start, steps, suspend

from segue.document import runs
from segue.document.calls import Calls
from segue.document.grants import MAX_REQUESTS
from segue.document.runs import MAX_OPEN
from segue.document.steps import AskForApproval
from segue.document.verdict import Refused

MANY = 150


class Counted:
    """Calls a function and counts how often."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        return self.function(*args, **kwargs)


@pytest.fixture
def talk() -> Talk:
    return Talk("demo")


def ask_often(alice: Talker, kind: str, target: str, times: int, value: object = None) -> None:
    with alice.doc.transaction():
        for number in range(times):
            alice.ask(f"{kind} {number}", kind, target, value)


def say_often(alice: Talker, times: int) -> None:
    with alice.doc.transaction():
        for number in range(times):
            alice.say(f"m{number}")


def test_an_update_asks_for_so_much_and_no_more(talk: Talk, alice: Talker) -> None:
    ask_often(alice, "switch", "nobody", MAX_REQUESTS)
    talk.sync(alice)
    ask_often(alice, "stop", "nobody", MAX_REQUESTS + 1)
    (verdict,) = talk.send(alice)
    assert isinstance(verdict, Refused)
    assert f"{MAX_REQUESTS} requests at most" in verdict.reason


def test_the_settings_are_read_once_for_all_messages_of_an_update(
    talk: Talk, alice: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Counted(runs._settings_in)
    monkeypatch.setattr(runs, "_settings_in", read)
    say_often(alice, MANY)
    talk.sync(alice)
    assert read.calls == 1
    alice.map("session")["settings"] = {"responder": "nobody"}
    alice.say("last")
    talk.sync(alice)
    assert "last" not in talk.runs()


def test_a_run_is_found_without_reading_the_others(
    talk: Talk, alice: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_often(alice, MAX_OPEN)
    talk.sync(alice)
    read = Counted(runs.run_at)
    monkeypatch.setattr(runs, "run_at", read)
    ask_often(alice, "stop", "nobody", MANY)
    talk.sync(alice)
    assert read.calls == 0


def test_no_more_runs_are_taken_up_again_than_may_wait(talk: Talk, alice: Talker) -> None:
    say_often(alice, MAX_OPEN + MANY)
    talk.sync(alice)
    with alice.doc.transaction():
        for number in range(MANY):
            alice.ask(f"r{number}", "resume", f"m{MAX_OPEN + number}")
    talk.sync(alice)
    open_runs = [run for run in talk.runs().values() if run["status"] == "queued"]
    assert len(open_runs) == MAX_OPEN
    assert "wait for an answer already" in alice.answer(f"r{MANY - 1}")["reason"]


def test_calls_are_looked_for_once_for_all_decisions_of_an_update(
    talk: Talk, alice: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.say("m1")
    talk.sync(alice)
    accepted(talk, start())
    suspend(talk, AskForApproval("c0"), AskForApproval("c1"))
    look = Counted(Calls._all)
    monkeypatch.setattr(Calls, "_all", lambda *args: look(*args))
    with alice.doc.transaction():
        alice.ask("yes", "approve", "c0", {"approved": True})
        alice.ask("again", "approve", "c0", {"approved": False})
        alice.ask("no", "approve", "c1", {"approved": False})
    talk.sync(alice)
    assert look.calls == 1
    assert [alice.answer(each)["outcome"] for each in ("yes", "again", "no")] == [
        "done",
        "refused",
        "done",
    ]


def test_a_decision_behind_a_stop_finds_the_call_closed(talk: Talk, alice: Talker) -> None:
    alice.say("m1")
    talk.sync(alice)
    accepted(talk, start())
    suspend(talk, AskForApproval("c0"), AskForApproval("c1"))
    with alice.doc.transaction():
        alice.ask("1", "approve", "nobody", {"approved": True})
        alice.ask("2", "stop", "m1")
        alice.ask("3", "approve", "c0", {"approved": True})
    talk.sync(alice)
    assert [alice.answer(each)["outcome"] for each in "123"] == ["refused", "done", "refused"]


def test_a_call_of_an_earlier_answer_is_found(talk: Talk, alice: Talker) -> None:
    alice.say("m1")
    talk.sync(alice)
    accepted(talk, start())
    accepted(talk, steps(call(0)))
    accepted(talk, end())
    alice.ask("late", "approve", "c1", {"approved": True})
    talk.sync(alice)
    assert alice.answer("late")["reason"] != "there is no such tool call"
