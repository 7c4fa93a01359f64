"""State vectors: what is read is bounded by what is there."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import ProtocolError
from segue.wire.lib0 import MAX_SAFE_INTEGER, var_uint
from segue.wire.vector import MAX_CLIENTS, MAX_CLOCK, decode_vector, encode_vector

VECTORS = st.dictionaries(st.integers(0, MAX_SAFE_INTEGER), st.integers(0, MAX_CLOCK))


def test_the_empty_vector_is_one_zero() -> None:
    assert encode_vector({}) == b"\x00"
    assert decode_vector(b"\x00") == {}


def test_clients_and_clocks_alternate() -> None:
    assert encode_vector({1: 300, 2**32 - 1: 1}).hex() == "02" + "01ac02" + "ffffffff0f01"
    assert decode_vector(bytes.fromhex("0201ac02ffffffff0f01")) == {1: 300, 2**32 - 1: 1}


@given(VECTORS)
def test_every_vector_comes_back(vector: dict[int, int]) -> None:
    assert decode_vector(encode_vector(vector)) == vector


@pytest.mark.parametrize(
    "encoded",
    ["", "01", "0101", "010102ff", "02010101", "0201010102"],
    ids=["nothing", "no entry", "no clock", "bytes behind", "too few", "a client twice"],
)
def test_a_malformed_vector_is_refused(encoded: str) -> None:
    with pytest.raises(ProtocolError):
        decode_vector(bytes.fromhex(encoded))


def test_a_clock_that_cannot_be_is_refused() -> None:
    assert decode_vector(encode_vector({1: MAX_CLOCK})) == {1: MAX_CLOCK}
    with pytest.raises(ProtocolError):
        decode_vector(encode_vector({1: MAX_CLOCK + 1}))


@pytest.mark.parametrize("padding", [0, 4 * 1024 * 1024], ids=["alone", "with 4 MB behind"])
def test_announcing_2_to_the_28_clients_allocates_nothing(padding: int) -> None:
    bomb = var_uint(2**28) + bytes(padding)
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            decode_vector(bomb)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_more_clients_than_a_document_can_have_are_refused() -> None:
    full = dict.fromkeys(range(MAX_CLIENTS), 1)
    assert len(decode_vector(encode_vector(full))) == MAX_CLIENTS
    with pytest.raises(ProtocolError):
        decode_vector(encode_vector({**full, MAX_CLIENTS: 1}))


@given(st.binary(max_size=200))
def test_any_bytes_give_a_vector_or_a_protocol_error(data: bytes) -> None:
    try:
        vector = decode_vector(data)
    except ProtocolError:
        return
    assert encode_vector(vector) == data
