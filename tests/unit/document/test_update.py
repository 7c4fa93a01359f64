"""The parser: any bytes give an update or a refusal, and what passes is what pycrdt will read."""

import encoded as yjs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from replicas import recorded

from segue.document.content import Refusal
from segue.document.update import parse

REAL = [
    bytes.fromhex(update["data"])
    for scenario in recorded().values()
    for update in scenario["updates"]
]


def refusal(data: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        parse(data)
    return str(caught.value)


def one(content: tuple[int, bytes], **where: object) -> bytes:
    return yjs.update(yjs.section(1, 0, yjs.item(content, **where)))


def test_a_keystroke_is_read_field_by_field() -> None:
    (section,) = parse(
        yjs.update(
            yjs.section(77, 5, yjs.item(yjs.string("é👋"), origin=(77, 4), right=(3, 1))),
            deletes={77: [(1, 3)]},
        )
    ).sections
    (struct,) = section.structs
    assert (section.client, section.start, section.end) == (77, 5, 8)
    assert (struct.origin, struct.right, struct.length) == ((77, 4), (3, 1), 3)
    assert struct.cuts == (2,)


def test_lengths_of_text_are_those_of_javascript() -> None:
    for string in ("a", "é", "€", "👋", "👩‍👩‍👧", "\ufffd", "\x00"):
        (section,) = parse(one(yjs.string(string))).sections
        assert section.end == len(string.encode("utf-16-le")) // 2


def test_skips_are_left_out_and_remembered() -> None:
    item = yjs.item(yjs.string("ab"))
    data = yjs.update(yjs.section(1, 0, yjs.skip(3), item, yjs.skip(2), item, yjs.skip(9)))
    (section,) = parse(data).sections
    assert (section.start, section.end, section.holes) == (3, 9, True)
    assert [struct.clock for struct in section.structs] == [3, 7]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it ends too early"),
        (b"\x00", "it ends too early"),
        (b"\x00\x00\x00", "bytes are left over"),
        (b"\x00" + b"\xff" * 9 + b"\x00", "a number is too long"),
        (b"\x00" + b"\xff" * 7 + b"\x7f", "a number is too large"),
        (yjs.update(yjs.section(1, 0)), "a client's part is empty"),
        (yjs.update(yjs.section(1, 0, yjs.skip(1))), "a client's part is empty"),
        (yjs.update(yjs.section(1, 0, yjs.gc(0))), "a length is out of range"),
        (yjs.update(yjs.section(1, 0, yjs.gc(2**31))), "a length is out of range"),
        (yjs.update(yjs.section(1, 2**31 - 1, yjs.gc(1))), "a length is out of range"),
        (yjs.update(*[yjs.section(1, 0, yjs.gc(1))] * 2), "a client occurs twice"),
        (yjs.update(deletes={1: [(0, 0)]}), "a delete range is out of range"),
        (yjs.update(deletes={1: [(0, 2), (1, 3)]}), "a delete range is out of range"),
        (yjs.update(deletes={1: [(4, 5), (0, 1)]}), "a delete range is out of range"),
        (yjs.update(deletes={1: [(0, 2**31)]}), "a delete range is out of range"),
        (b"\x00\x02\x01\x01\x00\x01\x01\x01\x00\x01", "a client occurs twice"),
        (one(yjs.string("")), "a length is out of range"),
        (one(yjs.values()), "a length is out of range"),
        (one(yjs.deleted(0)), "a length is out of range"),
        (one((4, b"\x01\xff")), "a text is no UTF-8"),
        (one((4, b"\x03\xed\xa0\x80")), "a text is no UTF-8"),
        (one((4, b"\x7fabc")), "it ends too early"),
        (one((2, b"\x01\x03\x22x\x22")), "it holds legacy JSON content, which is not taken here"),
        (one((9, b"\x01a\x76\x00")), "it holds a subdocument, which is not taken here"),
        (one((11, b"\x00")), "it holds an unknown kind of content"),
        (one((20, b"\x01a")), "it holds an unknown kind of content"),
        (
            one(yjs.shared(5, "hook")),
            "it holds a type that is not taken here (XML hook, weak link)",
        ),
        (one(yjs.shared(7)), "it holds a type that is not taken here (XML hook, weak link)"),
        (one(yjs.values(b"\x73")), "it holds an unknown kind of value"),
        (one(yjs.values(b"\x7b\x00")), "it ends too early"),
        (one(yjs.values(b"\x7d" + b"\xff" * 9)), "a number is too long"),
        (one(yjs.values(b"\x75\x01" * 17 + b"\x7e")), "a value is nested too deeply"),
        (one(yjs.values(b"\x76\x01\x01a" * 17 + b"\x7e")), "a value is nested too deeply"),
        (one(yjs.values(b"\x75\xff\xff\xff\xff\x0f\x7e")), "it holds an unknown kind of value"),
        (one(yjs.embed("[" * 17 + "]" * 17)), "a value is nested too deeply"),
        (one(yjs.embed("[" * 100_000)), "a formatting value is no JSON"),
        (one(yjs.embed("NaN")), "a formatting value is no JSON"),
        (one(yjs.embed('"\\ud800"')), "a formatting value is no JSON"),
        (one(yjs.formatting("bold", "")), "a formatting value is no JSON"),
    ],
)
def test_what_is_not_taken_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    assert refusal(data) == reason


def test_sixteen_levels_pass() -> None:
    parse(one(yjs.values(b"\x75\x01" * 16 + b"\x7e")))
    parse(one(yjs.embed("[" * 16 + "]" * 16)))


def test_a_parent_is_a_root_or_an_id() -> None:
    assert refusal(b"\x01\x01\x01\x00\x04\x02\x01t\x01a\x00") == (
        "a parent is neither a root nor an id"
    )


@given(st.binary(max_size=200))
def test_any_bytes_give_an_update_or_a_refusal(data: bytes) -> None:
    try:
        parse(data)
    except Refusal:
        pass


@given(st.sampled_from(REAL), st.data())
def test_real_updates_with_bytes_changed_do_too(real: bytes, draw: st.DataObject) -> None:
    changed = bytearray(real)
    for _ in range(draw.draw(st.integers(1, 4))):
        changed[draw.draw(st.integers(0, len(changed) - 1))] = draw.draw(st.integers(0, 255))
    try:
        parse(bytes(changed))
    except Refusal:
        pass


@given(st.sampled_from(REAL), st.integers(0, 500))
def test_every_byte_counts(real: bytes, cut: int) -> None:
    parse(real)
    refusal(real[: cut % len(real)])
    refusal(real + b"\x00")
