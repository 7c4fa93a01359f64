"""What the server writes and reads for those who don't speak Yjs."""

from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
import pytest
from conversation_devices import Talk, Talker, new_message
from pycrdt import Array, Map, Text, XmlElement, XmlFragment
from replicas import reader_of, reopened

from segue.document.edits import AddMessage, Author, Edit, ListSessions, NewPart, SetSession
from segue.document.replica import Replica
from segue.document.submission import Order
from segue.document.verdict import Accepted, NoNews, Refused, Verdict
from segue.document.views import MessageView, SessionView, ViewMessage, ViewSession
from segue.ids import UserId

_numbers = count(1)
HOSTILE = ["<|endoftext|>", "a\x00b", "‮abc‏", "👩‍👩‍👧 \U0010ffff", "x" * 100_000, "\u2028"]


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def adding(message: str, text: str = "hi", **fields: Any) -> AddMessage:
    author = Author("user", UserId("alice"))
    parts = (NewPart("text", raw({"text": text})),)
    given: dict[str, Any] = {"role": "user", "author": author, "created_at": 1_700_000_000_000}
    return AddMessage(message, **{**given, "parts": parts, **fields})


def edit(replica: Replica, what: Edit) -> Verdict:
    return replica.edit(Order(next(_numbers), what))


def message(replica: Replica, name: str) -> MessageView | None:
    return msgspec.json.decode(replica.view(ViewMessage(name)), type=MessageView | None)


def session(replica: Replica) -> SessionView:
    return msgspec.json.decode(replica.view(ViewSession()), type=SessionView)


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_a_message_is_added_with_its_place_in_one_update(talk: Talk) -> None:
    alice = Talker()
    alice.say("m1")
    talk.sync(alice)
    verdict = edit(talk.replica, adding("m2", "hello", metadata=raw({"n": 1})))
    assert isinstance(verdict, Accepted)
    assert verdict.made is not None
    alice.receive(verdict.made.data)
    stored = alice.map("messages")["m2"]
    assert (stored["seq"], stored["parent"]) == (2.0, "m1")
    assert str(stored["parts"]["0"]["text"]) == "hello"
    assert message(talk.replica, "m2") == MessageView(
        id="m2",
        role="user",
        author=Author("user", UserId("alice")),
        created_at=1_700_000_000_000,
        seq=2,
        parent="m1",
        status="complete",
        parts=[{"state": "done", "type": "text", "text": "hello"}],
        metadata={"n": 1},
    )


def test_an_added_message_is_its_authors_to_change(talk: Talk) -> None:
    edit(talk.replica, adding("m1"))
    for replica in (talk.replica, reopened(talk.replica)):
        talk.replica = replica
        for user, accepted in (("alice", True), ("bob", False)):
            device = Talker(user)
            device.receive(replica.state(b"\x00"))
            device.map("messages")["m1"]["parts"]["0"]["text"].insert(0, "!")
            (verdict,) = talk.send(device)
            assert isinstance(verdict, Accepted) is accepted


def test_the_same_id_twice_is_one_message(talk: Talk) -> None:
    assert isinstance(edit(talk.replica, adding("m1", "one")), Accepted)
    assert isinstance(edit(talk.replica, adding("m1", "two")), NoNews)
    assert talk.path() == ["m1"]


def test_another_version_takes_the_place_of_the_first(talk: Talk) -> None:
    edit(talk.replica, adding("m1"))
    edit(talk.replica, adding("m2"))
    edit(talk.replica, adding("m2, better", supersedes="m2"))
    assert talk.path() == ["m1", "m2, better"]
    refused = edit(talk.replica, adding("m3", supersedes="nobody's"))
    assert isinstance(refused, Refused)
    assert talk.path() == ["m1", "m2, better"]


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_come_out_as_they_went_in(talk: Talk, text: str) -> None:
    edit(talk.replica, adding("m1", text))
    device = Talker()
    device.say("m2", text=text)
    talk.sync(device)
    for replica in (talk.replica, reopened(talk.replica)):
        for name in ("m1", "m2"):
            found = message(replica, name)
            assert found is not None
            assert found.parts[0]["text"] == text
    assert str(device.map("messages")["m1"]["parts"]["0"]["text"]) == text


def test_parts_of_any_type_are_kept_in_their_order(talk: Talk) -> None:
    parts = [{"type": f"kind-{number}", "n": number, "deep": [{"a": None}]} for number in range(12)]
    given = tuple(NewPart(str(part["type"]), raw(part)) for part in parts)
    edit(talk.replica, adding("m1", parts=given))
    found = message(talk.replica, "m1")
    assert found is not None
    assert found.parts == parts


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def test_what_the_document_cannot_hold_is_refused_and_harms_nothing(talk: Talk) -> None:
    deep = adding("m1", metadata=raw(nested(40)))
    no_object = adding("m1", parts=(NewPart("text", raw([1])),))
    no_json = adding("m1", metadata=msgspec.Raw(b"{"))
    no_utf8 = adding("m1", metadata=msgspec.Raw(b'"\xff"'))
    too_large = adding("m1", metadata=msgspec.Raw(b"1" + b"0" * 400))
    too_deep = adding("m1", metadata=msgspec.Raw(b"[" * 100_000))
    for impossible in (deep, no_object, no_json, no_utf8, too_large, too_deep):
        assert isinstance(edit(talk.replica, impossible), Refused)
    assert isinstance(edit(talk.replica, adding("m1", metadata=raw(nested(14)))), Accepted)
    assert reopened(talk.replica).summary.last_seq == 1


