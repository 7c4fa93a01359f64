"""A replica from its log: what it gives back, and when it declares itself broken."""

from typing import Any

import encoded as yjs
import pytest
from pycrdt import Doc
from replicas import NOTHING, Device, logged, reader_of, reopened, replica_of, send, text_of

from segue.auth.grants import Role
from segue.document import crdt, reader, snapshot
from segue.document.feed import Feed
from segue.document.replica import Broken, Replica, Unanswerable
from segue.document.submission import Submission
from segue.document.verdict import Accepted, NoNews, Refused
from segue.document.views import ViewSession
from segue.errors import ProtocolError

AB = yjs.update(yjs.section(1, 0, yjs.item(yjs.string("ab"))))
PANIC = bytes.fromhex("010101004802020000")
FULL_STOP = yjs.update(yjs.section(1, 2, yjs.item(yjs.string("."), origin=(1, 1))))


class Panic(BaseException):
    """As pyo3's PanicException: not an Exception."""


def fail(error: BaseException) -> Any:
    def failing(*_: object) -> None:
        raise error

    return failing


def test_the_vector_is_a_copy() -> None:
    replica = replica_of(AB)
    replica.vector.clear()
    assert replica.vector == {1: 2}


def test_a_returning_device_gets_what_it_misses_and_the_delete_set() -> None:
    replica = replica_of(AB, FULL_STOP, yjs.update(deletes={1: [(0, 1)]}))
    missed = replica.state(b"\x01\x01\x02")
    assert missed == yjs.update(
        yjs.section(1, 2, yjs.item(yjs.string("."), origin=(1, 1))), deletes={1: [(0, 1)]}
    )


def test_a_vector_of_the_future_or_of_strangers_asks_for_nothing_more() -> None:
    replica = replica_of(AB)
    ahead = (
        b"\x03" + yjs.uint(1) + yjs.uint(900) + yjs.uint(7) + yjs.uint(5) + yjs.uint(8) + b"\x00"
    )
    assert replica.state(ahead) == b"\x00\x00"


def test_what_is_no_vector_raises_and_harms_nothing() -> None:
    replica = replica_of(AB)
    with pytest.raises(ProtocolError):
        replica.state(b"")
    assert replica.state(NOTHING) == AB


def test_a_snapshot_and_a_tail_give_the_document() -> None:
    replica = replica_of(AB)
    again = Replica.open(replica.snapshot(), [logged(AB), logged(FULL_STOP)])
    assert text_of(again) == "ab."
    assert again.vector == {1: 3}


def test_a_snapshot_keeps_who_owns_a_client_id() -> None:
    found = snapshot.decode(replica_of(AB, user="alice").snapshot())
    assert found.owners() == {1: "alice"}


def test_an_empty_document_has_a_snapshot() -> None:
    assert reopened(Replica.open(None, ())).vector == {}


def test_key_order_of_objects_does_not_spoil_a_snapshot() -> None:
    device = Device(1)
    device.map("m")["k"] = {f"key {n}": {"a": 1, "b": [2, {"c": "👋"}]} for n in range(20)}
    device.text("rich").insert(0, "bold", {"font": {"a": 1, "b": 2, "c": 3, "d": 4}})
    replica = replica_of(*device.take())
    assert len({replica.state(NOTHING) for _ in range(5)} | {reopened(replica).state(NOTHING)}) > 1
    assert replica.snapshot()


def test_a_reload_that_gives_something_else_gives_no_snapshot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = yjs.item(yjs.values(b"\x7e"), parent="m", sub="k")
    ab = yjs.item(yjs.string("ab"))
    overwritten = yjs.item(yjs.deleted(1), origin=(1, 2))
    whole = yjs.update(yjs.section(1, 0, ab, key))
    replica = replica_of(whole)
    for state, proven in (
        (whole, True),
        (AB, False),
        (yjs.update(yjs.section(1, 0, yjs.item(yjs.string("ax")), key)), False),
        (yjs.update(yjs.section(1, 0, yjs.item(yjs.string("ab"), parent="u"), key)), False),
        (whole[:-1] + yjs.update(deletes={1: [(0, 1)]})[1:], False),
        (b"garbage", False),
    ):
        assert bool(snapshot_with(replica, state, monkeypatch)) is proven
    replica = replica_of(whole, yjs.update(yjs.section(1, 3, yjs.gc(1))))
    unstable = yjs.update(yjs.section(1, 0, ab, key, overwritten), deletes={1: [(3, 4)]})
    assert not snapshot_with(replica, unstable, monkeypatch)


