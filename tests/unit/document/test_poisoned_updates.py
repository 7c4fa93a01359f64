"""Thirteen inputs that hang, kill or poison pycrdt: what the gate makes of each of them."""

import json
from pathlib import Path

import pytest

from segue.auth.grants import Role
from segue.document.content import Refusal
from segue.document.replica import Replica
from segue.document.submission import LoggedUpdate, Submission
from segue.document.update import parse
from segue.document.verdict import Accepted, Gap, Refused, Verdict
from segue.errors import ProtocolError
from segue.ids import DeviceId, UserId

DATA = Path(__file__).parents[2] / "data"
POISON = {entry["name"]: entry["hex"] for entry in json.loads((DATA / "poison.json").read_text())}
FULL = [bytes.fromhex(text) for text in json.loads((DATA / "full.json").read_text())]
EMPTY_STATE = b"\x00"


def logged(data: bytes) -> LoggedUpdate:
    return LoggedUpdate(UserId("alice"), DeviceId("phone"), data)


def check(replica: Replica, data: bytes, number: int = 1) -> Verdict:
    return replica.check(Submission(number, Role.EDITOR, logged(data)))


def full() -> Replica:
    return Replica.open(None, [logged(data) for data in FULL])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("panic in apply_update", "a length is out of range"),
        ("panic in apply_update 2", "a length is out of range"),
        ("poisoned snapshot", "a length is out of range"),
        ("poisoned snapshot 2", "a length is out of range"),
        ("GC block of length 0", "a length is out of range"),
        ("process abort on read", "a client's part is empty"),
        ("process abort after panic", "a length is out of range"),
    ],
)
def test_malformed_poison_is_refused_and_leaves_the_document_alone(name: str, reason: str) -> None:
    for replica in (Replica.open(None, ()), full()):
        before = replica.state(EMPTY_STATE)
        assert check(replica, bytes.fromhex(POISON[name])) == Refused(1, reason)
        assert replica.state(EMPTY_STATE) == before


def test_deeply_nested_value_is_refused() -> None:
    data = bytes.fromhex("010101000801016101") + b"\x75\x01" * 100_000 + b"\x7e\x00"
    assert check(Replica.open(None, ()), data) == Refused(1, "a value is nested too deeply")


def test_surrogate_pair_in_an_array_is_refused() -> None:
    """A text in a list makes every read of the list loop for ever."""
    replica = full()
    reason = "it puts a kind of content where its container holds none"
    data = bytes.fromhex(POISON["surrogate pair placed in an existing Array"])
    assert check(replica, data) == Refused(1, reason)


def test_emoji_in_a_root_is_text_and_keeps_the_document_whole() -> None:
    """As good an update as any text: it hangs only who reads the root as an Array. Nobody does."""
    replica = Replica.open(None, ())
    data = bytes.fromhex(POISON["emoji typed into a root the server reads as Array"])
    assert check(replica, data) == Accepted(1, ((1, 0, 2),))
    assert replica.state(EMPTY_STATE) == data
    assert Replica.open(replica.snapshot(), ()).state(EMPTY_STATE) == data


def test_updates_out_of_order_are_gaps() -> None:
    third, second, first = map(bytes.fromhex, POISON["three good updates out of order"])
    replica = Replica.open(None, ())
    assert check(replica, third) == Gap(1, ((1, 2, 4),))
    assert check(replica, second) == Gap(1, ((1, 4, 5),))
    assert check(replica, first) == Accepted(1, ((1, 0, 2),))
    assert check(replica, third) == Accepted(1, ((1, 2, 4),))


def test_a_state_vector_of_2_to_the_28_clients_is_no_vector() -> None:
    replica = full()
    with pytest.raises(ProtocolError):
        replica.state(bytes.fromhex(POISON["state vector claims 2^28 clients"]))


def test_an_endless_number_is_refused_at_its_ninth_byte() -> None:
    with pytest.raises(Refusal, match="a number is too long"):
        parse(b"\xff" * 256_000 + b"\x00")
    with pytest.raises(ProtocolError):
        full().state(b"\xff" * 256_000 + b"\x00")


def test_every_poison_has_its_test() -> None:
    assert len(POISON) == 13
