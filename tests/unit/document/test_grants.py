"""The author rule of messages: checked before the CRDT, on whatever form an update gives it."""

from typing import Any

import encoded as yjs
import pytest
from pycrdt import Array, Doc, Map, Text
from replicas import NOTHING, Device, reader_of, reopened, replica_of, send, text_of

from segue.auth.grants import Role
from segue.document.content import STRING
from segue.document.replica import Replica
from segue.document.update import parse
from segue.document.verdict import Accepted, NoNews, Refused, Verdict

OTHERS = "the message is another's"
NOT_SENDER = "a message's author has to be who sends it"
NO_AUTHOR = "a new message has to name its author"
KEEPS = "a message keeps its author"


def message(user: str = "alice", kind: str = "user", text: str = "hi") -> Map[Any]:
    author = {"kind": kind, "id": user, "device": "phone"}
    part = Map({"type": "text", "text": Text(text)})
    return Map({"role": "user", "author": author, "parts": Map({"0": part})})


def nested(user: str = "alice", kind: str = "user") -> Map[Any]:
    return Map({"author": Map({"kind": kind, "id": user})})


def reason(verdict: Verdict) -> str:
    assert isinstance(verdict, Refused), verdict
    return verdict.reason


class Conversation:
    """A replica with Alice's message m1, and a second device that has read it."""

    def __init__(self) -> None:
        self.replica = Replica.open(None, ())
        self.alice = Device(1)
        self.alice.map("messages")["m1"] = message()
        assert all(isinstance(verdict, Accepted) for verdict in self.send(self.alice))
        self.bob = Device(2, "bob")
        self.bob.receive(self.replica.state(NOTHING))

    def send(self, device: Device, role: Role = Role.EDITOR) -> list[Verdict]:
        return [send(self.replica, data, user=device.user, role=role) for data in device.take()]

    def refuses(self, device: Device, why: str, role: Role = Role.EDITOR) -> None:
        before = self.replica.state(NOTHING)
        verdicts = self.send(device, role)
        assert reason(verdicts[0]) == why
        assert self.replica.state(NOTHING) == before

    def messages(self) -> Any:
        return reader_of(self.replica).get("messages", type=Map).to_py()


@pytest.fixture(params=["live", "after a restart"])
def conversation(request: pytest.FixtureRequest) -> Conversation:
    made = Conversation()
    if request.param == "after a restart":
        made.replica = reopened(made.replica)
    return made


@pytest.mark.parametrize("value", [message("alice"), nested("alice")])
def test_one_may_write_messages_of_ones_own(value: Map[Any]) -> None:
    device = Device(1)
    messages = device.map("messages")
    messages["m"] = value
    messages["m"]["status"] = "streaming"
    messages["m"]["parts"] = Map({"0": Map({"text": Text("")})})
    messages["m"]["parts"]["0"]["text"] += "👋"
    del messages["m"]["status"]
    messages["m"] = message("alice")
    del messages["m"]
    replica = Replica.open(None, ())
    assert all(isinstance(send(replica, data), Accepted) for data in device.take())


@pytest.mark.parametrize(
    "value", [message("bob"), message("alice", "agent"), nested("bob"), nested("alice", "agent")]
)
def test_nobody_writes_in_anothers_name(value: Map[Any]) -> None:
    device = Device(1)
    device.map("messages")["m"] = value
    assert reason(send(Replica.open(None, ()), device.take()[0])) == NOT_SENDER


def test_an_agent_writes_as_an_agent() -> None:
    device = Device(1, "demo")
    device.map("messages")["m"] = message("demo", "agent")
    (sent,) = device.take()
    replica = Replica.open(None, ())
    assert reason(send(replica, sent, user="demo", role=Role.EDITOR)) == NOT_SENDER
    assert isinstance(send(replica, sent, user="demo", role=Role.AGENT), Accepted)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Map({"text": "no author"}), NO_AUTHOR),
        (Map({"author": "alice"}), NOT_SENDER),
        (Map({"author": None}), NOT_SENDER),
        (Map({"author": {"id": "alice"}}), NOT_SENDER),
        (Map({"author": Map({"id": "alice"})}), "an author has a kind and an id"),
        (Map({"author": Text("alice")}), NOT_SENDER),
        (Text("hi"), "a message has to be a Y.Map"),
        (Array([1]), "a message has to be a Y.Map"),
        ("hi", "a message has to be a Y.Map"),
        ({"author": {"kind": "user", "id": "alice"}}, "a message has to be a Y.Map"),
    ],
)
def test_a_new_message_is_a_map_with_its_author(value: Any, why: str) -> None:
    device = Device(1)
    device.map("messages")["m"] = value
    assert reason(send(Replica.open(None, ()), device.take()[0])) == why


