"""Requests about the order, and that nobody but the server changes it."""

import pytest
from conversation_devices import Talk, Talker, new_message
from replicas import reopened

from segue.auth.grants import Role
from segue.document.sequencer import Sequencer
from segue.document.verdict import Accepted, Refused

SERVERS = "the order of messages is the server's: "


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_a_switch_shows_the_newest_end_below_its_target(
    talk: Talk, alice: Talker, bob: Talker
) -> None:
    for name in ("q1", "a1", "q2"):
        alice.say(name)
    alice.say("q1, better", supersedes="q1")
    talk.sync(alice, bob)
    bob.ask("r1", "switch", "q1")
    talk.sync(bob, alice)
    assert talk.path() == ["q1", "a1", "q2"]
    assert alice.answer("r1")["outcome"] == "done"
    alice.say("a2")
    talk.sync(alice)
    assert talk.path() == ["q1", "a1", "q2", "a2"]


def test_many_switches_at_once_cost_what_one_costs(
    talk: Talk, alice: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going to the end each time took 5 s for 3,000 of them, in 150 KiB, over 3,000 messages."""
    alice.say("m1")
    alice.say("m2")
    talk.sync(alice)
    asked: list[str | None] = []
    end_below = Sequencer._end_below

    def counted(sequencer: Sequencer, message: str | None) -> str | None:
        asked.append(message)
        return end_below(sequencer, message)

    monkeypatch.setattr(Sequencer, "_end_below", counted)
    with alice.doc.transaction():
        for number in range(30):
            alice.ask(f"r{number}", "switch", "m1")
    talk.sync(alice)
    assert talk.head() == "m2"
    assert asked.count("m1") == 1


def test_ones_own_message_is_withdrawn_while_nobody_has_answered(
    talk: Talk, alice: Talker, bob: Talker
) -> None:
    alice.say("m1")
    bob.say("m2")
    talk.sync(alice, bob)
    alice.ask("answered", "withdraw", "m1")
    alice.ask("another's", "withdraw", "m2")
    bob.ask("own", "withdraw", "m2")
    talk.sync(alice, bob)
    assert alice.answer("answered")["reason"] == "the message has been answered"
    assert alice.answer("another's")["reason"] == "the message is another's"
    assert bob.answer("own")["outcome"] == "done"
    assert talk.stored().keys() == {"m1"}
    assert talk.path() == ["m1"]
    assert talk.head() == "m1"


def test_a_user_called_like_an_agent_does_not_withdraw_its_messages(talk: Talk) -> None:
    agent = Talker("demo")
    agent.map("messages")["m1"] = new_message("demo", kind="agent")
    assert all(isinstance(verdict, Accepted) for verdict in talk.send(agent, Role.AGENT))
    namesake = Talker("demo")
    namesake.ask("r", "withdraw", "m1")
    talk.sync(namesake)
    assert namesake.answer("r")["reason"] == "the message is another's"
    assert talk.path() == ["m1"]


def test_an_agent_does_not_withdraw_what_a_person_of_the_same_name_said() -> None:
    talk, person, agent = Talk(), Talker("demo"), Talker("demo")
    person.say("m1")
    talk.sync(person)
    agent.ask("r", "withdraw", "m1")
    (verdict,) = talk.send(agent, Role.AGENT)
    assert isinstance(verdict, Refused)
    assert "people withdraw" in verdict.reason
    assert set(talk.stored()) == {"m1"}


@pytest.mark.parametrize(("kind", "target"), [("switch", "nobody's"), ("dance", "m1")])
def test_what_cannot_be_done_is_answered_with_the_reason(
    talk: Talk, alice: Talker, kind: str, target: str
) -> None:
    alice.say("m1")
    alice.ask("r", kind, target)
    talk.sync(alice)
    assert alice.answer("r")["outcome"] == "refused"
    assert alice.answer("r")["reason"]


def test_answered_requests_are_removed_in_the_end(talk: Talk, alice: Talker) -> None:
    alice.say("m1")
    for number in range(30):
        alice.ask(f"r{number}", "switch", "m1")
    talk.sync(alice)
    assert sorted(alice.map("requests").keys()) == sorted(f"r{n}" for n in range(10, 30))
    talk.replica = reopened(talk.replica)
    alice.ask("r30", "switch", "m1")
    talk.sync(alice)
    assert len(alice.map("requests")) == 20


def test_nobody_else_gives_a_seq(talk: Talk, alice: Talker) -> None:
    alice.say("m1", seq=7.0)
    assert talk.refuses(alice) == SERVERS + "it gives each message its `seq`"


@pytest.mark.parametrize("is_restarted", [False, True])
def test_nobody_else_changes_the_order(talk: Talk, is_restarted: bool) -> None:
    first = Talker("alice")
    first.say("m1")
    first.say("m2")
    talk.sync(first)
    if is_restarted:
        talk.replica = reopened(talk.replica)
    for change, why in (
        (lambda m: m["m2"].__setitem__("seq", 9.0), "it gives each message its `seq`"),
        (lambda m: m["m2"].__setitem__("parent", None), "a message keeps its `parent`"),
    ):
        device = Talker("alice")
        device.receive(talk.replica.state(b"\x00"))
        change(device.map("messages"))
        assert talk.refuses(device) == SERVERS + why
    for key in ("seq", "parent"):
        device = Talker("alice")
        device.receive(talk.replica.state(b"\x00"))
        del device.map("messages")["m2"][key]
        assert talk.refuses(device) == "a message keeps its place"


def test_the_head_is_the_servers(talk: Talk, alice: Talker) -> None:
    alice.say("m1")
    alice.say("m2")
    talk.sync(alice)
    mover = Talker("alice")
    mover.receive(talk.replica.state(b"\x00"))
    mover.map("session")["head"] = "m1"
    assert talk.refuses(mover).startswith(SERVERS)
    remover = Talker("alice")
    remover.receive(talk.replica.state(b"\x00"))
    del remover.map("session")["head"]
    assert "server's to remove" in talk.refuses(remover)


def test_a_request_is_written_once_by_who_asks(talk: Talk, alice: Talker, bob: Talker) -> None:
    alice.say("m1")
    alice.ask("r", "switch", "m1")
    talk.sync(alice, bob)
    for value in (
        {"kind": "switch", "target": "m1", "by": "alice"},
        {"kind": "switch", "target": "m1", "by": "bob", "outcome": "done"},
        {"by": "bob"},
        "r",
        1.0,
    ):
        device = Talker("bob")
        device.map("requests")["other"] = value
        assert "`by`, who sends it" in talk.refuses(device)
    bob.ask("r", "switch", "m1")
    assert "written once" in talk.refuses(bob)
    remover = Talker("alice")
    remover.receive(talk.replica.state(b"\x00"))
    del remover.map("requests")["r"]
    assert "server's to remove" in talk.refuses(remover)
