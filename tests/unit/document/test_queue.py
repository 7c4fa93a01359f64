"""What comes while an answer is being written waits, interrupts or is not answered: as one wants."""

import random
from typing import Any

import pytest
from conversation_devices import Talk, Talker
from run_edits import accepted, begin, call, edit, end, say, start, steps, suspend

from segue.document.edits import StopRun
from segue.document.runs import MAX_OPEN
from segue.document.steps import AskForApproval
from segue.document.verdict import Accepted, NoNews, Refused, Run


@pytest.fixture
def talk() -> Talk:
    return Talk("demo")


def running(talk: Talk, alice: Talker) -> None:
    """m1 is being answered by a1."""
    alice.say("m1")
    talk.sync(alice)
    accepted(talk, start())
    accepted(talk, say(0, "Hel"))


def wants(talk: Talk, alice: Talker, policy: object) -> None:
    alice.map("session")["settings"] = {"while_running": policy}
    talk.sync(alice)


def status(talk: Talk, *runs: str) -> list[str]:
    return [talk.runs()[run]["status"] for run in runs]


def shown(talk: Talk) -> list[tuple[str, str, int | None]]:
    return [(message.id, message.status, message.seq) for message in talk.page().messages]


def asked_and_answered(talk: Talk, message: str, answer: str) -> tuple[Run, ...]:
    """Answers a message whose turn it is; gives what is news then."""
    accepted(talk, start(message, answer))
    return accepted(talk, end(run=message, attempt=answer)).runs


@pytest.mark.parametrize("policy", [None, "enqueue", "nonsense", 5.0])
def test_it_waits_in_line_visible_and_without_a_place(
    talk: Talk, alice: Talker, bob: Talker, policy: object
) -> None:
    wants(talk, alice, policy)
    running(talk, alice)
    bob.say("m2")
    (verdict,) = talk.send(bob)
    assert isinstance(verdict, Accepted)
    assert verdict.runs == ()
    alice.say("m3")
    talk.sync(alice, bob)
    assert shown(talk) == [
        ("m1", "complete", 1),
        ("a1", "streaming", 2),
        ("m2", "queued", None),
        ("m3", "queued", None),
    ]
    assert talk.head() == "a1"
    assert accepted(talk, end()).runs == (Run("m2", "demo", "queued"),)
    assert asked_and_answered(talk, "m2", "a2") == (Run("m3", "demo", "queued"),)
    assert asked_and_answered(talk, "m3", "a3") == ()
    assert talk.path() == ["m1", "a1", "m2", "a2", "m3", "a3"]
    assert [seq for _, _, seq in shown(talk)] == [1, 2, 3, 4, 5, 6]


def test_only_the_first_in_line_starts(talk: Talk, alice: Talker) -> None:
    running(talk, alice)
    alice.say("m2")
    alice.say("m3")
    talk.sync(alice)
    for message in ("m2", "m3"):
        assert isinstance(edit(talk, start(message, "x")), Refused)
    accepted(talk, end())
    assert isinstance(edit(talk, start("m3", "x")), Refused)
    accepted(talk, start("m2", "x"))


def test_the_line_survives_a_restart_in_its_order(talk: Talk, alice: Talker) -> None:
    running(talk, alice)
    line = [f"q{number}" for number in range(9, 0, -1)]
    for message in line:
        alice.say(message)
    talk.sync(alice)
    talk.restart()
    alice.say("last")
    talk.sync(alice)
    assert [message for message, status, _ in shown(talk) if status == "queued"] == [*line, "last"]
    (news,) = accepted(talk, end()).runs
    for message in (*line, "last"):
        assert news == Run(message, "demo", "queued")
        news = next(iter(asked_and_answered(talk, message, f"of {message}")), news)
    assert talk.path()[2::2] == [*line, "last"]


def test_an_answer_stands_behind_what_it_replies_to_whatever_came_meanwhile(
    talk: Talk, alice: Talker
) -> None:
    alice.say("m1")
    alice.say("m2")
    talk.sync(alice)
    accepted(talk, start())
    assert talk.head() == "a1"
    accepted(talk, end())
    accepted(talk, start("m2", "a2"))
    assert talk.order()["a2"] == (4, "m2")


def test_one_that_waits_is_withdrawn_without_a_trace(
    talk: Talk, alice: Talker, bob: Talker
) -> None:
    running(talk, alice)
    alice.say("m2")
    alice.say("m3")
    talk.sync(alice, bob)
    bob.ask("no", "withdraw", "m2")
    alice.ask("yes", "withdraw", "m2")
    talk.sync(bob, alice)
    assert bob.answer("no")["reason"] == "the message is another's"
    assert "m2" not in talk.stored()
    del alice.map("messages")["m3"]
    talk.sync(alice)
    assert status(talk, "m1", "m2", "m3") == ["active", "cancelled", "cancelled"]
    assert accepted(talk, end()).runs == ()
    assert talk.path() == ["m1", "a1"]


