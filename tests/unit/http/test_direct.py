"""The direct path on a real server and raw sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import anyio
import pytest
from direct_host import MAX_FRAME, Host, Impatient, Recorder, pair
from websockets.frames import Frame, Opcode

from raw_websocket import (
    BINARY,
    CLOSE,
    CONT,
    PATIENCE_S,
    PING,
    PONG,
    TEXT,
    RawWebSocket,
    frame,
    header,
)
from segue.http import direct
from segue.http.direct import DirectProtocol

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(20)]


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    async with Host.running() as running:
        yield running


@pytest.fixture
def short_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "_CLOSE_TIMEOUT_S", 0.05)


async def test_messages_arrive_whole_and_in_order(host: Host) -> None:
    async with pair(host) as (client, recorder):
        await client.send(frame(b"one") + frame(b"two") + frame(b"x" * 70_000))
        await recorder.hears(b"one", b"two", b"x" * 70_000)


async def test_fragments_are_joined_around_control_frames(host: Host) -> None:
    async with pair(host) as (client, recorder):
        await client.send(
            frame(b"a", fin=False)
            + frame(b"b", CONT, fin=False)
            + frame(b"hi", PING)
            + frame(b"c", CONT)
        )
        await recorder.hears(b"abc")
        assert (await client.read()).opcode == PONG


@pytest.mark.parametrize("size", [1, 2, 5, 7, 13, 1000])
async def test_messages_arrive_however_they_are_cut(host: Host, size: int) -> None:
    messages = [b"", b"one", b"x" * 125, b"y" * 126, b"z" * 700]
    stream = b"".join(frame(message) for message in messages)
    stream += frame(b"a", fin=False) + frame(b"hi", PING) + frame(b"b", CONT) + frame(b"last")
    async with pair(host) as (client, recorder):
        # Fed in, as the network would merge what is sent a byte at a time.
        for start in range(0, len(stream), size):
            recorder.socket.data_received(stream[start : start + size])
        assert recorder.heard == [*messages, b"ab", b"last"]
        assert (await client.read()).opcode == PONG


async def test_masks_are_taken_off(host: Host) -> None:
    messages = [b"one", b"two" * 50]
    async with pair(host) as (client, recorder):
        for message in messages:
            await client.send(Frame(Opcode.BINARY, message).serialize(mask=True))
        await recorder.hears(*messages)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"\x82\x01x", id="without a mask"),
        pytest.param(b"\x82\x32" + b"x" * 50, id="without a mask, and long enough to hold one"),
        pytest.param(b"\xc2" + frame(b"x")[1:], id="with a reserved bit"),
        pytest.param(frame(b"x", 5), id="of an unknown kind"),
        pytest.param(frame(b"x", CONT), id="a continuation of nothing"),
        pytest.param(frame(b"x", fin=False) + frame(b"y"), id="inside of a message"),
        pytest.param(frame(b"x" * 126, PING), id="a long ping"),
    ],
)
async def test_a_frame_against_the_protocol_ends_in_1002(host: Host, broken: bytes) -> None:
    async with pair(host) as (client, recorder):
        await client.send(frame(b"good") + broken + frame(b"behind"))
        assert (await client.read()).code == 1002
        assert recorder.heard == [b"good"]


async def test_nothing_is_read_behind_a_frame_against_the_protocol(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[DirectProtocol] = []
    monkeypatch.setattr(DirectProtocol, "_end_soon", lambda socket: ends.append(socket))
    async with pair(host) as (_, recorder):
        recorder.socket.data_received(frame(b"x", CONT) + frame(b"", PING) * 10)
        assert len(ends) == 1


async def test_a_frame_that_comes_in_pieces_is_gathered_in_one_place(host: Host) -> None:
    # Copied anew at each piece, 16 MiB in pieces of 64 KiB would be 2 GiB moved.
    async with pair(host) as (_, recorder):
        whole = frame(b"x" * MAX_FRAME)
        recorder.socket.data_received(whole[:100])
        gathered = recorder.socket._rest
        recorder.socket.data_received(whole[100:-1])
        assert gathered is recorder.socket._rest
        recorder.socket.data_received(whole[-1:])
        assert recorder.heard == [b"x" * MAX_FRAME]
        assert recorder.socket._rest is None


async def test_text_is_refused(host: Host) -> None:
    async with pair(host) as (client, recorder):
        await client.send(frame(b"hello", TEXT) + frame(b"more"))
        assert (await client.read()).code == 1003
        assert recorder.heard == []


async def test_what_a_hasty_client_sends_before_it_is_accepted_arrives(host: Host) -> None:
    host.gate.clear()
    async with RawWebSocket.connected(host.port, "/") as client:
        await host.asked.wait()
        await client.send(frame(b"one") + frame(b"two") + frame(b"thr", fin=False))
        await host.reads(len(frame(b"one") + frame(b"two") + frame(b"thr", fin=False)))
        host.gate.set()
        recorder = await host.latest()
        await (await client.accepted()).send(frame(b"ee", CONT) + frame(b"four"))
        await recorder.hears(b"one", b"two", b"three", b"four")


async def test_a_frame_that_was_begun_before_the_socket_was_accepted_is_read_to_its_end(
    host: Host,
) -> None:
    message = frame(b"a message that looks like a frame")
    host.gate.clear()
    async with RawWebSocket.connected(host.port, "/") as client:
        await host.asked.wait()
        await client.send(header(len(message)))
        await host.reads(len(header(len(message))))
        host.gate.set()
        recorder = await host.latest()
        await (await client.accepted()).send(message + frame(b"next"))
        await recorder.hears(message, b"next")


@pytest.mark.parametrize("broken", [frame(b"hello", TEXT), frame(b"hel", TEXT, fin=False)])
async def test_text_is_refused_from_a_hasty_client_too(host: Host, broken: bytes) -> None:
    host.gate.clear()
    async with RawWebSocket.connected(host.port, "/") as client:
        await host.asked.wait()
        await client.send(broken)
        await host.reads(len(broken))
        host.gate.set()
        assert (await (await client.accepted()).read()).code == 1003


async def test_a_client_that_vanishes_before_it_is_accepted_is_forgotten(host: Host) -> None:
    host.gate.clear()
    async with RawWebSocket.connected(host.port, "/") as client:
        await host.asked.wait()
        client.writer.transport.abort()
        await host.lost.wait()
    host.gate.set()
    async with pair(host) as (other, recorder):
        await other.send(frame(b"fine"))
        await recorder.hears(b"fine")
    assert len(host.recorders) == 1


async def test_what_the_handshake_left_is_forgotten(host: Host) -> None:
    async with pair(host) as (_, recorder):
        assert not {"scope", "request", "response"} & vars(recorder.socket).keys()


async def test_ready_made_frames_are_written_as_they_are(host: Host) -> None:
    async with pair(host) as (client, recorder):
        recorder.socket.write(b"\x82\x02ab\x82\x01c")
        assert [(await client.read()).data for _ in range(2)] == [b"ab", b"c"]


async def test_a_client_that_closes_is_answered_and_told_of_once(host: Host) -> None:
    async with pair(host) as (client, recorder):
        await client.send(frame((1000).to_bytes(2), CLOSE) + frame(b"after"))
        assert (await client.read()).code == 1000
        assert await client.ended()
        await recorder.hears("closed")
        recorder.socket.close(4400, "again")
        recorder.socket.write(b"\x82\x00")
        assert recorder.heard == ["closed"]


async def test_a_client_that_vanishes_is_told_of_once(host: Host) -> None:
    async with pair(host) as (client, recorder):
        await client.send(frame(b"part", fin=False))
        client.writer.transport.abort()
        await recorder.hears("closed")
        assert recorder.heard == ["closed"]


async def test_a_close_gives_code_and_reason_and_nothing_is_heard_behind_it(host: Host) -> None:
    async with pair(host) as (client, recorder):
        recorder.on_heard = lambda data: recorder.socket.close(4403, "no access")
        await client.send(frame(b"one") + frame(b"two"))
        closing = await client.read()
        assert (closing.opcode, closing.code, closing.data[2:]) == (CLOSE, 4403, b"no access")
        await client.send(frame(b"three") + frame(closing.data, CLOSE))
        assert await client.ended()
        await recorder.hears("closed")
        assert recorder.heard == [b"one", "closed"]


@pytest.mark.usefixtures("short_close")
async def test_a_client_that_does_not_follow_a_close_is_cut_off(host: Host) -> None:
    async with pair(host) as (_, recorder):
        recorder.socket.close(4403, "no access")
        await recorder.hears("closed")


async def test_a_full_buffer_is_told_and_its_end_too(host: Host) -> None:
    async with pair(host, small_buffers=True) as (client, recorder):
        block = b"\x82\x7e\xff\xff" + bytes(0xFFFF)
        written = _fill(recorder, block)
        assert recorder.heard == ["congested"]
        for _ in range(written):
            assert (await client.read()).opcode == BINARY
        await recorder.hears("congested", "drained")


def _fill(recorder: Recorder, block: bytes) -> int:
    written = 0
    while not recorder.socket.congested:
        recorder.socket.write(block)
        written += 1
    return written


@pytest.mark.usefixtures("short_close")
@pytest.mark.parametrize("who", ["server", "client", "shutdown", "garbage"])
async def test_a_close_behind_a_full_buffer_does_not_wait_for_ever(host: Host, who: str) -> None:
    async with pair(host, small_buffers=True) as (client, recorder):
        _fill(recorder, bytes((0x82, 0x7E, 0xFF, 0xFF)) + bytes(0xFFFF))
        match who:
            case "server":
                recorder.socket.close(4508, "stalled")
            case "client":
                await client.send(frame((1000).to_bytes(2), CLOSE))
            case "shutdown":
                recorder.socket.shutdown()
            case _:
                await client.send(b"\xff\xff\xff\xff")
        await recorder.hears("closed")


async def test_a_stall_is_counted_from_the_last_progress(host: Host) -> None:
    async with pair(host, small_buffers=True) as (client, recorder):
        socket, start_s = recorder.socket, asyncio.get_running_loop().time()
        assert socket.stalled_for_s(start_s) == 0
        block = bytes((0x82, 0x7E, 0xFF, 0xFF)) + bytes(0xFFFF)
        _fill(recorder, block)
        socket.write(block * 60)
        before = socket.transport.get_write_buffer_size()
        assert socket.stalled_for_s(start_s + 50) >= 49
        socket.write(b"\x82\x00")
        assert socket.stalled_for_s(start_s + 55) >= 54
        while socket.transport.get_write_buffer_size() >= before - 1:
            await client.read()
        assert socket.congested
        assert socket.stalled_for_s(start_s + 70) == 0


async def test_who_has_answers_pile_up_is_not_read_until_it_takes_them(host: Host) -> None:
    async with pair(host, small_buffers=True) as (client, recorder):
        reply = b"\x82\x7e\x20\x00" + bytes(0x2000)
        recorder.on_heard = lambda data: recorder.socket.write(reply)
        asked = 3_000
        asking = b"".join(frame(b"?" * 2_000) for _ in range(asked))
        client.writer.write(asking)
        await recorder.until(lambda: recorder.socket._is_deaf)
        heard = sum(each != "congested" for each in recorder.heard)
        # One read of the socket may hold a few hundred questions; none comes behind it.
        assert heard < asked / 2
        assert recorder.socket.transport.get_write_buffer_size() < heard * len(reply)
        for _ in range(asked):
            await client.read()
        await recorder.until(lambda: recorder.heard.count(b"?" * 2_000) == asked)


async def test_a_client_that_answers_no_ping_is_cut_off() -> None:
    async with Host.running(ping_s=0.05) as host, pair(host) as (client, recorder):
        assert (await client.read()).opcode == PING
        await recorder.hears("closed")


async def test_a_full_buffer_is_no_missing_pong() -> None:
    async with Host.running(ping_s=0.03) as host, pair(host, small_buffers=True) as (_, recorder):
        _fill(recorder, bytes((0x82, 0x7E, 0xFF, 0xFF)) + bytes(0xFFFF))
        pings = recorder.socket.ping_sent_at
        asked: list[float] = []
        while len(asked) < 3:
            await anyio.lowlevel.checkpoint()
            if recorder.socket.ping_sent_at != pings:
                pings = recorder.socket.ping_sent_at
                asked.append(pings)
        assert recorder.heard == ["congested"]


async def test_an_oversize_frame_ends_in_1009_though_it_is_still_being_sent(host: Host) -> None:
    async with pair(host) as (client, recorder):
        client.writer.write(header(50 * MAX_FRAME) + bytes(50 * MAX_FRAME))
        assert (await client.read()).code == 1009
        await client.send(frame((1009).to_bytes(2), CLOSE))
        client.writer.write_eof()
        await recorder.hears("closed")
        assert recorder.heard == ["closed"]


async def test_a_message_of_many_small_fragments_is_bounded(host: Host) -> None:
    async with pair(host) as (client, recorder):
        await client.send(frame(b"x", fin=False))
        small = frame(b"x", CONT, fin=False) * 10_000
        for _ in range(12):
            client.writer.write(small)
        assert (await client.read()).code == 1009
        assert len(recorder.socket._partial or b"") <= MAX_FRAME
        assert recorder.heard == []


async def test_a_receiver_that_fails_ends_its_own_socket_alone(host: Host) -> None:
    async with pair(host) as (client, recorder), pair(host) as (other, bystander):

        def fail(data: bytes) -> None:
            raise RuntimeError("it fails")

        recorder.on_heard = fail
        await client.send(frame(b"one"))
        assert (await client.read()).code == 1011
        await other.send(frame(b"fine"))
        await bystander.hears(b"fine")


async def test_an_application_that_fails_before_it_accepts_answers_500(host: Host) -> None:
    async with RawWebSocket.connected(host.port, "/fail") as client:
        answer = await client.reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 500")
        assert await client.ended()


async def test_a_stopping_server_sends_1012(host: Host) -> None:
    async with pair(host) as (client, recorder):
        host.server.should_exit = True
        assert (await client.read()).code == 1012
        await recorder.hears("closed")


@pytest.mark.parametrize("begun", [b"", b"GE", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "])
async def test_a_connection_that_sends_no_whole_request_is_ended(begun: bytes) -> None:
    async with Host.running() as host:
        reader, writer = await asyncio.open_connection("127.0.0.1", host.port)
        try:
            writer.write(begun)
            async with asyncio.timeout(PATIENCE_S):
                with suppress(ConnectionError):
                    assert await reader.read() == b""
        finally:
            writer.transport.abort()


async def test_a_websocket_outlives_the_patience_with_requests() -> None:
    async with Host.running() as host, pair(host) as (client, recorder):
        await asyncio.sleep(3 * Impatient.patience_s)  # time itself is what is tested
        await client.send(frame(b"here"))
        await recorder.hears(b"here")


async def test_a_handshake_that_cannot_be_read_is_answered_and_ended() -> None:
    async with Host.running() as host:
        async with RawWebSocket.connected(host.port, "/" + "a" * 9_000) as client:
            async with asyncio.timeout(PATIENCE_S):
                answer = await client.reader.read(1_000)
                assert answer.startswith(b"HTTP/1.1 400 ")
                assert await client.ended()


async def test_a_limit_of_messages_counts_from_the_next_frame() -> None:
    async with Host.running() as host, pair(host) as (client, recorder):
        recorder.socket.limit_messages(10)
        await client.send(frame(b"x" * 10))
        await recorder.hears(b"x" * 10)
        recorder.socket.limit_messages(None)
        await client.send(frame(b"x" * 11))
        await recorder.hears(b"x" * 11)
        recorder.socket.limit_messages(10)
        await client.send(header(11))
        assert (await client.read()).code == 1009
