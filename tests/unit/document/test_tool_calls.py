"""Tool calls: people decide once, a tool runs at most once, and nothing stays open."""

import random
from typing import Any

import pytest
from conversation_devices import Talk, Talker
from run_edits import accepted, begin, call, edit, end, result, start, steps, suspend

from segue.auth.grants import Role
from segue.document.steps import AskForApproval, AskForOutput
from segue.document.verdict import Accepted, Refused, Run

APPROVAL, OUTPUT = AskForApproval("c1"), AskForOutput("c1")
YES, NO = {"approved": True}, {"approved": False, "reason": "too dear"}


@pytest.fixture
def talk() -> Talk:
    talk, alice = Talk("demo"), Talker("alice")
    alice.say("m1")
    talk.sync(alice)
    accepted(talk, start())
    return talk


def calls(talk: Talk) -> dict[str, Any]:
    parts = talk.stored()["a1"]["parts"].values()
    return {part["tool_call_id"]: part for part in parts if part["type"] == "tool"}


def states(talk: Talk) -> list[str]:
    return [calls(talk)[id]["state"] for id in sorted(calls(talk))]


def status(talk: Talk) -> tuple[str, str]:
    return talk.runs()["m1"]["status"], talk.stored()["a1"]["status"]


def test_a_run_waits_for_a_decision_and_goes_on(talk: Talk, alice: Talker) -> None:
    suspend(talk, APPROVAL)
    assert status(talk) == ("suspended", "suspended")
    assert talk.runs()["m1"]["waiting_for"] == ["c1"]
    assert calls(talk)["c1"]["approval"] == {"id": "c1"}
    assert talk.replica.summary.open_runs == 0
    alice.ask("r", "approve", "c1", YES)
    (verdict,) = talk.send(alice)
    assert isinstance(verdict, Accepted)
    assert verdict.runs == (Run("m1", "demo", "queued"),)
    assert calls(talk)["c1"]["approval"] == {"id": "c1", "approved": True, "by": "alice"}
    accepted(talk, start("m1", "a2"))
    assert status(talk) == ("active", "streaming")
    assert "waiting_for" not in talk.runs()["m1"]
    accepted(talk, steps(begin(), result("held"), attempt="a2"))
    accepted(talk, end(attempt="a2"))
    assert status(talk) == ("done", "complete")
    assert states(talk) == ["output-available"]


def test_a_no_ends_the_call_and_the_run_goes_on(talk: Talk, alice: Talker) -> None:
    suspend(talk, APPROVAL)
    alice.ask("r", "approve", "c1", NO)
    talk.sync(alice)
    approval = {"id": "c1", "approved": False, "by": "alice", "reason": "too dear"}
    assert (calls(talk)["c1"]["state"], calls(talk)["c1"]["approval"]) == (
        "output-denied",
        approval,
    )
    assert talk.runs()["m1"]["status"] == "queued"
    accepted(talk, start("m1", "a2"))
    verdict = edit(talk, steps(begin(), attempt="a2"))
    assert isinstance(verdict, Refused)


@pytest.mark.parametrize(
    ("value", "state"),
    [({"output": [1.5, None]}, "output-available"), ({"error_text": "No."}, "output-error")],
)
def test_a_person_gives_a_result(
    talk: Talk, alice: Talker, value: dict[str, object], state: str
) -> None:
    suspend(talk, OUTPUT)
    assert calls(talk)["c1"]["executor"] == "person"
    alice.ask("r", "tool_output", "c1", value)
    talk.sync(alice)
    found = calls(talk)["c1"]
    assert found["state"] == state
    assert value.items() <= found.items()
    assert found["by"] == "alice"
    assert talk.runs()["m1"]["status"] == "queued"


def test_it_goes_on_when_everything_is_decided(talk: Talk, alice: Talker) -> None:
    suspend(talk, AskForApproval("c1"), AskForOutput("c2"))
    alice.ask("r1", "tool_output", "c2", {"output": 7.0})
    talk.sync(alice)
    assert talk.runs()["m1"]["status"] == "suspended"
    alice.ask("r2", "approve", "c1", YES)
    talk.sync(alice)
    assert talk.runs()["m1"]["status"] == "queued"


def test_what_is_decided_before_the_agent_ends_its_turn_counts(talk: Talk, alice: Talker) -> None:
    accepted(talk, steps(call(0), APPROVAL))
    alice.ask("r", "approve", "c1", YES)
    talk.sync(alice)
    assert talk.runs()["m1"]["status"] == "active"
    assert accepted(talk, end("suspended")).runs == (Run("m1", "demo", "queued"),)


