"""Server frames, checked against an independent parser."""

import pytest
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import CLIENT, Protocol

from segue.wire.frames import binary_frame, close_frame, may_begin_frame, measure_frame


def parsed(data: bytes) -> Frame:
    protocol = Protocol(CLIENT, max_size=None)
    protocol.receive_data(data)
    [frame] = protocol.events_received()
    assert isinstance(frame, Frame)
    return frame


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536, 1_000_000])
def test_a_binary_frame_is_whole_and_unmasked(length: int) -> None:
    payload = b"x" * length
    frame = parsed(binary_frame(payload))
    assert (frame.opcode, frame.fin, frame.data) == (Opcode.BINARY, True, payload)


def test_a_binary_frame_has_the_shortest_header() -> None:
    assert binary_frame(b"\x00\x00\x01\x00").hex() == "820400000100"
    assert binary_frame(b"x" * 126)[:4].hex() == "827e007e"
    assert binary_frame(b"x" * 65_536)[:10].hex() == "827f0000000000010000"


def test_a_close_frame_carries_code_and_reason() -> None:
    assert close_frame(1000).hex() == "880203e8"
    close = Close.parse(parsed(close_frame(4403, "Not yours.")).data)
    assert close == Close(4403, "Not yours.")


@pytest.mark.parametrize("character", ["x", "é", "€", "😀"])
def test_a_long_reason_is_cut_between_two_characters(character: str) -> None:
    frame = close_frame(4400, character * 200)
    size = len(character.encode())
    assert len(frame) <= 2 + 125
    assert Close.parse(parsed(frame).data).reason == character * (123 // size)


def test_a_reason_with_a_lone_surrogate_is_still_sent() -> None:
    assert Close.parse(parsed(close_frame(4400, "a\ud800")).data).reason == "a?"


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
def test_a_frame_of_a_client_is_measured_as_soon_as_its_size_is_known(length: int) -> None:
    encoded = b"before" + Frame(Opcode.BINARY, b"x" * length).serialize(mask=True)
    header = len(encoded) - length - 4
    assert measure_frame(encoded[:header], 6) == (len(encoded) - length, len(encoded))
    assert all(measure_frame(encoded[:cut], 6) is None for cut in range(6, header))


def test_what_no_client_may_send_begins_no_frame() -> None:
    messages = {opcode | fin for opcode in (0, 1, 2) for fin in (0, 0x80)}
    controls = {0x88, 0x89, 0x8A}  # fragments of these are against the protocol
    for first in range(256):
        assert may_begin_frame(bytes((first,)), 0) is (first in messages | controls)
    assert may_begin_frame(b"\x82\x80", 0)
    assert not may_begin_frame(b"\x82\x00", 0)
