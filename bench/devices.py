"""Devices that type and listen, as cheap as they can be: they keep no document."""

import asyncio
import time
from dataclasses import dataclass, field

from pycrdt import Doc, Text
from websockets.asyncio.client import ClientConnection, connect

from bench.servers import Address

_STEP_1, _STEP_2, _UPDATE = b"\x00\x00\x01\x00", b"\x00\x01", b"\x00\x02"


@dataclass
class Tally:
    """What all listeners of one run have seen; complete with `wanted` deliveries."""

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


def typed_updates(count: int, address: Address) -> list[bytes]:
    """Gives what a person's keystrokes at the end of a text are on the wire."""
    document: Doc[object] = Doc()
    text = document.get("draft", type=Text)
    frames: list[bytes] = []
    start = address.prefix + _UPDATE
    document.observe(lambda event: frames.append(start + _sized(event.update)))
    for number in range(count):
        text += "abcdefgh"[number % 8]
    return frames


def _sized(update: bytes) -> bytes:
    size, prefix = len(update), bytearray()
    while size > 127:
        prefix.append(size & 127 | 128)
        size >>= 7
    return bytes((*prefix, size)) + update


async def join(address: Address) -> ClientConnection:
    """Connects and syncs; returns once the server's step 2 is here."""
    socket = await connect(address.url, compression=None, max_size=None, ping_interval=None)
    for greeting in (*address.greetings, address.prefix + _STEP_1):
        await socket.send(greeting)
    async for message in socket:
        if isinstance(message, bytes) and message.startswith(address.prefix + _STEP_2):
            return socket
    raise ConnectionError("the server closed the socket before it sent the document")


async def listen(socket: ClientConnection, tally: Tally) -> None:
    """Counts the updates that arrive, until the socket is closed."""
    async for message in socket:
        if isinstance(message, bytes):
            tally.arrive(message)


async def type_at(
    socket: ClientConnection, frames: list[bytes], rate: float, delay_s: float, tally: Tally
) -> None:
    """Sends `rate` updates a second, the first after a delay."""
    start = time.perf_counter() + delay_s
    for number, frame in enumerate(frames):
        await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
        tally.sent_at[frame] = time.perf_counter()
        await socket.send(frame)
