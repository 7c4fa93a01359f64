"""The order of messages: given once, by the server, the same for everybody."""

import random
import uuid
from itertools import count, pairwise

import pytest
from conversation_devices import Talk, Talker, new_message
from pycrdt import Map
from replicas import reader_of, reopened, replica_of, send

from segue.auth.grants import Role
from segue.document.verdict import Accepted, Summary

SERVERS = "the order of messages is the server's: "


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_messages_follow_one_another_in_the_order_of_the_log(talk: Talk, alice: Talker) -> None:
    for name in ("m1", "m2", "m3"):
        alice.say(name)
    talk.sync(alice)
    assert talk.order() == {"m1": (1, None), "m2": (2, "m1"), "m3": (3, "m2")}
    assert talk.head() == "m3"
    assert talk.path() == ["m1", "m2", "m3"]


def test_what_two_devices_send_in_the_same_instant_follows_one_another(
    talk: Talk, alice: Talker, bob: Talker
) -> None:
    alice.say("a1")
    bob.say("b1")
    talk.sync(alice, bob)
    assert talk.path() == ["a1", "b1"]
    assert alice.map("messages").to_py() == bob.map("messages").to_py()


def test_a_stale_device_lands_at_the_end_and_hides_nothing(
    talk: Talk, alice: Talker, bob: Talker
) -> None:
    alice.say("m1")
    talk.sync(alice, bob)
    for number in range(4, 11):
        alice.say(f"m{number}")
    talk.sync(alice)
    bob.say("late", parent="m1")
    talk.sync(bob)
    assert talk.path() == ["m1", *(f"m{number}" for number in range(4, 11)), "late"]


def test_a_long_offline_spell_comes_home_in_one_update_in_the_order_of_its_ids(
    talk: Talk, alice: Talker
) -> None:
    ids = [f"019012d4-{number:04x}-7abc-8def-0123456789ab" for number in range(9)]
    assert all(uuid.UUID(message).version == 7 for message in ids)
    with alice.doc.transaction():
        for message in reversed(ids):
            alice.say(message)
    talk.sync(alice)
    assert talk.path() == ids


def test_of_one_millisecond_they_stay_as_they_were_written(talk: Talk, alice: Talker) -> None:
    ids = [f"019012d4-0000-7{letter}bc-8def-0123456789ab" for letter in "9bf03"]
    with alice.doc.transaction():
        for message in ids:
            alice.say(message)
    talk.sync(alice)
    assert talk.path() == ids


def test_other_ids_in_one_update_keep_the_order_in_which_they_were_written(
    talk: Talk, alice: Talker
) -> None:
    with alice.doc.transaction():
        for message in ("z", "a", "m"):
            alice.say(message)
    talk.sync(alice)
    assert talk.path() == ["z", "a", "m"]


def test_only_supersedes_forks_and_takes_the_place_of_the_other(
    talk: Talk, alice: Talker, bob: Talker
) -> None:
    for name in ("q1", "a1", "q2"):
        alice.say(name)
    talk.sync(alice, bob)
    bob.say("q1, better", supersedes="q1")
    talk.sync(bob)
    alice.say("a1, better", supersedes="a1", parent="q2")
    talk.sync(alice)
    assert talk.order() == {
        "q1": (1, None),
        "a1": (2, "q1"),
        "q2": (3, "a1"),
        "q1, better": (4, None),
        "a1, better": (5, "q1"),
    }
    assert talk.path() == ["q1", "a1, better"]
    assert talk.page().messages[1].versions == ["a1", "a1, better"]


def test_what_supersedes_nothing_known_is_an_ordinary_message(talk: Talk, alice: Talker) -> None:
    alice.say("m1")
    alice.say("m2", supersedes="nobody's")
    talk.sync(alice)
    assert talk.path() == ["m1", "m2"]


def test_a_restart_goes_on_where_the_order_was(talk: Talk, alice: Talker) -> None:
    alice.say("m1")
    alice.say("m2")
    talk.sync(alice)
    before = talk.order()
    talk.replica = reopened(talk.replica)
    assert talk.path() == ["m1", "m2"]
    alice.say("m3")
    talk.sync(alice)
    assert talk.order() == {**before, "m3": (3, "m2")}


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_seq_is_never_given_twice_not_even_when_its_message_is_gone(
    talk: Talk, alice: Talker, is_restarted: bool
) -> None:
    alice.say("m1")
    alice.say("m2")
    talk.sync(alice)
    del alice.map("messages")["m2"]
    talk.sync(alice)
    if is_restarted:
        talk.replica = reopened(reopened(talk.replica))
    alice.say("m3")
    talk.sync(alice)
    assert talk.order() == {"m1": (1, None), "m3": (3, "m1")}


