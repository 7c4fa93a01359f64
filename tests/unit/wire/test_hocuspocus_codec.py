"""The Hocuspocus dialect, frame by frame. The document of the golden frames is called "doc"."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import InvalidName, ProtocolError
from segue.wire.awareness import EMPTY, AwarenessEntry
from segue.wire.dialect import Dialect
from segue.wire.hocuspocus import (
    MAX_NAME_BYTES,
    MAX_STATELESS_BYTES,
    MAX_TOKEN_BYTES,
    PONG,
    Addressed,
    Hocuspocus,
    Scope,
    decode,
    document_name,
)
from segue.wire.lib0 import var_string
from segue.wire.messages import (
    AuthToken,
    AwarenessUpdate,
    Close,
    Ping,
    Pong,
    QueryAwareness,
    Stateless,
    SyncStep1,
    SyncStep2,
    Update,
)
from segue.wire.ywebsocket import YWebsocket

N = "03 64 6f 63 "
SERVER = Hocuspocus("doc")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ("02 00 01 74 05 34 2e 38 2e 30", AuthToken("t")),
        ("02 00 01 74", AuthToken("t")),
        ("00 00 01 00", SyncStep1({}, b"\x00")),
        ("00 01 02 00 00", SyncStep2(b"\x00\x00")),
        ("00 02 03 01 02 03", Update(b"\x01\x02\x03")),
        ("01 06 01 01 00 02 7b 7d", AwarenessUpdate((AwarenessEntry(1, 0, "{}"),))),
        ("03", QueryAwareness()),
        ("05 04 70 69 6e 67", Stateless("ping")),
        ("07", Close()),
        ("07 01 78", Close()),
    ],
)
def test_what_a_client_says_is_understood(frame: str, message: object) -> None:
    assert decode(bytes.fromhex(N + frame)) == Addressed("doc", message)


@pytest.mark.parametrize(
    ("payload", "frame"),
    [
        (SERVER.authenticated(Scope.READ_WRITE), "02 02 0a " + b"read-write".hex(" ")),
        (SERVER.authenticated(Scope.READ_ONLY), "02 02 08 " + b"readonly".hex(" ")),
        (SERVER.refused("nope"), "02 01 04 6e 6f 70 65"),
        (SERVER.ask_for_token(), "02 00"),
        (SERVER.step1(b"\x00"), "00 00 01 00"),
        (SERVER.step2(b"\x00\x00"), "00 01 02 00 00"),
        (SERVER.update(b"\x01\x02\x03"), "00 02 03 01 02 03"),
        (SERVER.awareness(EMPTY), "01 01 00"),
        (SERVER.status(saved=True), "08 01"),
        (SERVER.status(saved=False), "08 00"),
        (SERVER.stateless("pong"), "05 04 70 6f 6e 67"),
        (SERVER.closed("provider_initiated"), "07 12 " + b"provider_initiated".hex(" ")),
    ],
)
def test_what_the_server_says_is_written(payload: bytes, frame: str) -> None:
    assert payload.hex(" ") == N + frame


def test_ping_and_pong_are_frames_of_one_byte() -> None:
    assert decode(b"\x09") == Ping()
    assert decode(b"\x0a") == Pong()
    assert PONG == b"\x0a"


def test_a_name_may_carry_a_session_and_answers_carry_it_too() -> None:
    message = decode(var_string("doc\0abc") + b"\x03")
    assert isinstance(message, Addressed)
    assert document_name(message.wire_name) == "doc"
    assert Hocuspocus(message.wire_name).ask_for_token() == var_string("doc\0abc") + b"\x02\x00"
    assert document_name("doc") == "doc"


def test_peers_share_frames_exactly_if_their_names_on_the_wire_are_equal() -> None:
    dialects: list[Dialect] = [Hocuspocus("a"), Hocuspocus("b"), Hocuspocus("a\0s"), YWebsocket()]
    assert len({dialect.key for dialect in dialects}) == 4
    assert len({dialect.update(b"x") for dialect in dialects}) == 4
    assert Hocuspocus("a").key == Hocuspocus("a").key


@pytest.mark.parametrize("name", ["", "\0session", "x" * (MAX_NAME_BYTES + 1)])
def test_a_frame_that_names_no_document_is_refused(name: str) -> None:
    with pytest.raises(ProtocolError):
        decode(var_string(name) + b"\x03")


def test_an_empty_name_has_an_error_of_its_own() -> None:
    with pytest.raises(InvalidName):
        decode(b"\x00\x03")


def test_a_client_may_not_broadcast() -> None:
    with pytest.raises(ProtocolError, match="broadcast"):
        decode(bytes.fromhex(N + "06 01 78"))


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "00 03 01 00",
        "02 01 01 78",  # only servers deny
        "02 02 00",  # only servers authenticate
        "04 01 02 00 00",
        "08 01",
        "09",
        "0a",
        "0b",
        "03 00",
        "05",
        "02 00 01 74 01 78 00",
    ],
)
def test_anything_else_is_refused(rest: str) -> None:
    with pytest.raises(ProtocolError):
        decode(bytes.fromhex(N + rest))


@pytest.mark.parametrize("frame", ["", "00", "08", "0b", "ff"])
def test_a_frame_without_a_whole_name_is_refused(frame: str) -> None:
    with pytest.raises(ProtocolError):
        decode(bytes.fromhex(frame))


@pytest.mark.parametrize(
    ("kind", "max_bytes"), [(b"\x02\x00", MAX_TOKEN_BYTES), (b"\x05", MAX_STATELESS_BYTES)]
)
def test_texts_are_bounded(kind: bytes, max_bytes: int) -> None:
    name = var_string("doc")
    assert decode(name + kind + var_string("x" * max_bytes))
    with pytest.raises(ProtocolError):
        decode(name + kind + var_string("x" * (max_bytes + 1)))


def test_a_token_is_in_no_representation() -> None:
    message = decode(bytes.fromhex(N) + b"\x02\x00" + var_string("very-secret"))
    assert "very-secret" not in repr(message)


@given(st.binary(max_size=100) | st.binary(max_size=60).map(bytes.fromhex(N).__add__))
def test_any_bytes_give_a_message_or_a_protocol_error(data: bytes) -> None:
    try:
        message = decode(data)
    except ProtocolError:
        return
    match message:
        case Ping() | Pong():
            assert len(data) == 1
        case Addressed(wire_name=wire_name, message=SyncStep1(raw=raw)):
            assert Hocuspocus(wire_name).step1(raw) == data
        case Addressed(wire_name=wire_name, message=SyncStep2(update=update)):
            assert Hocuspocus(wire_name).step2(update) == data
        case Addressed(wire_name=wire_name, message=Update(update=update)):
            assert Hocuspocus(wire_name).update(update) == data
        case Addressed(wire_name=wire_name):
            assert data.startswith(var_string(wire_name))
