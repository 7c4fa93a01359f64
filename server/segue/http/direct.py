"""The direct path of frames: uvicorn's WebSocket protocol with ASGI left out once a socket is accepted.

Naive way: `await websocket.receive()` and `await websocket.send()` for each message. It costs a task,
a queue and two awaits a message, frames the same bytes again for each device, and awaits a slow one.
What we do: Starlette accepts the socket; from then on each binary frame goes to a `Receiver` by a plain
call, and ready-made frames are written to the transport. Ping and close stay uvicorn's.

What arrives is cut into frames here, and a whole message is unmasked at once: websockets' parser, a chain
of generators, took a sixth of the hub's CPU. It gets all other frames (fragments, pings, closes), each
whole, and everything from the first frame on that it will refuse.

A device that doesn't take what is sent is found in two ways: no pong, or a full buffer that has not
shrunk for a minute. uvicorn would only close such a transport, which waits for the buffer to drain:
here it is aborted. A device that has answers pile up for it isn't read either, so that one which asks
and never takes costs bounded memory.

Nor is one that sends faster than its `Pace`, until that lets it go on. A flood is told to the receiver,
and what still comes of it is dropped unread.
"""

import asyncio
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import structlog
from typing_extensions import override
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import (  # type: ignore[attr-defined]  # gives the C one, where there is one
    Frame,
    apply_mask,
)
from websockets.http11 import Request

from segue.http.pace import Pace
from segue.http.receiver import Receiver
from segue.wire.frames import FIN_BINARY, MASK_BYTES, close_frame, may_begin_frame, measure_frame

log = structlog.get_logger()

STATE_KEY: Final = "segue.direct"
"""Where the ASGI scope's `state` holds the protocol object."""

_CLOSE_TIMEOUT_S: Final = 3.0
_USER_TIMEOUT_MS: Final = 60_000
_UNSUPPORTED_DATA: Final = 1003
_REFUSED_HANDSHAKE: Final = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n"
    b"This is no WebSocket handshake, or its address or a header is over 8 kB. Send a shorter one.\n"
)


class _Nowhere(asyncio.Queue[Any]):
    """Where events go that nobody will get."""

    @override
    def put_nowait(self, item: object) -> None:
        """Drops it."""


_NOWHERE: Final = _Nowhere()
_UNAWAITED: Final = asyncio.Event()