def test_the_children_of_a_deleted_message_go_to_its_parent(
    talk: Talk, alice: Talker, bob: Talker
) -> None:
    alice.say("m1")
    alice.say("m2")
    alice.say("m3")
    talk.sync(alice, bob)
    bob.say("m4")
    bob.say("m4, again", supersedes="m4")
    talk.sync(bob, alice)
    with alice.doc.transaction():
        del alice.map("messages")["m2"]
        del alice.map("messages")["m3"]
    talk.sync(alice, bob)
    assert talk.order() == {"m1": (1, None), "m4": (4, "m1"), "m4, again": (5, "m1")}
    assert talk.path() == ["m1", "m4, again"]
    assert reopened(talk.replica).summary.last_seq == 5


def test_the_head_of_a_deleted_end_is_what_was_before_it(talk: Talk, alice: Talker) -> None:
    for name in ("m1", "m2", "m3"):
        alice.say(name)
    talk.sync(alice)
    with alice.doc.transaction():
        for name in ("m1", "m2", "m3"):
            del alice.map("messages")[name]
    talk.sync(alice)
    assert talk.head() is None
    assert talk.path() == []
    alice.say("m4")
    talk.sync(alice)
    assert talk.order() == {"m4": (4, None)}


def test_a_message_put_anew_by_its_author_keeps_its_place(talk: Talk, alice: Talker) -> None:
    alice.say("m1")
    alice.say("m2")
    talk.sync(alice)
    before = talk.order()
    alice.say("m1", text="better")
    talk.sync(alice)
    assert talk.order() == before
    assert talk.path() == ["m1", "m2"]


def test_an_author_may_set_and_change_a_parent_in_the_update_that_adds_it(
    talk: Talk, alice: Talker
) -> None:
    with alice.doc.transaction():
        alice.say("m1", parent="x")
        alice.map("messages")["m1"]["parent"] = "y"
    talk.sync(alice)
    assert talk.order() == {"m1": (1, None)}


def test_what_was_stored_without_an_order_gets_one_with_the_next_update(
    talk: Talk, alice: Talker
) -> None:
    alice.say("m1")
    (stored,) = alice.take()
    talk.replica = replica_of(stored)
    alice.text("t").insert(0, "x")
    talk.sync(alice)
    assert talk.order() == {"m1": (1, None)}


def test_what_a_device_took_back_before_it_came_is_nothing(talk: Talk, alice: Talker) -> None:
    alice.ask("r", "switch", "m1")
    del alice.map("requests")["r"]
    for place in ("Porto", "Lisbon"):
        alice.map("context")["to"] = {"value": place, "by": "alice"}
    assert isinstance(send(talk.replica, alice.doc.get_update()), Accepted)
    stored = reader_of(talk.replica)
    assert stored.get("requests", type=Map).to_py() == {}
    assert stored.get("context", type=Map).to_py() == {"to": {"value": "Lisbon", "by": "alice"}}


@pytest.mark.timeout(10)
def test_an_order_from_before_it_was_the_servers_goes_in_no_circles(alice: Talker) -> None:
    for name, seq, parent in (("m1", 1.0, "m1"), ("m2", 2.0, "m3"), ("m3", 3.0, "m2")):
        alice.say(name, seq=seq, parent=parent)
    alice.say("m4", seq=4.0, parent="gone")
    sequencer = replica_of(*alice.take())._conversation.sequencer
    assert sequencer.path_to("m1", 9) == ["m1"]
    assert sequencer.path_to("m3", 9) == ["m2", "m3"]
    assert sequencer.path(None, 9) == ["m4"]


def test_a_page_of_a_long_path_costs_what_the_page_costs(talk: Talk, alice: Talker) -> None:
    for name in ("m1", "m2", "m3"):
        alice.say(name)
    talk.sync(alice)
    assert talk.replica._conversation.sequencer.path(None, 2) == ["m2", "m3"]