def test_a_sessions_title_and_settings(talk: Talk) -> None:
    assert session(talk.replica) == SessionView("", None, 0, {})
    changed = SetSession(title="Lisbon", settings=raw({"responder": "none", "n": 2}))
    assert isinstance(edit(talk.replica, changed), Accepted)
    assert isinstance(edit(talk.replica, changed), NoNews)
    edit(talk.replica, adding("m1"))
    assert session(talk.replica) == SessionView("Lisbon", "m1", 1, {"responder": "none", "n": 2})
    assert isinstance(edit(talk.replica, SetSession(title="Porto")), Accepted)
    assert session(reopened(talk.replica)).title == "Porto"
    assert session(talk.replica).settings == {"responder": "none", "n": 2}


def test_a_homes_list_is_made_what_it_should_be(talk: Talk) -> None:
    lisbon, porto = raw({"title": "Lisbon", "seq": 3}), raw({"title": "Porto", "seq": 0})
    assert isinstance(edit(talk.replica, ListSessions({"a": lisbon, "b": porto})), Accepted)
    assert isinstance(edit(talk.replica, ListSessions({"a": lisbon, "b": porto})), NoNews)
    changed = edit(talk.replica, ListSessions({"b": porto, "c": lisbon}))
    assert isinstance(changed, Accepted)
    listed = reader_of(talk.replica).get("sessions", type=Map).to_py()
    assert listed == {"b": {"title": "Porto", "seq": 0}, "c": {"title": "Lisbon", "seq": 3}}


def test_pages_go_back_from_the_head(talk: Talk) -> None:
    for number in range(1, 8):
        edit(talk.replica, adding(f"m{number}"))
    newest = talk.page(limit=3)
    assert ([m.id for m in newest.messages], newest.has_more) == (["m5", "m6", "m7"], True)
    older = talk.page(limit=4, before=newest.messages[0].seq)
    assert ([m.id for m in older.messages], older.has_more) == (["m1", "m2", "m3", "m4"], False)
    assert talk.page(before=1).messages == []
    assert len(talk.page(limit=0).messages) == 1


def test_a_message_off_the_active_path_is_found_and_one_that_is_not_there_is_null(
    talk: Talk,
) -> None:
    edit(talk.replica, adding("m1"))
    edit(talk.replica, adding("m1, better", supersedes="m1"))
    found = message(talk.replica, "m1")
    assert found is not None
    assert found.versions == ["m1", "m1, better"]
    assert message(talk.replica, "nobody's") is None


def test_whatever_members_wrote_the_shapes_are_as_promised(talk: Talk) -> None:
    odd = Talker()
    author = {"kind": "user", "id": "alice", "name": 7.0, "device": None}
    editor = XmlFragment([XmlElement("p")])
    odd.map("messages")["m1"] = Map(
        {
            "author": author,
            "role": 1.0,
            "created_at": float("nan"),
            "status": "dancing",
            "supersedes": ["x"],
            "run": Text("r"),
            "metadata": {"nan": float("nan"), "inf": float("inf"), "big": 1e300},
            "parts": Array([Map({"type": "x", "y": Array([1.5, 2.0])}), "no part", None]),
        }
    )
    odd.map("messages")["m2"] = new_message("alice", parts=editor)
    odd.map("session")["title"] = {"no": "title"}
    odd.map("session")["settings"] = "none"
    talk.sync(odd)
    first, second = talk.page().messages
    assert first == MessageView(
        id="m1",
        role="user",
        author=Author("user", UserId("alice")),
        created_at=0,
        seq=1,
        parent=None,
        status="complete",
        parts=[{"type": "x", "y": [1.5, 2]}],
        run="r",
        metadata={"nan": None, "inf": None, "big": 1e300},
    )
    assert second.parts == []
    assert session(talk.replica) == SessionView("", "m2", 2, {})


FIELDS = ("role", "created_at", "status", "parts", "supersedes", "run", "metadata")
ODD: dict[str, Callable[[], object]] = {
    "an object": lambda: {"a": [{}]},
    "a list": lambda: [[]],
    "a map": lambda: Map({"a": Map({})}),
    "an array": lambda: Array([Map({}), Array([])]),
    "a text": lambda: Text("done"),
    "bytes": lambda: b"\x00\xff",
    "infinity": lambda: float("inf"),
    "truth": lambda: True,
    "nothing": lambda: None,
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("odd", ODD)
def test_no_field_of_a_message_breaks_a_view(talk: Talk, field: str, odd: str) -> None:
    alice = Talker()
    alice.say("m1")
    talk.sync(alice)
    alice.map("messages")["m1"][field] = ODD[odd]()
    talk.sync(alice)
    (found,) = talk.page().messages
    assert (found.id, found.status) == ("m1", "complete")


def test_a_list_of_many_pieces_is_read_in_one_go(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking for each item anew takes minutes for what fits into one update."""
    alice = Talker()
    alice.say("m1", metadata=Array([Map({"n": Array([1.0, b"\x00"])}), Text("x"), True, None]))
    talk.sync(alice)
    monkeypatch.delattr(Array, "__iter__")
    monkeypatch.delattr(Array, "__getitem__")
    (found,) = talk.page().messages
    assert found.metadata == [{"n": [1, [0]]}, "x", True, None]