def test_one_that_waits_and_is_stopped_is_kept_in_its_place(talk: Talk, alice: Talker) -> None:
    running(talk, alice)
    alice.say("m2")
    talk.sync(alice)
    alice.ask("r", "stop", "m2")
    talk.sync(alice)
    assert shown(talk)[-1] == ("m2", "complete", 3)
    assert status(talk, "m1", "m2") == ["active", "cancelled"]


def test_a_message_that_asks_nobody_never_waits(talk: Talk, alice: Talker) -> None:
    running(talk, alice)
    alice.say("note", role="system")
    talk.sync(alice)
    assert talk.path() == ["m1", "a1", "note"]


@pytest.mark.parametrize("is_set", ["session", "message"])
def test_interrupt_stops_all_and_answers_everything_together(
    talk: Talk, alice: Talker, bob: Talker, is_set: str
) -> None:
    running(talk, alice)
    alice.say("m2")
    talk.sync(alice, bob)
    if is_set == "session":
        wants(talk, bob, "interrupt")
        bob.say("m3")
    else:
        bob.say("m3", metadata={"while_running": "interrupt"})
    (verdict,) = talk.send(bob)
    assert isinstance(verdict, Accepted)
    assert set(verdict.runs) == {
        Run("m1", "demo", "cancelled", "a1"),
        Run("m2", "demo", "cancelled"),
        Run("m3", "demo", "queued"),
    }
    assert talk.path() == ["m1", "a1", "m2", "m3"]
    assert talk.stored()["a1"]["parts"]["0"]["text"] == "Hel"
    assert isinstance(edit(talk, say(3, "lo")), Refused)
    asked_and_answered(talk, "m3", "a3")
    assert talk.order()["a3"] == (5, "m3")


def test_reject_keeps_the_message_and_says_why_nobody_answers(talk: Talk, alice: Talker) -> None:
    wants(talk, alice, "reject")
    running(talk, alice)
    alice.say("m2")
    alice.say("m3", metadata={"while_running": "enqueue"})
    talk.sync(alice)
    assert talk.path() == ["m1", "a1", "m2", "m3"]
    assert status(talk, "m1", "m2", "m3") == ["active", "cancelled", "queued"]
    assert "while_running" in talk.runs()["m2"]["error"]
    accepted(talk, end())
    alice.ask("r", "resume", "m2")
    talk.sync(alice)
    assert status(talk, "m2") == ["queued"]


def test_the_line_is_bounded(talk: Talk, alice: Talker) -> None:
    running(talk, alice)
    for number in range(MAX_OPEN):
        alice.say(f"q{number}")
    talk.sync(alice)
    last = talk.runs()[f"q{MAX_OPEN - 1}"]
    assert last["status"] == "cancelled"
    assert "wait for an answer already" in last["error"]
    assert status(talk, f"q{MAX_OPEN - 2}") == ["queued"]


def test_a_run_that_waits_for_people_holds_the_line_and_an_interrupt_takes_it(
    talk: Talk, alice: Talker
) -> None:
    alice.say("m1")
    talk.sync(alice)
    accepted(talk, start())
    suspend(talk, AskForApproval("c1"))
    alice.say("m2")
    talk.sync(alice)
    talk.restart()
    assert talk.replica.take_news() == ()
    assert isinstance(edit(talk, start("m2", "x")), Refused)
    alice.say("m3", metadata={"while_running": "interrupt"})
    talk.sync(alice)
    assert status(talk, "m1", "m2", "m3") == ["cancelled", "cancelled", "queued"]
    assert talk.stored()["a1"]["parts"]["0"]["state"] == "output-denied"


def test_what_goes_on_is_before_what_came_later(talk: Talk, alice: Talker) -> None:
    running(talk, alice)
    alice.say("m2")
    alice.say("m3")
    talk.sync(alice)
    accepted(talk, end("interrupted"))
    alice.ask("r", "resume", "m1")
    (verdict,) = talk.send(alice)
    assert isinstance(verdict, Accepted)
    assert verdict.runs == (Run("m1", "demo", "queued"),)


def test_a_stop_of_the_session_stops_what_runs_and_what_waits(talk: Talk, alice: Talker) -> None:
    running(talk, alice)
    alice.say("m2")
    talk.sync(alice)
    alice.ask("r", "stop", "session")
    talk.sync(alice)
    assert status(talk, "m1", "m2") == ["cancelled", "cancelled"]


def test_the_server_stops_a_run_by_its_id(talk: Talk, alice: Talker) -> None:
    running(talk, alice)
    assert accepted(talk, StopRun("m1")).runs == (Run("m1", "demo", "cancelled", "a1"),)
    assert isinstance(edit(talk, StopRun("m1")), NoNews)
    assert isinstance(edit(talk, StopRun("a1")), Refused)


