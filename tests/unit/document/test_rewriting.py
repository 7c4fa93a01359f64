"""A document written anew holds all that it held, under one client id, and proves itself."""

import json
import random
from typing import Any

import encoded as yjs
import pytest
from pycrdt import Doc, Map, Text
from replicas import NOTHING, content_of, reader_of, recorded, send
from test_convergence import Users

from segue.auth.grants import Role
from segue.document import replica as replicas
from segue.document.replica import Replica
from segue.document.rewriting import rewritten
from segue.document.update import parse
from segue.document.verdict import Accepted, Refused
from segue.document.views import ViewChanges, ViewMessages
from segue.wire.vector import encode_vector
from spoiling import ROOT, spoiling

SCENARIOS = recorded()
NEW = 77


def anew(state: bytes) -> Doc[Any]:
    doc: Doc[Any] = Doc()
    doc.apply_update(rewritten(state, NEW))
    return doc


def played(name: str) -> Replica:
    replica = Replica.open(None, ())
    for update in SCENARIOS[name]["updates"]:
        role = Role.AGENT if update["user"] == "demo" else Role.EDITOR
        send(replica, bytes.fromhex(update["data"]), user=update["user"], role=role)
    return replica


def spoiled() -> Replica:
    replica = Replica.open(None, ())
    for update in spoiling(first_client=10):
        assert isinstance(send(replica, update), Accepted)
    return replica


def typed_by(client: int) -> bytes:
    return yjs.update(yjs.section(client, 0, yjs.item(yjs.string("x"), parent="t")))


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_real_clients_wrote_is_all_there(name: str) -> None:
    state = played(name).state(NOTHING)
    before, after = reader_of(played(name)), anew(state)
    for root in SCENARIOS[name]["content"]:
        assert content_of(after, root) == content_of(before, root)
    parsed = parse(rewritten(state, NEW))
    assert {section.client for section in parsed.sections} <= {NEW}
    assert not parsed.deletes


@pytest.mark.parametrize("seed", range(60))
def test_its_order_is_that_of_the_crdt(seed: int) -> None:
    users = Users(seed)
    for _ in range(120):
        users.step()
    before, after = reader_of(users.replica), anew(users.replica.state(NOTHING))
    assert str(after.get("t", type=Text)) == str(before.get("t", type=Text))
    assert after.get("m", type=Map).to_py() == before.get("m", type=Map).to_py()


def test_contents_are_copied_byte_by_byte() -> None:
    """Also those of which a part is gone: whole numbers, undefined, half of a string of emoji."""
    values = [b"\x7d\x05", b"\x7f", b"\x7b" + b"\x3f" * 8, b"\x7e", b"\x74\x02\x00\xff"]
    whole = yjs.section(
        5,
        0,
        yjs.item(yjs.values(*values), parent="a"),
        yjs.item(yjs.string("👋a👋b"), parent="t"),
        yjs.item(yjs.formatting("bold", '{"b":1}'), origin=(5, 10)),
        yjs.item(yjs.embed('{"image":1.0}'), origin=(5, 11)),
    )
    # Of the values the second and the third, of the text "a".
    state = yjs.update(whole, deletes={5: [(1, 3), (7, 8)]})
    expected = yjs.update(
        yjs.section(
            NEW,
            0,
            yjs.item(yjs.values(values[0], *values[3:]), parent="a"),
            yjs.item(yjs.string("👋👋b"), parent="t"),
            yjs.item(yjs.formatting("bold", '{"b":1}'), origin=(NEW, 7)),
            yjs.item(yjs.embed('{"image":1.0}'), origin=(NEW, 8)),
        )
    )
    assert rewritten(state, NEW) == expected
    assert rewritten(expected, NEW) == expected


def test_nothing_is_written_anew_as_nothing() -> None:
    assert rewritten(b"\x00\x00", NEW) == b"\x00\x00"


def test_what_differs_from_its_reload_is_proven_once_it_is_written_anew() -> None:
    replica = spoiled()
    assert not replica.snapshot()
    fresh = Replica.open(replica.rewritten(), ())
    assert fresh.snapshot()
    assert sorted(fresh._crdt.text(ROOT)) == sorted("abcXYZ34")