@pytest.mark.parametrize("seed", range(500))
def test_two_devices_decide_in_the_same_instant_and_one_counts(seed: int) -> None:
    rng = random.Random(seed)
    talk, alice, bob = Talk("demo"), Talker("alice"), Talker("bob")
    alice.say("m1")
    talk.sync(alice, bob)
    accepted(talk, start())
    asked = rng.choice((APPROVAL, OUTPUT))
    accepted(talk, steps(call(0), asked))
    decisions = rng.choices((True, False), k=2)
    for device, yes in zip((alice, bob), decisions, strict=True):
        value = {"approved": yes} if asked is APPROVAL else {"output": yes}
        device.ask(
            f"of {device.user}", "approve" if asked is APPROVAL else "tool_output", "c1", value
        )
    order = rng.sample((alice, bob), 2)
    ends_between = rng.random() < 0.5
    talk.send(order[0])
    if ends_between:
        accepted(talk, end("suspended"))
    talk.sync(*reversed(order))
    if not ends_between:
        accepted(talk, end("suspended"))
    talk.sync(*order)
    first, second = (device.user for device in order)
    outcomes = {user: alice.answer(f"of {user}") for user in (first, second)}
    assert [outcomes[user]["outcome"] for user in (first, second)] == ["done", "refused"]
    yes = decisions[(alice, bob).index(order[0])]
    verb = (
        ("has approved it" if yes else "has denied it")
        if asked is APPROVAL
        else "has given its result"
    )
    assert outcomes[second]["reason"] == f"{first} {verb}"
    assert alice.map("messages").to_py() == bob.map("messages").to_py()
    found = calls(talk)["c1"]
    who = found["approval"]["by"] if asked is APPROVAL else found["by"]
    said = found["approval"]["approved"] if asked is APPROVAL else found["output"]
    assert (who, said) == (first, yes)
    # One execution: one attempt starts, one tool start of it counts.
    accepted(talk, start("m1", "a2"))
    assert isinstance(edit(talk, start("m1", "a3")), Refused)
    if asked is APPROVAL and yes:
        accepted(talk, steps(begin(), attempt="a2"))
        assert isinstance(edit(talk, steps(begin(), attempt="a1")), Refused)


@pytest.mark.parametrize(
    ("kind", "target", "value", "reason"),
    [
        ("approve", "c9", YES, "there is no such tool call"),
        ("approve", "c1", None, "true or false"),
        ("approve", "c1", {"approved": "yes"}, "true or false"),
        ("tool_output", "c1", None, "`output`"),
        ("tool_output", "c1", {"error_text": 5.0}, "`output`"),
        ("tool_output", "c1", {"output": 1.0}, "nobody asked for that"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(
    talk: Talk, alice: Talker, kind: str, target: str, value: object, reason: str
) -> None:
    suspend(talk, APPROVAL)
    alice.ask("r", kind, target, value)
    talk.sync(alice)
    assert reason in alice.answer("r")["reason"]
    assert states(talk) == ["approval-requested"]


def test_agents_decide_nothing(talk: Talk) -> None:
    suspend(talk, APPROVAL)
    agent = Talker("helper")
    agent.ask("r", "approve", "c1", YES)
    (verdict,) = talk.send(agent, Role.AGENT)
    assert isinstance(verdict, Refused)
    assert "for people to decide" in verdict.reason


def test_a_decision_survives_a_restart_and_is_not_asked_again(talk: Talk, alice: Talker) -> None:
    suspend(talk, APPROVAL)
    talk.restart()
    assert talk.replica.take_news() == ()
    assert talk.runs()["m1"]["status"] == "suspended"
    alice.ask("r", "approve", "c1", YES)
    talk.sync(alice)
    talk.restart()
    assert talk.replica.take_news() == (Run("m1", "demo", "queued"),)
    late = Talker("bob")
    talk.sync(late)
    (part,) = late.map("messages")["a1"]["parts"].to_py().values()
    assert part["state"] == "approval-responded"


def test_after_the_end_it_is_told_who_decided(talk: Talk, alice: Talker, bob: Talker) -> None:
    suspend(talk, APPROVAL)
    alice.ask("r", "approve", "c1", YES)
    talk.sync(alice)
    accepted(talk, start("m1", "a2"))
    accepted(talk, steps(begin(), result(1), attempt="a2"))
    accepted(talk, end(attempt="a2"))
    bob.ask("late", "approve", "c1", NO)
    talk.sync(bob)
    assert bob.answer("late")["reason"] == "alice has approved it"


@pytest.mark.parametrize("last", ["stop", "error", "done"])
def test_no_call_stays_open_when_its_run_has_ended(talk: Talk, alice: Talker, last: str) -> None:
    accepted(talk, steps(call(0), call(1, "c2"), call(2, "c3"), begin("c2"), APPROVAL))
    accepted(talk, steps(AskForOutput("c3")))
    if last == "stop":
        alice.ask("r", "stop", "m1")
        talk.sync(alice)
    else:
        accepted(talk, end(last))
    assert states(talk) == ["output-denied", "output-error", "output-error"]
    alice.ask("late", "approve", "c1", YES)
    talk.sync(alice)
    assert alice.answer("late")["reason"] == "the run was stopped"


@pytest.mark.parametrize(
    ("repeatable", "state"), [(False, "output-error"), (True, "input-available")]
)
def test_a_tool_that_a_crash_cut_off_is_not_run_again_unless_it_may(
    talk: Talk, alice: Talker, repeatable: bool, state: str
) -> None:
    accepted(talk, steps(call(0), begin(repeatable=repeatable)))
    talk.restart()
    (run,) = talk.replica.take_news()
    assert run == Run("m1", "demo", "active", "a1")
    accepted(talk, end("interrupted"))
    alice.ask("r", "resume", "m1")
    talk.sync(alice)
    accepted(talk, start("m1", "a2"))
    assert states(talk) == [state]
    again = edit(talk, steps(begin(repeatable=repeatable), attempt="a2"))
    assert isinstance(again, Accepted if repeatable else Refused)


def test_an_interruption_keeps_what_people_are_asked(talk: Talk, alice: Talker) -> None:
    accepted(talk, steps(call(0), APPROVAL))
    accepted(talk, end("interrupted"))
    assert states(talk) == ["approval-requested"]
    alice.ask("yes", "approve", "c1", YES)
    alice.ask("on", "resume", "m1")
    talk.sync(alice)
    accepted(talk, start("m1", "a2"))
    assert states(talk) == ["approval-responded"]
