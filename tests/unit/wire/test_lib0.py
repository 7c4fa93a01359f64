"""The codec is total: a value or a ProtocolError, whatever comes, in bounded time."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import ProtocolError
from segue.wire.lib0 import (
    MAX_SAFE_INTEGER,
    Reader,
    var_bytes,
    var_int,
    var_string,
    var_uint,
)

UINTS = st.integers(0, MAX_SAFE_INTEGER)


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "8001"),
        (300, "ac02"),
        (2**32 - 1, "ffffffff0f"),
        (MAX_SAFE_INTEGER, "ffffffffffffff0f"),
    ],
)
def test_unsigned_numbers_are_written_and_read_as_lib0_does(value: int, encoded: str) -> None:
    assert var_uint(value).hex() == encoded
    assert Reader(bytes.fromhex(encoded)).var_uint() == value


@pytest.mark.parametrize(
    ("value", "encoded"),
    [(0, "00"), (1, "01"), (-1, "41"), (63, "3f"), (64, "8001"), (-64, "c001"), (-8192, "c08001")],
)
def test_signed_numbers_are_written_and_read_as_lib0_does(value: int, encoded: str) -> None:
    assert var_int(value).hex() == encoded
    assert Reader(bytes.fromhex(encoded)).var_int() == value


def test_negative_zero_is_zero() -> None:
    assert Reader(b"\x40").var_int() == 0


@given(UINTS)
def test_every_unsigned_number_comes_back(value: int) -> None:
    reader = Reader(var_uint(value))
    assert reader.var_uint() == value
    reader.finish()


@given(st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER))
def test_every_signed_number_comes_back(value: int) -> None:
    reader = Reader(var_int(value))
    assert reader.var_int() == value
    reader.finish()


@given(st.text(), st.binary())
def test_strings_and_bytes_come_back(text: str, data: bytes) -> None:
    reader = Reader(var_string(text) + var_bytes(data))
    assert reader.string(10_000) == text
    assert reader.bytes() == data
    reader.finish()


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "80",
        "8000",  # zero in two bytes
        "ff8000",
        "ffffffffffffffff7f",
        "80808080808080808001",
    ],
)
@pytest.mark.parametrize("read", [Reader.var_uint, Reader.var_int])
def test_no_number_is_refused(encoded: str, read: Callable[[Reader], int]) -> None:
    with pytest.raises(ProtocolError):
        read(Reader(bytes.fromhex(encoded)))


@pytest.mark.parametrize(
    ("read", "encoded"),
    [(Reader.var_uint, "ffffffffffffff10"), (Reader.var_int, "bfffffffffffff20")],
)
def test_a_number_of_2_to_the_53_is_refused(read: Callable[[Reader], int], encoded: str) -> None:
    with pytest.raises(ProtocolError):
        read(Reader(bytes.fromhex(encoded)))


@pytest.mark.parametrize("value", [-1, MAX_SAFE_INTEGER + 1])
def test_what_lib0_could_not_read_is_not_written(value: int) -> None:
    with pytest.raises(ValueError, match="varUint"):
        var_uint(value)


def test_an_endless_number_costs_nothing() -> None:
    # Read to its end this takes minutes: each of the 16 million digits shifts a growing number.
    bomb = b"\xff" * (16 * 1024 * 1024)
    with pytest.raises(ProtocolError):
        Reader(bomb).var_uint()


def test_a_length_beyond_the_end_allocates_nothing() -> None:
    with pytest.raises(ProtocolError):
        Reader(var_uint(2**40) + b"short").bytes()


@pytest.mark.parametrize(
    "encoded",
    [b"\xed\xa0\x80", b"\xff", b"\xc0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"],
    ids=["lone surrogate", "no lead byte", "overlong", "beyond Unicode", "cut off"],
)
def test_ill_formed_text_is_refused(encoded: bytes) -> None:
    with pytest.raises(ProtocolError):
        Reader(var_bytes(encoded)).string(100)


def test_a_string_beyond_its_limit_is_refused() -> None:
    assert Reader(var_string("é" * 5)).string(10) == "é" * 5
    with pytest.raises(ProtocolError):
        Reader(var_string("é" * 6)).string(10)


def test_a_lone_surrogate_is_written_as_javascript_would() -> None:
    assert var_string("a\ud800b") == var_string("a\ufffdb")


def test_bytes_behind_the_end_are_refused() -> None:
    reader = Reader(b"\x01\x02")
    reader.var_uint()
    assert reader.remaining == 1
    with pytest.raises(ProtocolError):
        reader.finish()


@given(
    st.binary(max_size=40),
    st.lists(
        st.sampled_from(
            [Reader.var_uint, Reader.var_int, Reader.bytes, lambda r: r.string(8), Reader.finish]
        ),
        min_size=1,
        max_size=8,
    ),
)
def test_any_bytes_give_values_or_a_protocol_error(
    data: bytes, reads: list[Callable[[Reader], object]]
) -> None:
    reader = Reader(data)
    try:
        for read in reads:
            read(reader)
    except ProtocolError:
        return
    assert 0 <= reader.remaining <= len(data)
