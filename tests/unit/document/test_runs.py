"""Runs in the document: made with their message, written to while they are active, ended once."""

from typing import Any

import msgspec
import pytest
from conversation_devices import Talk, Talker, new_message
from pycrdt import Map
from replicas import reader_of
from run_edits import accepted, edit, end, keep, say, start

from segue.auth.grants import Role
from segue.document.runs import MAX_INTERRUPTIONS
from segue.document.verdict import Accepted, NoNews, Refused, Run
from segue.document.views import TurnView, ViewTurn


@pytest.fixture
def talk() -> Talk:
    return Talk("demo", "other")


def started(talk: Talk, alice: Talker) -> None:
    alice.say("m1")
    talk.sync(alice)
    assert isinstance(edit(talk, start()), Accepted)


def written(talk: Talk) -> Any:
    return talk.stored()["a1"]["parts"]["0"]["text"]


def turn(talk: Talk) -> TurnView | None:
    return msgspec.json.decode(talk.replica.view(ViewTurn("m1")), type=TurnView | None)


def test_a_persons_message_gets_its_run_in_the_same_update(talk: Talk, alice: Talker) -> None:
    alice.say("m1")
    (verdict,) = talk.send(alice)
    assert isinstance(verdict, Accepted)
    assert verdict.runs == (Run("m1", "demo", "queued"),)
    assert verdict.summary is not None
    assert verdict.summary.open_runs == 1
    run = {"agent": "demo", "status": "queued", "reply_to": "m1", "number": 1}
    assert talk.runs() == {"m1": run}


def test_nobody_else_is_answered(talk: Talk, alice: Talker) -> None:
    alice.say("m1", role="assistant")
    agent = Talker("demo")
    agent.map("messages")["m2"] = new_message("demo", kind="agent")
    talk.sync(alice)
    assert all(isinstance(verdict, Accepted) for verdict in talk.send(agent, Role.AGENT))
    assert talk.runs() == {}


@pytest.mark.parametrize(
    ("settings", "agent"),
    [
        ({"responder": "none"}, None),
        ({"responder": "alice"}, None),
        ({"responder": 7.0}, None),
        ({"responder": "other"}, "other"),
        ({}, "demo"),
        ("odd", "demo"),
    ],
)
def test_the_session_says_who_answers(
    talk: Talk, alice: Talker, settings: object, agent: str | None
) -> None:
    alice.map("session")["settings"] = settings
    alice.say("m1")
    talk.sync(alice)
    assert [run["agent"] for run in talk.runs().values()] == ([agent] if agent else [])


def test_where_there_is_no_agent_nobody_answers(alice: Talker) -> None:
    talk = Talk()
    alice.say("m1")
    talk.sync(alice)
    assert talk.runs() == {}


def test_an_answer_grows_and_ends(talk: Talk, alice: Talker) -> None:
    started(talk, alice)
    assert talk.path() == ["m1", "a1"]
    assert talk.stored()["a1"]["status"] == "streaming"
    for at, text in ((0, "Grüße "), (8, "👋")):
        assert isinstance(edit(talk, say(at, text)), Accepted)
    assert written(talk) == "Grüße 👋"
    ended = edit(talk, end("done"))
    assert isinstance(ended, Accepted)
    assert ended.summary is not None
    assert ended.summary.open_runs == 0
    answer = talk.stored()["a1"]
    assert (answer["status"], answer["parts"]["0"]["state"]) == ("complete", "done")
    assert answer["author"] == {"kind": "agent", "id": "demo", "name": "demo"}
    run = talk.runs()["m1"]
    assert (run["status"], run["message"], run["ended_at"]) == ("done", "a1", 2_000)


def test_each_step_may_come_twice(talk: Talk, alice: Talker) -> None:
    started(talk, alice)
    assert isinstance(edit(talk, start()), NoNews)
    assert isinstance(edit(talk, start("m1", "a2")), Refused)
    edit(talk, say(0, "Hello"))
    assert isinstance(edit(talk, say(0, "Hello")), NoNews)
    assert isinstance(edit(talk, say(3, "?")), Refused)
    edit(talk, end("done"))
    assert isinstance(edit(talk, end("error")), NoNews)
    assert written(talk) == "Hello"
    assert talk.runs()["m1"]["status"] == "done"