def test_nobody_changes_anothers_message(conversation: Conversation) -> None:
    theirs = conversation.bob.map("messages")["m1"]
    theirs["status"] = "hacked"
    conversation.refuses(conversation.bob, OTHERS)


def test_nobody_types_into_anothers_text(conversation: Conversation) -> None:
    theirs = conversation.bob.map("messages")["m1"]
    theirs["parts"]["0"]["text"] += "!"
    conversation.refuses(conversation.bob, OTHERS)


def test_nobody_deletes_from_anothers_text(conversation: Conversation) -> None:
    theirs = conversation.bob.map("messages")["m1"]
    del theirs["parts"]["0"]["text"][0:1]
    conversation.refuses(conversation.bob, OTHERS)


def test_nobody_deletes_anothers_message(conversation: Conversation) -> None:
    del conversation.bob.map("messages")["m1"]
    conversation.refuses(conversation.bob, OTHERS)


def test_nobody_replaces_anothers_message(conversation: Conversation) -> None:
    conversation.bob.map("messages")["m1"] = message("bob")
    conversation.refuses(conversation.bob, OTHERS)


def test_nobody_takes_an_id_that_another_used_unseen(conversation: Conversation) -> None:
    stranger = Device(3, "bob")
    stranger.map("messages")["m1"] = message("bob")
    conversation.refuses(stranger, OTHERS)


def test_nobody_becomes_the_author_of_anothers_message(conversation: Conversation) -> None:
    with conversation.bob.doc.transaction():
        theirs = conversation.bob.map("messages")["m1"]
        theirs["author"] = {"kind": "user", "id": "bob"}
        theirs["status"] = "mine"
    conversation.refuses(conversation.bob, OTHERS)


def test_an_agent_of_the_same_name_is_another(conversation: Conversation) -> None:
    agent = Device(4, "alice")
    agent.receive(conversation.replica.state(NOTHING))
    agent.map("messages")["m1"]["status"] = "hacked"
    conversation.refuses(agent, OTHERS, Role.AGENT)


def test_one_message_of_ones_own_does_not_cover_for_another(conversation: Conversation) -> None:
    with conversation.bob.doc.transaction():
        conversation.bob.map("messages")["m2"] = message("bob")
        conversation.bob.map("messages")["m1"]["status"] = "hacked"
    conversation.refuses(conversation.bob, OTHERS)


def test_a_message_keeps_its_author(conversation: Conversation) -> None:
    alice = Device(5)
    alice.receive(conversation.replica.state(NOTHING))
    del alice.map("messages")["m1"]["author"]
    conversation.refuses(alice, KEEPS)


def test_half_an_author_is_not_taken_away() -> None:
    replica = Replica.open(None, ())
    alice = Device(1)
    alice.map("messages")["m"] = nested()
    assert isinstance(send(replica, alice.take()[0]), Accepted)
    alice.map("messages")["m"]["author"]["device"] = "phone"
    alice.map("messages")["m"]["author"]["id"] = "alice"
    assert all(isinstance(send(replica, data), Accepted) for data in alice.take())
    del alice.map("messages")["m"]["author"]["id"]
    assert reason(send(replica, alice.take()[0])) == KEEPS
    bob = Device(2, "bob")
    bob.receive(replica.state(NOTHING))
    bob.map("messages")["m"]["author"]["id"] = "bob"
    assert reason(send(reopened(replica), bob.take()[0], user="bob")) == OTHERS


def test_sending_twice_is_sending_once(conversation: Conversation) -> None:
    """The same user's other device, or a fresh replica, offers the message again."""
    again = Device(6)
    again.map("messages")["m1"] = message()
    assert all(isinstance(verdict, Accepted) for verdict in conversation.send(again))
    assert list(conversation.messages()) == ["m1"]
    reader = Device(8, "bob")
    reader.receive(conversation.replica.state(NOTHING))
    reader.text().insert(0, "with the delete that nobody sent")
    step_2 = reader.doc.get_update()
    assert isinstance(send(conversation.replica, step_2, user="bob"), Accepted)


