"""The y-websocket dialect, frame by frame."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import ProtocolError
from segue.wire.awareness import EMPTY, AwarenessEntry, encode_awareness
from segue.wire.dialect import Dialect
from segue.wire.messages import AwarenessUpdate, QueryAwareness, SyncStep1, SyncStep2, Update
from segue.wire.ywebsocket import YWebsocket, decode

SERVER: Dialect = YWebsocket()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ("00 00 01 00", SyncStep1({}, b"\x00")),
        ("00 00 03 01 05 07", SyncStep1({5: 7}, b"\x01\x05\x07")),
        ("00 01 02 00 00", SyncStep2(b"\x00\x00")),
        ("00 02 03 01 02 03", Update(b"\x01\x02\x03")),
        ("01 06 01 01 00 02 7b 7d", AwarenessUpdate((AwarenessEntry(1, 0, "{}"),))),
        ("01 01 00", AwarenessUpdate(())),
        ("03", QueryAwareness()),
    ],
)
def test_what_a_client_says_is_understood(frame: str, message: object) -> None:
    assert decode(bytes.fromhex(frame)) == message


@pytest.mark.parametrize(
    ("payload", "frame"),
    [
        (SERVER.step1(b"\x00"), "00 00 01 00"),
        (SERVER.step2(b"\x00\x00"), "00 01 02 00 00"),
        (SERVER.update(b"\x01\x02\x03"), "00 02 03 01 02 03"),
        (SERVER.awareness(EMPTY), "01 01 00"),
        (
            SERVER.awareness(encode_awareness([AwarenessEntry(1, 0, "{}")])),
            "01 06 01 01 00 02 7b 7d",
        ),
        (SERVER.refused("nope"), "02 00 04 6e 6f 70 65"),
    ],
)
def test_what_the_server_says_is_written(payload: bytes, frame: str) -> None:
    assert payload.hex(" ") == frame


def test_the_dialect_has_no_word_for_saved() -> None:
    assert SERVER.status(saved=True) is None


def test_all_peers_share_their_frames() -> None:
    assert YWebsocket().key == YWebsocket().key


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "00",
        "00 03 01 00",
        "02 00 00",
        "04",
        "05 00",
        "64",
        "00 02 05 00",
        "03 00",
        "00 00 01 00 00",
    ],
)
def test_anything_else_is_refused(frame: str) -> None:
    with pytest.raises(ProtocolError):
        decode(bytes.fromhex(frame))


@given(st.binary(max_size=100))
def test_any_bytes_give_a_message_or_a_protocol_error(data: bytes) -> None:
    try:
        message = decode(data)
    except ProtocolError:
        return
    match message:
        case SyncStep1(raw=raw):
            assert SERVER.step1(raw) == data
        case SyncStep2(update=update):
            assert SERVER.step2(update) == data
        case Update(update=update):
            assert SERVER.update(update) == data
        case AwarenessUpdate() | QueryAwareness():
            pass
