"""A whole conversation put into a session at once: its order, its versions, and nobody who answers it."""

from itertools import count
from typing import Any

import msgspec
import pytest
from conversation_devices import Talk, Talker

from segue.document.edits import Author, ImportedMessage, ImportTranscript, SetSession
from segue.document.submission import Order
from segue.document.verdict import Accepted, NoNews, Refused, Verdict
from segue.document.views import HistoryPage, RecordView, ViewHistory, ViewRecord
from segue.ids import UserId

_numbers = count(1)
ALICE = UserId("alice")


def imported(name: str, parent: str | None = None, **fields: Any) -> ImportedMessage:
    part = msgspec.json.encode({"type": "text", "text": name, "state": "done"})
    given: dict[str, Any] = {"role": "user", "author": Author("user", ALICE), "parts": (part,)}
    return ImportedMessage(name, created_at=1_764_000_000_000, parent=parent, **{**given, **fields})


TREE = (
    imported("a"),
    imported("b", "a"),
    imported("b2", "a", supersedes="b"),
    imported("c", "b"),
    imported("c2", "b2", status="interrupted", role="assistant"),
)


def put(talk: Talk, edit: ImportTranscript) -> Verdict:
    return talk.replica.edit(Order(next(_numbers), edit))


@pytest.fixture
def talk() -> Talk:
    return Talk("demo")


def test_order_and_versions_are_those_of_the_file(talk: Talk) -> None:
    verdict = put(talk, ImportTranscript(ALICE, TREE, head="c"))
    assert isinstance(verdict, Accepted)
    for _ in range(2):
        assert talk.order() == {
            "a": (1, None), "b": (2, "a"), "b2": (3, "a"), "c": (4, "b"), "c2": (5, "b2"),
        }  # fmt: skip
        assert talk.path() == ["a", "b", "c"]
        assert talk.page().messages[1].versions == ["b", "b2"]
        talk.restart()


def test_nobody_is_asked_anything(talk: Talk) -> None:
    verdict = put(talk, ImportTranscript(ALICE, TREE, head="c"))
    assert isinstance(verdict, Accepted)
    assert verdict.runs == ()
    assert talk.runs() == {}
    alice = Talker("alice")
    alice.receive(talk.replica.state(b"\x00"))
    alice.say("d")
    talk.sync(alice)
    assert list(talk.runs()) == ["d"]
    assert talk.order()["d"] == (6, "c")


def test_the_newest_end_is_the_head_where_none_is_named(talk: Talk) -> None:
    put(talk, ImportTranscript(ALICE, TREE))
    assert talk.path() == ["a", "b2", "c2"]


def test_the_same_import_twice_is_one(talk: Talk) -> None:
    assert isinstance(put(talk, ImportTranscript(ALICE, TREE)), Accepted)
    assert isinstance(put(talk, ImportTranscript(ALICE, TREE)), NoNews)
    assert len(talk.stored()) == len(TREE)


def test_an_import_without_messages_again_changes_nothing_that_came_later(talk: Talk) -> None:
    edit = ImportTranscript(ALICE, (), title="Lisbon", context={"budget": b'{"value": 9}'})
    assert isinstance(put(talk, edit), Accepted)
    talk.replica.edit(Order(next(_numbers), SetSession("Porto", b'{"responder": "none"}')))
    before = talk.replica.state(b"\x00")
    assert isinstance(put(talk, edit), NoNews)
    assert talk.replica.state(b"\x00") == before


def test_a_session_with_other_messages_is_left_as_it_is(talk: Talk) -> None:
    alice = Talker("alice")
    alice.say("m1")
    talk.sync(alice)
    assert isinstance(put(talk, ImportTranscript(ALICE, TREE)), Refused)
    assert talk.path() == ["m1"]


def test_one_value_that_cannot_be_kept_is_all_refused(talk: Talk) -> None:
    deep = msgspec.json.encode({"type": "x", "y": [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]})
    for wrong in (deep, b"[]", b"{", b'"\xff"'):
        refused = put(talk, ImportTranscript(ALICE, (*TREE, imported("z", parts=(wrong,)))))
        assert isinstance(refused, Refused)
        assert talk.stored() == {}
    assert isinstance(put(talk, ImportTranscript(ALICE, TREE)), Accepted)


def test_imported_messages_are_their_authors_to_change(talk: Talk) -> None:
    put(talk, ImportTranscript(ALICE, TREE))
    for user, accepted in (("alice", True), ("bob", False)):
        device = Talker(user)
        device.receive(talk.replica.state(b"\x00"))
        device.map("messages")["a"]["parts"]["0"]["text"].insert(0, "!")
        (verdict,) = talk.send(device)
        assert isinstance(verdict, Accepted) is accepted


def test_history_is_read_in_pages_with_what_has_no_place_behind_the_last(talk: Talk) -> None:
    put(talk, ImportTranscript(ALICE, TREE, head="c"))
    alice = Talker("alice")
    alice.receive(talk.replica.state(b"\x00"))
    alice.say("d")
    alice.say("e")  # waits for the answer to d
    talk.sync(alice)
    found, after, pages = list[str](), 0, 0
    has_more = True
    while has_more:
        answer = talk.replica.view(ViewHistory(after, max_bytes=1))
        page = msgspec.json.decode(answer, type=HistoryPage)
        found += [each.id for each in page.messages]
        assert set(page.active) <= {"a", "b", "c", "d"}
        after, has_more, pages = (
            max(each.seq or 0 for each in page.messages),
            page.has_more,
            pages + 1,
        )
    assert found == ["a", "b", "b2", "c", "c2", "d", "e"]
    assert pages == 6


def test_context_runs_artifacts_title_and_settings_come_along(talk: Talk) -> None:
    edit = ImportTranscript(
        ALICE,
        TREE,
        title="Lisbon",
        settings=b'{"responder": "none"}',
        context={"budget": b'{"value": 900, "by": "alice"}'},
        runs={"a": b'{"agent": "demo", "status": "error", "error": "No.", "reply_to": "a"}'},
        artifacts={"plan": b'{"title": "The plan", "kind": "text"}'},
        texts={"plan": "Day 1: \U0001f68b", "notes": "b"},
    )
    put(talk, edit)
    talk.restart()
    record = msgspec.json.decode(talk.replica.view(ViewRecord()), type=RecordView)
    assert record.context == {"budget": {"value": 900, "by": "alice"}}
    assert record.runs["a"]["error"] == "No."
    assert record.artifacts == {
        "notes": {"text": "b"},
        "plan": {"title": "The plan", "kind": "text", "text": "Day 1: \U0001f68b"},
    }
    assert talk.replica.summary.title == "Lisbon"
    assert talk.replica.summary.open_runs == 0