def snapshot_with(replica: Replica, state: bytes, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Has the live document encode itself wrongly, as a poisoned one does."""
    with monkeypatch.context() as patch:
        patch.setattr(replica._crdt, "state", lambda _: state, raising=False)
        return replica.snapshot()


def test_what_is_known_does_not_reach_the_crdt(monkeypatch: pytest.MonkeyPatch) -> None:
    deletion = yjs.update(deletes={1: [(0, 1)]})
    offline = yjs.update(yjs.section(2, 0, yjs.gc(2), yjs.item(yjs.deleted(2))), deletes={})
    replica = replica_of(AB, deletion, offline)
    monkeypatch.setattr(crdt.Doc, "apply_update", fail(RuntimeError("asked for nothing")))
    for known in (AB, deletion, offline, yjs.update(deletes={2: [(0, 4)], 1: [(0, 1)]})):
        assert isinstance(send(replica, known), NoNews)


def test_a_log_that_cannot_be_loaded_is_broken() -> None:
    for snapshotted, rows in (
        (None, [logged(FULL_STOP)]),
        (None, [logged(b"nonsense")]),
        (b"\x02" + snapshot.encode(AB, {}, 0, Feed())[1:], []),
        (b"\x01damaged", []),
        (b"", []),
        (snapshot.encode(b"\x01\x01", {}, 0, Feed()), []),
    ):
        with pytest.raises(Broken) as caught:
            Replica.open(snapshotted, rows)
        assert caught.value.verdict is None


def test_rows_of_the_log_are_taken_whoever_wrote_them() -> None:
    """They were checked when they came; what only a rule forbids must not stop a document."""
    forged = yjs.update(yjs.section(1, 2, yjs.item(yjs.string("."), origin=(1, 1))))
    replica = Replica.open(None, [logged(AB, "alice"), logged(forged, "bob")])
    assert replica.vector == {1: 3}


def test_rows_are_taken_though_less_is_known_after_a_reload() -> None:
    """Two lists alike: one is deleted, and what was in it is garbage after the reload."""
    lists = yjs.update(
        yjs.section(
            1,
            0,
            yjs.item(yjs.shared(0), parent="m", sub="a"),
            yjs.item(yjs.shared(0), parent="m", sub="b"),
            yjs.item(yjs.values(b"\x7e"), parent=(1, 0)),
            yjs.item(yjs.values(b"\x7e"), parent=(1, 1)),
        )
    )
    replica = replica_of(lists, yjs.update(deletes={1: [(0, 1), (2, 3)]}))
    snapshotted = replica.snapshot()
    between = yjs.item(yjs.values(b"\x7e"), origin=(1, 2), right=(1, 3))
    row = yjs.update(yjs.section(2, 0, between))
    assert isinstance(send(replica, row), Accepted)
    again = Replica.open(snapshotted, [logged(row)])
    assert again.vector == replica.vector
    assert isinstance(send(Replica.open(snapshotted, ()), row), Refused)


@pytest.mark.parametrize("error", [Panic("rust"), RuntimeError("x"), MemoryError()])
def test_whatever_the_crdt_raises_breaks_the_replica(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = replica_of(AB)
    monkeypatch.setattr(crdt.Doc, "apply_update", fail(error))
    with pytest.raises(Broken) as caught:
        send(replica, FULL_STOP)
    assert isinstance(caught.value.verdict, Refused)
    monkeypatch.setattr(crdt.Doc, "get_update", fail(error))
    for ask in (lambda: replica.state(NOTHING), replica.snapshot):
        with pytest.raises(Broken) as caught:
            ask()
        assert caught.value.verdict is None
    deletion = yjs.update(deletes={1: [(0, 1)]})
    with pytest.raises(Broken) as caught:
        replica.check(Submission(1, Role.VIEWER, logged(deletion)))
    assert caught.value.verdict is None
    with pytest.raises(Broken):
        Replica.open(None, [logged(AB)])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_an_end_of_the_process_passes(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = replica_of(AB)
    monkeypatch.setattr(crdt.Doc, "apply_update", fail(error))
    with pytest.raises(type(error)):
        send(replica, FULL_STOP)


def test_without_the_gate_the_crdt_gets_everything() -> None:
    full = Replica.open(None, [logged(AB)], gated=False)
    assert full.vector == {1: 2}
    with pytest.raises(Broken) as caught:
        send(full, PANIC)
    assert isinstance(caught.value.verdict, Refused)
    ungated = Replica.open(None, (), gated=False)
    assert isinstance(send(ungated, FULL_STOP), Accepted)
    assert isinstance(send(ungated, AB), Accepted)
    assert text_of(ungated) == "ab."


def test_a_joining_device_reads_the_document_as_it_is() -> None:
    device = Device(1)
    device.map("m")["k"] = 1
    device.text().insert(0, "hé👋")
    replica = replica_of(*device.take())
    joined: Doc[Any] = reader_of(replica)
    assert joined.get_state() == device.doc.get_state()


def test_a_mistake_in_an_answer_leaves_the_document_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replica = replica_of(AB)

    def fail(*_: object) -> bytes:
        raise KeyError

    with monkeypatch.context() as patched:
        patched.setattr(reader, "answer", fail)
        with pytest.raises(Unanswerable):
            replica.view(ViewSession())
    assert replica.view(ViewSession())
    assert isinstance(send(replica, FULL_STOP), Accepted)