def test_what_the_agent_remembers_and_its_title(talk: Talk, alice: Talker) -> None:
    started(talk, alice)
    entry = msgspec.json.encode({"value": "Lisbon", "by": "demo", "observed_at": 5})
    edit(talk, keep({"trip.to": entry, "old": entry}, (), "To Lisbon"))
    edit(talk, keep({}, ("old", "never there")))
    context = reader_of(talk.replica).get("context", type=Map).to_py()
    assert context == {"trip.to": {"value": "Lisbon", "by": "demo", "observed_at": 5.0}}
    found = turn(talk)
    assert found is not None
    assert found.title == "To Lisbon"
    assert found.context == {"trip.to": {"value": "Lisbon", "by": "demo", "observed_at": 5}}


def test_an_agent_names_a_session_until_a_person_does(talk: Talk, alice: Talker) -> None:
    started(talk, alice)
    for title in ("To Lisbon", "To Porto"):
        edit(talk, keep({}, title=title))
        assert talk.replica.summary.title == title
    talk.sync(alice)
    alice.map("session")["title"] = "Our trip"
    talk.sync(alice)
    edit(talk, keep({}, title="To Faro"))
    assert talk.replica.summary.title == "Our trip"


def test_a_turn_is_the_path_to_what_was_asked_and_what_is_written(
    talk: Talk, alice: Talker
) -> None:
    started(talk, alice)
    edit(talk, say(0, "Hel"))
    alice.say("m2")
    talk.sync(alice)
    found = turn(talk)
    assert found is not None
    assert [message.id for message in found.history] == ["m1"]
    assert [part["text"] for part in found.parts] == ["Hel"]
    assert found.started_at == 1_000
    assert talk.replica.view(ViewTurn("nobody's")) == b"null"


@pytest.mark.parametrize("target", ["m1", "a1"])
def test_a_stop_counts_at_once_and_nothing_is_written_behind_it(
    talk: Talk, alice: Talker, target: str
) -> None:
    started(talk, alice)
    edit(talk, say(0, "Hel"))
    alice.ask("r", "stop", target)
    (verdict,) = talk.send(alice)
    assert isinstance(verdict, Accepted)
    assert verdict.runs == (Run("m1", "demo", "cancelled", "a1"),)
    assert isinstance(edit(talk, say(3, "lo")), Refused)
    assert isinstance(edit(talk, end("done")), NoNews)
    answer = talk.stored()["a1"]
    assert (answer["status"], written(talk)) == ("cancelled", "Hel")
    talk.sync(alice)
    assert alice.answer("r")["outcome"] == "done"
    alice.ask("again", "stop", target)
    talk.sync(alice)
    assert alice.answer("again")["reason"] == "the run has ended"


def test_one_that_waits_is_stopped_and_never_starts(talk: Talk, alice: Talker) -> None:
    alice.say("m1")
    alice.ask("r", "stop", "m1")
    talk.sync(alice)
    assert talk.runs()["m1"]["status"] == "cancelled"
    assert isinstance(edit(talk, start()), Refused)
    assert talk.path() == ["m1"]


def test_a_withdrawn_message_is_answered_by_nobody(talk: Talk, alice: Talker) -> None:
    alice.say("m1")
    alice.ask("r", "withdraw", "m1")
    talk.sync(alice)
    assert talk.runs()["m1"]["status"] == "cancelled"
    assert talk.path() == []


def test_a_restart_finds_what_was_open(talk: Talk, alice: Talker) -> None:
    started(talk, alice)
    alice.say("m2")
    alice.say("m3")
    alice.ask("r", "stop", "m3")
    talk.sync(alice)
    talk.restart()
    # What is in line is told when its turn comes.
    assert talk.replica.take_news() == (Run("m1", "demo", "active", "a1"),)
    assert talk.replica.take_news() == ()
    assert talk.replica.summary.open_runs == 2


