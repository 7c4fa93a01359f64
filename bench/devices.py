"""Devices that type and listen, as cheap as they can be: they speak y-websocket and keep no document."""

import asyncio
import time
from dataclasses import dataclass, field

from pycrdt import Doc, Text
from websockets.asyncio.client import ClientConnection, connect

UPDATE = b"\x00\x02"
STEP_2 = b"\x00\x01"


@dataclass
class Tally:
    """What the listeners of one run have seen; complete with `wanted` deliveries."""

    wanted: int
    sent_at: dict[bytes, float] = field(default_factory=dict)
    latencies_s: list[float] = field(default_factory=list)
    is_complete: asyncio.Event = field(default_factory=asyncio.Event)

    def arrive(self, frame: bytes) -> None:
        """Counts one delivery of an update of this run."""
        sent_s = self.sent_at.get(frame)
        if sent_s is not None:
            self.latencies_s.append(time.perf_counter() - sent_s)
        if len(self.latencies_s) == self.wanted:
            self.is_complete.set()


def typed_updates(count: int) -> list[bytes]:
    """Gives what a person's keystrokes at the end of a text are on the wire."""
    document: Doc[object] = Doc()
    text = document.get("draft", type=Text)
    frames: list[bytes] = []
    document.observe(lambda event: frames.append(_frame(event.update)))
    for number in range(count):
        text += "abcdefgh"[number % 8]
    return frames


def _frame(update: bytes) -> bytes:
    size, prefix = len(update), bytearray()
    while size > 127:
        prefix.append(size & 127 | 128)
        size >>= 7
    prefix.append(size)
    return UPDATE + bytes(prefix) + update


async def join(url: str) -> ClientConnection:
    """Connects and syncs; returns once the server's step 2 is here."""
    socket = await connect(url, compression=None, max_size=None, ping_interval=None)
    await socket.send(b"\x00\x00\x01\x00")
    async for message in socket:
        if isinstance(message, bytes) and message[:2] == STEP_2:
            return socket
    raise ConnectionError("the server closed the socket before it sent the document")


async def listen(socket: ClientConnection, tally: Tally) -> None:
    """Counts the updates that arrive, until the socket is closed."""
    async for message in socket:
        if isinstance(message, bytes) and message[:2] == UPDATE:
            tally.arrive(message)


async def type_at(socket: ClientConnection, frames: list[bytes], rate: float, tally: Tally) -> None:
    """Sends `rate` updates a second."""
    start = time.perf_counter()
    for number, frame in enumerate(frames):
        await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
        tally.sent_at[frame] = time.perf_counter()
        await socket.send(frame)