def test_typing_costs_nothing_and_tells_no_list(talk: Talk, alice: Talker) -> None:
    alice.say("m1")
    talk.sync(alice)
    alice.map("messages")["m1"]["parts"]["0"]["text"] += "!"
    alice.text("draft").insert(0, "x")
    for verdict in talk.send(alice):
        assert isinstance(verdict, Accepted)
        assert verdict.made is None
        assert verdict.summary is None


def test_a_list_is_told_nothing_that_it_has(talk: Talk, alice: Talker) -> None:
    alice.say("m1")
    talk.sync(alice)
    talk.replica = reopened(talk.replica)
    alice.map("session")["settings"] = {"responder": "none"}
    alice.ask("r", "switch", "m1")
    for verdict in talk.send(alice):
        assert isinstance(verdict, Accepted)
        assert verdict.summary is None


def test_a_list_is_told_of_titles_and_messages(talk: Talk, alice: Talker) -> None:
    alice.map("session")["title"] = "Lisbon" * 100
    alice.say("m1")
    titled, said = talk.send(alice)
    assert isinstance(titled, Accepted)
    assert isinstance(said, Accepted)
    assert titled.summary == Summary(("Lisbon" * 100)[:200], 0)
    assert said.summary == Summary(("Lisbon" * 100)[:200], 1)


def test_an_agents_message_has_its_place_too(talk: Talk) -> None:
    agent = Talker("demo")
    agent.map("messages")["m1"] = new_message("demo", kind="agent")
    assert all(isinstance(verdict, Accepted) for verdict in talk.send(agent, Role.AGENT))
    assert talk.order() == {"m1": (1, None)}


@pytest.mark.parametrize("seed", [*range(60), 598, 803, 895])
def test_whatever_people_do_the_order_holds(seed: int) -> None:
    """Random people, devices that stay behind, restarts; checked after every step."""
    play = _Play(seed)
    for _ in range(60):
        play.step()
        play.check()


class _Play:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.talk = Talk()
        self.devices = [Talker(user) for user in ("alice", "alice", "bob", "carol")]
        self.names = count(1)
        self.given: dict[str, float] = {}
        self.highest = 0.0

    def step(self) -> None:
        device = self.random.choice(self.devices)
        steps = (self.say, self.say, self.say, self.delete, self.ask, self.sync, self.sync)
        if self.random.random() < 0.05:
            self.talk.replica = reopened(self.talk.replica)
        self.random.choice(steps)(device)

    def say(self, device: Talker) -> None:
        messages = device.map("messages")
        known = sorted(messages.keys())
        with device.doc.transaction():
            for _ in range(self.random.choice((1, 1, 3))):
                name = f"{next(self.names):03}"
                fields = {"supersedes": self.random.choice(known)} if known else {}
                device.say(name, **(fields if self.random.random() < 0.3 else {}))

    def own(self, device: Talker) -> list[str]:
        messages = device.map("messages")
        return sorted(n for n in messages.keys() if messages[n]["author"]["id"] == device.user)

    def delete(self, device: Talker) -> None:
        for name in self.own(device)[: self.random.choice((0, 1, 2))]:
            if self.random.random() < 0.3:
                device.say(name, text="anew")
            else:
                del device.map("messages")[name]

    def ask(self, device: Talker) -> None:
        targets = sorted(device.map("messages").keys()) or ["nothing"]
        kind = self.random.choice(("switch", "withdraw"))
        device.ask(f"r{next(self.names)}", kind, self.random.choice(targets))

    def sync(self, device: Talker) -> None:
        self.talk.sync(device)

    def check(self) -> None:
        order = self.talk.order()
        before = self.highest
        for name, (seq, parent) in order.items():
            # One that was deleted, and put anew by a device that didn't know, is a new message.
            assert self.given.get(name) == seq or seq > before, "a seq has changed, or came twice"
            self.given[name] = seq
            self.highest = max(self.highest, seq)
            assert parent is None or order[parent][0] < seq, "a child is older than its parent"
        assert len({seq for seq, _ in order.values()}) == len(order)
        path = self.talk.path()
        assert (path[-1] if path else None) == self.talk.head()
        assert all(order[name][1] == before for before, name in pairwise([None, *path]))