def test_what_was_cut_off_goes_on_in_the_same_answer(talk: Talk, alice: Talker) -> None:
    started(talk, alice)
    edit(talk, say(0, "Hel"))
    edit(talk, end("interrupted"))
    assert talk.stored()["a1"]["status"] == "interrupted"
    alice.ask("r", "resume", "a1")
    (verdict,) = talk.send(alice)
    assert isinstance(verdict, Accepted)
    assert verdict.runs == (Run("m1", "demo", "queued"),)
    assert isinstance(edit(talk, start("m1", "again")), Accepted)
    assert isinstance(edit(talk, start("m1", "again")), NoNews)
    # The attempt that was given up comes too late, whatever it does.
    assert isinstance(edit(talk, say(3, "p!")), Refused)
    assert isinstance(edit(talk, end("error")), NoNews)
    accepted(talk, say(3, "lo", attempt="again"))
    accepted(talk, end("done", attempt="again"))
    assert written(talk) == "Hello"
    assert talk.path() == ["m1", "a1"]


def test_only_what_was_cut_off_goes_on(talk: Talk, alice: Talker) -> None:
    started(talk, alice)
    edit(talk, end("done"))
    alice.ask("done", "resume", "m1")
    alice.ask("nobody's", "resume", "x")
    talk.sync(alice)
    assert alice.answer("done")["reason"] == "the run has not been cut off"
    assert alice.answer("nobody's")["reason"] == "there is no such run"


def test_runs_are_the_servers(talk: Talk, alice: Talker) -> None:
    started(talk, alice)
    alice.map("runs")["m1"] = {"status": "done"}
    assert talk.refuses(alice) == "runs are the server's: ask with a request"
    remover = Talker("alice")
    remover.receive(talk.replica.state(b"\x00"))
    del remover.map("runs")["m1"]
    assert "server's to remove" in talk.refuses(remover)


def test_what_is_known_is_said_in_ones_own_name(talk: Talk, alice: Talker) -> None:
    started(talk, alice)
    entry = msgspec.json.encode({"value": "Lisbon", "by": "demo"})
    edit(talk, keep({"to": entry, "gone": entry}))
    talk.sync(alice)
    alice.map("context")["to"] = {"value": "Porto", "by": "alice"}
    del alice.map("context")["gone"]
    talk.sync(alice)
    context = reader_of(talk.replica).get("context", type=Map).to_py()
    assert context == {"to": {"value": "Porto", "by": "alice"}}
    for value in ({"value": "Faro", "by": "demo"}, {"value": "Faro"}, "Faro"):
        forger = Talker("alice")
        forger.map("context")["to"] = value
        assert "`by`, who sends it" in talk.refuses(forger)


def test_an_answer_whose_text_is_gone_takes_no_more(talk: Talk, alice: Talker) -> None:
    started(talk, alice)
    accepted(talk, say(0, "Hel"))
    device = Talker("demo")
    device.receive(talk.replica.state(b"\x00"))
    del device.map("messages")["a1"]["parts"]["0"]
    assert all(isinstance(verdict, Accepted) for verdict in talk.send(device, Role.AGENT))
    assert isinstance(edit(talk, say(3, "x")), Refused)
    assert isinstance(edit(talk, end("error")), Accepted)


def test_where_the_session_wants_it_a_run_goes_on_by_itself_a_few_times(
    talk: Talk, alice: Talker
) -> None:
    alice.map("session")["settings"] = {"when_interrupted": "resume"}
    started(talk, alice)
    accepted(talk, say(0, "Hel"))
    for number in range(MAX_INTERRUPTIONS):
        attempt = f"b{number}"
        before = "a1" if number == 0 else f"b{number - 1}"
        assert accepted(talk, end("interrupted", attempt=before)).runs == (
            Run("m1", "demo", "queued"),
        )
        talk.restart()
        assert talk.replica.take_news() == (Run("m1", "demo", "queued"),)
        accepted(talk, start("m1", attempt))
        assert talk.stored()["a1"]["status"] == "streaming"
    accepted(talk, end("interrupted", attempt=f"b{MAX_INTERRUPTIONS - 1}"))
    assert talk.runs()["m1"]["status"] == "interrupted"
    assert written(talk) == "Hel"
    alice.ask("r", "resume", "m1")
    talk.sync(alice)
    assert "interruptions" not in talk.runs()["m1"]