class DirectProtocol(WebSocketsSansIOProtocol):
    """See the module's text."""

    _receiver: Receiver | None = None
    _is_cut: bool = False
    _was_hasty: bool = False
    _rest: bytearray | None = None
    _needed_bytes: int = 0
    _partial: bytearray | None = None
    _buffered_bytes: int = 0
    _progress_at_s: float = 0.0
    _mark_bytes: int = 0
    _deaf_above_bytes: int = 0
    _is_deaf: bool = False
    _pace: Pace = Pace()
    _is_paced: bool = False
    _is_flooding: bool = False
    _on_lost: Callable[[], None] | None = None
    congested: bool = False

    def take_over(self, receiver: Receiver, *, mark_bytes: int, pace: Pace) -> None:
        """Leads the accepted socket's messages to `receiver`, past ASGI, from now on."""
        self._receiver = receiver
        self._pace = pace
        # Of what a hasty client sent the parser may hold the beginning of a frame.
        self._is_cut = not self._was_hasty
        self._mark_bytes = mark_bytes
        self.transport.set_write_buffer_limits(high=mark_bytes)
        _set_user_timeout(self.transport)
        while not self.queue.empty():  # what a hasty client sent before the socket was accepted
            event = self.queue.get_nowait()
            if event["type"] == "websocket.receive":
                self._deliver(event.get("bytes"))
        if self.frames:  # and what it has sent in part
            self._take_over_part()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self._forget_handshake()

    def _forget_handshake(self) -> None:
        # A third of what a socket takes, and of no use to anyone once the application has handed over.
        del self.scope, self.request, self.response
        self.queue, self.writable = _NOWHERE, _UNAWAITED

    def _take_over_part(self) -> None:
        if self.curr_msg_data_type == "text":
            self._deliver(None)
        else:
            self._partial = bytearray(b"".join(self.frames))

    def limit_messages(self, max_bytes: int | None) -> None:
        """Bounds a message, and what is kept of one that is not whole; None: as the server was set."""
        self.conn.max_message_size = max_bytes or self.config.ws_max_size

    def replenish(self, elapsed_s: float) -> None:
        """Takes that so much time has passed: the device may send more."""
        self._pace.replenish(elapsed_s)
        if self._is_paced and not self._pace.must_wait:
            self._is_paced = False
            self._listen()

    def when_lost(self, call: Callable[[], None]) -> None:
        """Has `call` called when the connection is gone, or at once."""
        if self.disconnected:
            call()
        else:
            self._on_lost = call

    @property
    def is_open(self) -> bool:
        """Tells whether anything written now can still arrive."""
        return not (self.close_sent or self.disconnected or self.transport.is_closing())

    def write(self, frames: bytes) -> None:
        """Writes ready-made frames; dropped if the socket is closing."""
        if self.is_open:
            self.transport.write(frames)

    def close(self, code: int, reason: str) -> None:
        """Sends a close frame and ends the socket, by force if the device doesn't follow."""
        if not self.is_open:
            return
        self.transport.write(close_frame(code, reason))
        self._end_soon()

    def abort(self) -> None:
        """Ends the socket at once; what is buffered for it is dropped."""
        self.transport.abort()

    def abort_unless_taken(self) -> None:
        """Ends a socket that is closing, should its device not take the rest within a while."""
        self.loop.call_later(_CLOSE_TIMEOUT_S, self.transport.abort)

    def stalled_for_s(self, now_s: float) -> float:
        """Gives for how many seconds a full buffer has not shrunk."""
        size = self.transport.get_write_buffer_size() if self.congested else 0
        if size < self._buffered_bytes or not self.congested:
            self._progress_at_s = now_s
        self._buffered_bytes = size
        return now_s - self._progress_at_s

    # -- what uvicorn calls ----------------------------------------------------------------------

    @override
    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            self.scope["state"][STATE_KEY] = self

    @override
    def data_received(self, data: bytes) -> None:
        if self._is_flooding or (self._receiver is not None and self.conn.parser_exc is not None):
            return  # see `handle_parser_exception`
        if self._is_cut:
            self._take_frames(data)
        else:
            self._was_hasty = self.handshake_initiated
            super().data_received(data)
        if self.conn.handshake_exc is not None and not self.close_sent:
            self._refuse_handshake()
        if self.congested and not self._is_deaf:
            self._is_deaf = self.transport.get_write_buffer_size() > self._deaf_above_bytes
            self._listen()

    def _listen(self) -> None:
        """Reads, or doesn't, as is right now."""
        if self._is_deaf or self._is_paced:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _take_frames(self, data: bytes) -> None:
        if self._rest is not None:
            self._rest += data
            if len(self._rest) < self._needed_bytes:
                return
            data, self._rest = bytes(self._rest), None
        start = 0
        while start < len(data) and self._is_cut:
            end = self._take_frame(data, start)
            if end is None:
                self._rest = bytearray(data[start:])
                return
            start = end

    def _take_frame(self, data: bytes, start: int) -> int | None:
        """Takes the frame at `start` and gives its end; None: it is not all there."""
        extent = measure_frame(data, start)
        if not may_begin_frame(data, start) or (extent is not None and self._is_oversize(*extent)):
            self._is_cut = False
            super().data_received(data[start:])
            return len(data)
        self._needed_bytes = extent[1] - start if extent is not None else 0
        if extent is None or extent[1] > len(data):
            return None
        payload, end = extent
        if data[start] == FIN_BINARY and self._partial is None:
            self._deliver(apply_mask(data[payload:end], data[payload - MASK_BYTES : payload]))
        else:
            super().data_received(data[start:end])
            self._is_cut = self.conn.parser_exc is None
        return end

    def _is_oversize(self, begin: int, end: int) -> bool:
        # By the parser's rule: it refuses such a frame when it has its header.
        max_bytes = self.conn.max_message_size
        return max_bytes is not None and end - begin > max_bytes - len(self._partial or b"")

    def _refuse_handshake(self) -> None:
        # The parser gave up, and uvicorn would wait for it for ever.
        self.close_sent = self.handshake_complete = True
        self.transport.write(_REFUSED_HANDSHAKE)
        self.transport.close()

    @override
    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        if self.transport.get_write_buffer_size():  # closing waits for a device that may not read
            self.loop.call_later(_CLOSE_TIMEOUT_S, self.transport.abort)

    @override
    def handle_parser_exception(self) -> None:
        """Tells the device why, and goes on reading for a while, to drop what it is still sending.

        Closing at once would have the kernel reset the connection, and the reason would be lost: the
        device would only come back and send the same again.
        """
        if self._receiver is None:
            super().handle_parser_exception()
            return
        self.transport.write(b"".join(self.conn.data_to_send()))
        self._end_soon()

    @override
    async def run_asgi(self) -> None:
        """Runs the application until it has accepted and handed over, or refused."""
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except Exception:  # as uvicorn does; CancelledError passes
            log.exception("connection.not_accepted")
        if self._receiver is None and not self.close_sent:
            self.send_500_response()
            self.transport.close()

    @override
    def handle_bytes(self, event: Frame) -> None:
        if self._receiver is None:
            super().handle_bytes(event)
        elif event.fin:
            self._deliver(event.data)
        else:
            self._partial = bytearray(event.data)

    @override
    def handle_ping(self) -> None:
        super().handle_ping()
        self._count_frame()

    @override
    def handle_cont(self, event: Frame) -> None:
        if self._receiver is None:
            super().handle_cont(event)
        elif self._partial is not None and self._count_frame():
            self._partial += event.data
            if event.fin:
                data, self._partial = self._partial, None
                self._deliver(data)

    @override
    def handle_text(self, event: Frame) -> None:
        if self._receiver is None:
            super().handle_text(event)
        else:
            self._deliver(None)

    def _end_soon(self) -> None:
        self.close_sent = True
        self.stop_keepalive()
        self.close_timer = self.loop.call_later(_CLOSE_TIMEOUT_S, self.transport.abort)

    def _deliver(self, data: bytes | bytearray | memoryview | None) -> None:
        if not self.is_open or self._receiver is None or not self._count_frame():
            return
        if data is None:
            self.close(_UNSUPPORTED_DATA, "Text frames are not part of the protocol: send binary.")
            return
        try:
            self._receiver.on_message(bytes(data))
        except Exception:  # one device's failure ends that device alone
            log.exception("connection.message_failed")
            self.close(1011, "The server failed on this message. It has been reported.")

    def _count_frame(self) -> bool:
        """Tells whether one frame more is taken; stops reading when it is the last for now."""
        self._pace.left -= 1
        return self._pace.left > 0 or (not self._is_flooding and self._wait())

    def _wait(self) -> bool:
        # What was read already is taken, up to what a second allows; the rest waits in the kernel.
        self._is_paced = not self._pace.is_flood
        self._listen()
        if self._is_paced:
            return True
        # It is read again, to be dropped: a socket closed on unread data is reset, and the device
        # would never know why.
        self._is_flooding, self._is_cut = True, False
        self._rest = self._partial = None
        if self._receiver is not None:
            self._receiver.on_flood()
        return False

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self.congested = True
        self._progress_at_s = self.loop.time()
        self._buffered_bytes = self.transport.get_write_buffer_size()
        self._deaf_above_bytes = self._buffered_bytes + self._mark_bytes
        if self._receiver is not None:
            self._receiver.on_congested()

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self.congested = False
        if self._is_deaf:
            self._is_deaf = False
            self._listen()
        if self._receiver is not None:
            self._receiver.on_drained()

    @override
    def keepalive_timeout(self) -> None:
        self.pong_timer = None
        self.pending_ping_payload = None
        # The ping itself waits in the buffer, and `stalled_for_s` decides; or the pong isn't read.
        if self.congested or self._is_paced:
            self.schedule_ping()
        else:
            self.transport.abort()

    @override
    def shutdown(self) -> None:
        super().shutdown()
        self.close_sent = True
        self.loop.call_later(_CLOSE_TIMEOUT_S, self.transport.abort)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._on_lost is not None:
            self._on_lost()
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.on_closed()


def _set_user_timeout(transport: asyncio.Transport) -> None:
    # Linux gives up on a peer that acknowledges nothing; elsewhere pings and the stall check do.
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    sock = transport.get_extra_info("socket")
    if option is not None and sock is not None:
        sock.setsockopt(socket.IPPROTO_TCP, option, _USER_TIMEOUT_MS)