# -- versions --------------------------------------------------------------------------------------


def answered(talk: Talk, alice: Talker) -> None:
    running(talk, alice)
    accepted(talk, end())


def test_an_answer_is_given_anew_beside_the_former(talk: Talk, alice: Talker, bob: Talker) -> None:
    answered(talk, alice)
    talk.sync(alice, bob)
    bob.ask("again", "regenerate", "a1")
    (verdict,) = talk.send(bob)
    assert isinstance(verdict, Accepted)
    assert verdict.runs == (Run("again", "demo", "queued"),)
    accepted(talk, start("again", "b1"))
    assert talk.path() == ["m1", "b1"]
    assert talk.stored()["b1"]["supersedes"] == "a1"
    assert talk.page().messages[1].versions == ["a1", "b1"]
    accepted(talk, end(run="again", attempt="b1"))
    alice.ask("back", "switch", "a1")
    talk.sync(alice)
    assert talk.path() == ["m1", "a1"]


def test_a_regenerated_one_is_stopped_by_any_of_its_names(talk: Talk, alice: Talker) -> None:
    for number, name in enumerate(("m1", "b{}", "again{}")):
        if number == 0:
            answered(talk, alice)
        talk.sync(alice)
        alice.ask(f"again{number}", "regenerate", "a1")
        talk.sync(alice)
        accepted(talk, start(f"again{number}", f"b{number}"))
        alice.ask(f"stop{number}", "stop", name.format(number))
        talk.sync(alice)
        assert alice.answer(f"stop{number}")["outcome"] == "done"
        assert status(talk, f"again{number}") == ["cancelled"]


@pytest.mark.parametrize(
    ("target", "request_id", "policy", "reason"),
    [
        ("nothing", "r", None, "there is no such answer"),
        ("a1", "m1", None, "in use"),
        ("m2", "r", None, "not complete"),
        ("a1", "r", "reject", "asked not to wait"),
    ],
)
def test_why_an_answer_is_not_given_anew(
    talk: Talk, alice: Talker, target: str, request_id: str, policy: Any, reason: str
) -> None:
    answered(talk, alice)
    alice.say("m2")
    wants(talk, alice, policy)
    alice.ask(request_id, "regenerate", target)
    talk.sync(alice)
    assert reason in alice.answer(request_id)["reason"]


def test_an_edit_is_a_version_with_an_answer_of_its_own(talk: Talk, alice: Talker) -> None:
    answered(talk, alice)
    alice.say("m1, better", supersedes="m1")
    talk.sync(alice)
    accepted(talk, start("m1, better", "b1"))
    assert talk.path() == ["m1, better", "b1"]
    assert talk.order()["m1, better"] == (3, None)


def test_an_answer_to_what_people_left_leaves_them_where_they_are(
    talk: Talk, alice: Talker
) -> None:
    answered(talk, alice)
    alice.say("m1, better", supersedes="m1")
    alice.ask("back", "switch", "a1")
    talk.sync(alice)
    accepted(talk, start("m1, better", "b1"))
    assert talk.path() == ["m1", "a1"]
    assert talk.order()["b1"] == (4, "m1, better")


def test_the_tools_of_a_stopped_answer_do_nothing_more(talk: Talk, alice: Talker) -> None:
    running(talk, alice)
    accepted(talk, steps(call(1)))
    alice.ask("r", "stop", "m1")
    talk.sync(alice)
    assert isinstance(edit(talk, steps(begin())), Refused)


@pytest.mark.parametrize("seed", range(500))
def test_a_stop_at_any_token_keeps_the_turn_and_all_that_was_written(seed: int) -> None:
    rng = random.Random(seed)
    talk, alice, bob = Talk("demo"), Talker("alice"), Talker("bob")
    alice.say("m1")
    talk.sync(alice, bob)
    cut, written = rng.randrange(-1, 12), ""
    if cut >= 0:
        accepted(talk, start())
    for number in range(cut):
        piece = rng.choice(("é", "👋 ", f"{number} "))
        accepted(talk, say(len(written.encode()), piece))
        written += piece
    bob.ask("r", "stop", rng.choice(("m1", "session") if cut < 0 else ("m1", "a1", "session")))
    if rng.random() < 0.3:
        talk.restart()
    talk.sync(bob, alice)
    assert alice.answer("r")["outcome"] == "done"
    assert status(talk, "m1") == ["cancelled"]
    assert isinstance(edit(talk, say(len(written.encode()), "more")), Refused)
    assert talk.path() == (["m1"] if cut < 0 else ["m1", "a1"])
    if cut > 0:
        answer = talk.stored()["a1"]
        part = {"type": "text", "text": written, "state": "done"}
        assert (answer["status"], answer["parts"]) == ("cancelled", {"0": part})
    assert alice.map("messages").to_py() == bob.map("messages").to_py()