def test_a_copy_from_before_is_told_to_start_over() -> None:
    former = spoiled()
    fresh = Replica.open(former.rewritten(), ())
    again = Replica.open(fresh.snapshot(), ())
    twice = Replica.open(again.rewritten(), ())
    for replica in (fresh, again, twice):
        for data in (
            former.state(NOTHING),
            yjs.update(deletes={10: [(0, 1)]}),
            yjs.update(yjs.section(13, 1, yjs.item(yjs.string("x"), origin=(13, 0)))),
        ):
            for role in (Role.EDITOR, Role.VIEWER):
                verdict = send(replica, data, role=role)
                assert isinstance(verdict, Refused)
                assert verdict.is_outdated
        assert replica.state(encode_vector(former.vector)) == b""
        assert replica.state(encode_vector({9: 4})) != b""
    assert twice.state(encode_vector(fresh.vector)) == b""


def test_of_former_ids_the_last_are_kept_and_so_many_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "_MAX_RETIRED", 3)
    replica, former = Replica.open(None, ()), list[int]()
    for client in range(900, 907):
        assert isinstance(send(replica, typed_by(client)), Accepted)
        former += replica.vector
        replica = Replica.open(replica.rewritten(), ())
        replica = Replica.open(replica.snapshot(), ())
    assert not {900, *former[:3]} & set(replica._gate.retired)
    assert list(replica._gate.retired) == former[-3:]


def test_a_conversation_goes_on_where_it_was() -> None:
    former = played("a conversation")
    page = json.loads(former.view(ViewMessages(200)))
    fresh = Replica.open(former.rewritten(), ())
    assert json.loads(fresh.view(ViewMessages(200))) == page
    assert (fresh.summary, fresh._last_seq) == (former.summary, former._last_seq)
    assert {m: fresh._gate.known.authors[m] for m in former._gate.known.authors} == (
        former._gate.known.authors
    )


def subjects(page: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["type"].partition(".")[0], each.get("id", "")) for each in page["changes"]}


def test_who_follows_is_told_everything_once_more_and_then_what_is_new() -> None:
    former = played("a conversation")
    known = json.loads(former.view(ViewChanges((0, ""), 100)))
    fresh = Replica.open(former.rewritten(), ())
    told = json.loads(fresh.view(ViewChanges(tuple(known["until"]), 100)))
    assert subjects(told) == subjects(known)
    assert not {"message.created"} & {change["type"] for change in told["changes"]}
    assert told["until"] > known["until"]
    assert not json.loads(fresh.view(ViewChanges(tuple(told["until"]), 100)))["changes"]


def test_what_loses_something_on_the_way_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    replica = spoiled()
    for lossy in (
        yjs.update(yjs.section(NEW, 0, yjs.item(yjs.string("abcXYZ3"), parent=ROOT))),
        b"\x00\x00",
        rewritten(replica.state(NOTHING), NEW).replace(b"abX", b"abb"),
    ):
        monkeypatch.setattr(replicas, "rewritten", lambda *_, lossy=lossy: lossy)
        assert replica.rewritten() == b""


def lied_to(seed: int) -> Replica:
    """Gives a document in which any item of several clients may be given as left and as right."""
    fate = random.Random(seed)
    replica = Replica.open(None, ())
    send(replica, yjs.update(yjs.section(1, 0, yjs.item(yjs.string("abc"), parent="t"))))
    for client in range(2, 30):
        known = replica.vector
        left, right = (
            (each, fate.randrange(known[each])) for each in fate.choices(list(known), k=2)
        )
        content = fate.choice((yjs.string("xyz"), yjs.string("👋"), yjs.formatting("b", "true")))
        deletes = {left[0]: [(left[1], left[1] + 1)]} if fate.random() < 0.3 else {}
        item = yjs.item(content, origin=left, right=right if fate.random() < 0.8 else None)
        send(replica, yjs.update(yjs.section(client, 0, item), deletes=deletes))
    return replica


def test_whatever_devices_lie_about_what_they_write_between_it_is_repaired() -> None:
    spoiled = 0
    for seed in range(40):
        replica = lied_to(seed)
        spoiled += not replica.snapshot()
        fresh = Replica.open(replica.rewritten(), ())
        assert fresh.snapshot()
        assert sorted(fresh._crdt.text("t")) == sorted(replica._crdt.text("t"))
    assert spoiled > 10, "these lies do no harm"