def test_a_message_of_nobody_is_left_alone() -> None:
    """One that a log holds without an author: it stays as it is."""
    writer = Device(1)
    writer.map("messages")["m"] = Map({"text": "?"})
    replica = replica_of(*writer.take())
    writer.map("messages")["m"]["text"] = "!"
    assert reason(send(replica, writer.take()[0])) == (
        "the message has no author who could change it"
    )


def test_what_another_deleted_may_be_repeated(conversation: Conversation) -> None:
    """A step 2 holds everybody's deletes; only new ones are the sender's."""
    alice = Device(7)
    alice.receive(conversation.replica.state(NOTHING))
    del alice.map("messages")["m1"]
    deletion = alice.take()[0]
    assert isinstance(send(conversation.replica, deletion), Accepted)
    conversation.bob.receive(deletion)
    step_2 = conversation.bob.doc.get_update()
    assert isinstance(send(conversation.replica, step_2, user="bob"), NoNews)
    conversation.bob.text().insert(0, "hello")
    step_2 = conversation.bob.doc.get_update()
    assert isinstance(send(conversation.replica, step_2, user="bob"), Accepted)
    assert text_of(conversation.replica) == "hello"


def test_a_message_made_and_deleted_offline_passes() -> None:
    device = Device(1)
    device.map("messages")["m"] = message()
    del device.map("messages")["m"]
    replica = Replica.open(None, ())
    assert isinstance(send(replica, device.doc.get_update()), Accepted)
    merged = Doc[Any](skip_gc=True)
    for data in device.take():
        merged.apply_update(data)
    assert isinstance(send(Replica.open(None, ()), merged.get_update()), Accepted)


def test_other_roots_are_free() -> None:
    device = Device(1, "bob")
    device.map("facts")["k"] = {"author": {"id": "alice"}}
    device.map("Messages")["m"] = "anything"
    replica = Replica.open(None, ())
    assert all(isinstance(send(replica, data, user="bob"), Accepted) for data in device.take())


def test_messages_used_as_something_else_hang_nobody() -> None:
    """Any editor may use a session: an Array or a Text named `messages` is theirs to have."""
    emoji = yjs.string("👋")
    for first in (emoji, yjs.values(yjs.any_text("👋")), yjs.shared(0)):
        replica = Replica.open(None, ())
        sent = yjs.update(yjs.section(1, 0, yjs.item(first, parent="messages")))
        assert isinstance(send(replica, sent), Accepted)
        alice = Device(2)
        alice.map("messages")["m"] = message()
        assert isinstance(send(replica, alice.take()[0]), Accepted)
        bob = Device(3, "bob")
        bob.receive(replica.state(NOTHING))
        bob.map("messages")["m"]["status"] = "hacked"
        assert reason(send(replica, bob.take()[0], user="bob")) == OTHERS
        assert reopened(replica).vector == replica.vector


def test_a_detour_over_ones_own_text_does_not_lead_into_anothers(
    conversation: Conversation,
) -> None:
    """An item between a neighbour of one's own and one of another's: the CRDT may take either."""
    bob = conversation.bob
    bob.map("messages")["m2"] = message("bob")
    assert all(isinstance(verdict, Accepted) for verdict in conversation.send(bob))
    own, theirs = text_start(bob.doc, 2), text_start(bob.doc, 1)
    for left, right in ((own, theirs), (theirs, own)):
        sent = yjs.update(yjs.section(3, 0, yjs.item(yjs.string("x"), origin=left, right=right)))
        verdict = send(conversation.replica, sent, user="bob")
        assert reason(verdict) == "its neighbours are not in the same place"
    behind = yjs.update(yjs.section(3, 0, yjs.item(yjs.string("x"), origin=theirs)))
    assert reason(send(conversation.replica, behind, user="bob")) == OTHERS


def text_start(doc: Doc[Any], client: int) -> tuple[int, int]:
    """Gives the id of the first character that a client wrote."""
    sections = {section.client: section for section in parse(doc.get_update()).sections}
    return client, next(s.clock for s in sections[client].structs if s.ref == STRING)
