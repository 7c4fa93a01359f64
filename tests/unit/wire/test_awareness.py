"""Presence: what other devices will parse was parsed here first."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import ProtocolError
from segue.wire.awareness import (
    EMPTY,
    MAX_ENTRIES,
    MAX_JSON_DEPTH,
    MAX_STATE_BYTES,
    MAX_UPDATE_BYTES,
    AwarenessEntry,
    decode_awareness,
    encode_awareness,
)
from segue.wire.lib0 import MAX_SAFE_INTEGER, var_string, var_uint

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
STATES = st.none() | st.dictionaries(st.text(max_size=5), JSON, max_size=4).map(json.dumps)
ENTRIES = st.builds(
    AwarenessEntry, st.integers(0, MAX_SAFE_INTEGER), st.integers(0, MAX_SAFE_INTEGER), STATES
)


def one(state: str, client: int = 1, clock: int = 0) -> bytes:
    return b"\x01" + var_uint(client) + var_uint(clock) + var_string(state)


def test_a_first_state_reads_as_in_the_golden_frame() -> None:
    assert decode_awareness(bytes.fromhex("010100027b7d")) == (AwarenessEntry(1, 0, "{}"),)
    assert encode_awareness([AwarenessEntry(1, 0, "{}")]).hex() == "010100027b7d"


def test_the_keep_alive_says_nothing() -> None:
    assert decode_awareness(EMPTY) == ()
    assert encode_awareness(()) == EMPTY


def test_null_is_a_client_that_is_gone() -> None:
    assert decode_awareness(one("null", clock=7)) == (AwarenessEntry(1, 7, None),)
    assert encode_awareness([AwarenessEntry(1, 7, None)]) == one("null", clock=7)


@given(st.lists(ENTRIES, max_size=5))
def test_every_update_comes_back(entries: list[AwarenessEntry]) -> None:
    assert decode_awareness(encode_awareness(entries)) == tuple(entries)


@pytest.mark.parametrize(
    "state",
    [
        "",
        "{",
        '{"a":01}',
        '{"a":NaN}',
        '{"a":-Infinity}',
        "{}{}",
        '{"a":"\t"}',
        "{'a':1}",
        "\ufeff{}",
    ],
)
def test_what_javascript_cannot_parse_is_refused(state: str) -> None:
    with pytest.raises(ProtocolError):
        decode_awareness(one(state))


@pytest.mark.parametrize("state", ["1", '"x"', "[]", "true"])
def test_a_state_that_is_no_object_is_refused(state: str) -> None:
    with pytest.raises(ProtocolError):
        decode_awareness(one(state))


def test_half_an_emoji_in_a_name_is_passed_on_escaped() -> None:
    state = r'{"name":"\ud83d"}'
    assert decode_awareness(one(state))[0].state == state


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_deep_json_is_refused_without_recursion(bracket: str) -> None:
    bomb = bracket * (MAX_STATE_BYTES // len(bracket))
    with pytest.raises(ProtocolError):
        decode_awareness(one(bomb))


def test_depth_is_counted_outside_of_strings_only() -> None:
    deepest = "[" * (MAX_JSON_DEPTH - 1) + "]" * (MAX_JSON_DEPTH - 1)
    text = json.dumps('[{"\\' * 100)
    assert decode_awareness(one(f'{{"a":{deepest},"b":{text},"c":[[]],"d":{text}}}'))
    with pytest.raises(ProtocolError):
        decode_awareness(one(f'{{"a":[{deepest}]}}'))


def test_quotes_without_an_end_are_scanned_once() -> None:
    # Looking for the end anew at each quote takes half a second a state: minutes for these.
    bomb = "[" * (MAX_JSON_DEPTH + 1) + '"' + '\\"' * 8_000
    for _ in range(300):
        with pytest.raises(ProtocolError):
            decode_awareness(one(bomb))


def test_a_number_of_16000_digits_is_refused_or_read() -> None:
    with pytest.raises(ProtocolError):
        decode_awareness(one('{"a":' + "9" * 16_000 + "}"))


def test_numbers_and_sizes_are_bounded() -> None:
    gone = [AwarenessEntry(client, 1, None) for client in range(MAX_ENTRIES + 1)]
    assert len(decode_awareness(encode_awareness(gone[:-1]))) == MAX_ENTRIES
    with pytest.raises(ProtocolError):
        decode_awareness(encode_awareness(gone))
    with pytest.raises(ProtocolError):
        decode_awareness(one(json.dumps({"a": "x" * MAX_STATE_BYTES})))
    fat = [AwarenessEntry(client, 1, json.dumps({"a": "x" * 16_000})) for client in range(66)]
    assert len(encode_awareness(fat)) > MAX_UPDATE_BYTES
    with pytest.raises(ProtocolError):
        decode_awareness(encode_awareness(fat))


def test_announcing_more_entries_than_bytes_is_refused() -> None:
    with pytest.raises(ProtocolError):
        decode_awareness(var_uint(MAX_ENTRIES) + one("{}")[1:])


@given(st.binary(max_size=200) | st.text(max_size=60).map(one))
def test_any_bytes_give_entries_or_a_protocol_error(data: bytes) -> None:
    try:
        entries = decode_awareness(data)
    except ProtocolError:
        return
    assert decode_awareness(encode_awareness(entries)) == entries
