"""Payloads come back as they were written, and no bytes can make reading them fail otherwise."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.document.submission import LoggedUpdate
from segue.ids import DeviceId, UserId
from segue.storage.payload import (
    CorruptPayload,
    decode_snapshot,
    decode_updates,
    encode_snapshot,
    encode_updates,
)

names = st.sampled_from(["alice", "bob", "", "élise 🚲"])
updates = st.builds(LoggedUpdate, names.map(UserId), names.map(DeviceId), st.binary(max_size=40))


@given(st.lists(updates))
def test_updates_come_back_in_order_with_their_senders(sent: list[LoggedUpdate]) -> None:
    assert decode_updates(encode_updates(sent)) == tuple(sent)


@given(st.binary())
def test_snapshot_comes_back(snapshot: bytes) -> None:
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot


def test_sender_of_many_updates_in_a_row_is_stored_once() -> None:
    sent = [LoggedUpdate(UserId("alice"), DeviceId("0192-phone"), bytes(10))] * 100
    assert len(encode_updates(sent)) < 100 * 13
    assert encode_updates(sent).count(b"0192-phone") == 1


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_give_updates_or_a_clear_error(payload: bytes, plain: bool) -> None:
    with suppress(CorruptPayload):
        decode_updates(b"\x00" * plain + payload)


@given(st.lists(updates, min_size=1), st.data())
def test_truncated_row_is_refused(sent: list[LoggedUpdate], data: st.DataObject) -> None:
    payload = encode_updates(sent)
    cut = data.draw(st.integers(0, len(payload) - 1))
    with pytest.raises(CorruptPayload):
        decode_updates(payload[:cut])


@pytest.mark.parametrize("payload", [b"", b"\x01sealed", b"\xff"])
def test_unknown_format_is_named(payload: bytes) -> None:
    with pytest.raises(CorruptPayload, match="format"):
        decode_updates(payload)
    with pytest.raises(CorruptPayload, match="format"):
        decode_snapshot(payload)


def test_no_flipped_bit_goes_unnoticed() -> None:
    payload = encode_snapshot(b"what was written")
    for bit in range(8 * len(payload)):
        damaged = bytearray(payload)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CorruptPayload):
            decode_snapshot(bytes(damaged))


def test_what_older_versions_wrote_is_read() -> None:
    assert decode_snapshot(b"\x00state") == b"state"
