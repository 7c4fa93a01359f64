"""Devices that type and listen, as cheap as they can be: they keep no document, and frame by hand.

A load generator that costs more than the servers would measure itself. Frames of a client are masked
with zeros, which leaves their bytes as they are.
"""

import asyncio
import base64
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import urlsplit

from bench.updates import keystrokes
from segue.wire.lib0 import Reader, var_bytes

_STEP_1: Final = b"\x00\x00\x01\x00"
STEP_2: Final = b"\x00\x01"
UPDATE: Final = b"\x00\x02"
SAVED: Final = b"\x08\x01"
_BINARY: Final = 0x82
_CLOSE: Final = 0x88
_PING: Final = 0x89
_PONG: Final = 0x8A
_JOINING_AT_ONCE: Final = 100


@dataclass(frozen=True)
class Typing:
    """So many letters, so many a second."""

    count: int
    rate: float


@dataclass(frozen=True)
class Address:
    """How to reach one document: Hocuspocus names it in every frame, y-websocket in the URL."""

    url: str
    prefix: bytes = b""
    greetings: tuple[bytes, ...] = ()

    def update_frame(self, update: bytes) -> bytes:
        """Gives the message that brings an update, to the server and from it."""
        return self.prefix + UPDATE + var_bytes(update)


class Device(asyncio.Protocol):
    """One WebSocket to one document; what arrives goes to `on_message`."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.on_message: Callable[[bytes], None] = _ignore
        self.closed = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        url = urlsplit(self.address.url)
        key = base64.b64encode(b"a key of 16 byte").decode()
        self._transport.write(
            f"GET {url.path or '/'}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)

    def ask(self) -> None:
        """Asks for the whole document; what was sent before is inside."""
        self.send(self.address.prefix + _STEP_1)

    def send(self, message: bytes) -> None:
        """Sends one binary message."""
        self._write(_BINARY, message)

    async def close(self) -> None:
        """Leaves; returns when the socket is gone."""
        if self._transport is not None and not self.closed.done():
            self._write(_CLOSE, (1000).to_bytes(2))
            self._transport.close()
        await self.closed

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        start = 0
        if not self._is_open:
            start = data.find(b"\r\n\r\n") + 4
            if start < 4:
                self._buffer = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                raise ConnectionError(data[:200])
            self._is_open = True
            for greeting in self.address.greetings:
                self.send(greeting)
            self.ask()
        self._buffer = data[self._take_frames(data, start) :]

    def _take_frames(self, data: bytes, start: int) -> int:
        while len(data) - start >= 2:
            size, body = data[start + 1], start + 2
            if size > 125:
                body += 2 if size == 126 else 8
                size = int.from_bytes(data[start + 2 : body])
            if len(data) < body + size:
                break
            if data[start] == _BINARY:
                self.on_message(data[body : body + size])
            elif data[start] == _PING:
                self._write(_PONG, data[body : body + size])
            start = body + size
        return start

    def _write(self, kind: int, payload: bytes) -> None:
        size = len(payload)
        if size < 126:
            header = bytes((kind, 0x80 | size))
        elif size < 1 << 16:
            header = bytes((kind, 0xFE)) + size.to_bytes(2)
        else:
            header = bytes((kind, 0xFF)) + size.to_bytes(8)
        assert self._transport is not None
        self._transport.write(header + b"\0\0\0\0" + payload)


def _ignore(message: bytes) -> None:
    """Takes what nobody waits for."""


async def join(address: Address) -> Device:
    """Connects and syncs; returns once the server's step 2 is here."""
    url = urlsplit(address.url)
    loop = asyncio.get_running_loop()
    synced = loop.create_future()

    def make() -> Device:
        device = Device(address)
        device.closed.add_done_callback(lambda _: _end(synced))
        device.on_message = lambda message: _note_step_2(message, address, synced)
        return device

    _, device = await loop.create_connection(make, url.hostname, url.port)
    await synced
    device.on_message = _ignore
    return device


async def sync(device: Device) -> int:
    """Asks for the document again; returns its size once it is here, all that was sent included."""
    synced = asyncio.get_running_loop().create_future()
    device.closed.add_done_callback(lambda _: _end(synced))
    device.on_message = lambda message: _note_step_2(message, device.address, synced)
    device.ask()
    size: int = await synced
    device.on_message = _ignore
    return size


async def join_all(addresses: Iterable[Address]) -> list[Device]:
    """Joins with many devices, so many at a time that no server's queue of sockets overflows."""
    gate = asyncio.Semaphore(_JOINING_AT_ONCE)

    async def join_one(address: Address) -> Device:
        async with gate:
            return await join(address)

    async with asyncio.TaskGroup() as tasks:
        joining = [tasks.create_task(join_one(address)) for address in addresses]
    return [task.result() for task in joining]


async def close_all(devices: Iterable[Device]) -> None:
    """Has all leave."""
    for device in devices:
        await device.close()


class Tally:
    """What all listeners of one run have seen; complete with `wanted` deliveries."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.sent_at: dict[int, list[float]] = {}
        """For each client id, when it sent the update of each clock."""
        self.latencies_s: list[float] = []
        self.is_complete = asyncio.Event()

    def arrive(self, prefix_bytes: int, message: bytes) -> None:
        """Counts what a message delivers of this run: Hocuspocus 4 merges what came close together."""
        if message[prefix_bytes : prefix_bytes + 2] != UPDATE:
            return
        reader = Reader(message[prefix_bytes + 2 :])
        _, _, structs, client, clock = (reader.var_uint() for _ in range(5))
        now_s, sent_at = time.perf_counter(), self.sent_at.get(client, [])
        self.latencies_s += [now_s - sent_s for sent_s in sent_at[clock : clock + structs]]
        if len(self.latencies_s) >= self.wanted:
            self.is_complete.set()


async def type_at(device: Device, client: int, load: Typing, delay_s: float, tally: Tally) -> None:
    """Types as `client`, the first letter after a delay."""
    messages = [device.address.update_frame(update) for update in keystrokes(client, load.count)]
    start = time.perf_counter() + delay_s
    sent_at = tally.sent_at.setdefault(client, [])
    for number, message in enumerate(messages):
        await asyncio.sleep(max(0.0, start + number / load.rate - time.perf_counter()))
        sent_at.append(time.perf_counter())
        device.send(message)


def _note_step_2(message: bytes, address: Address, synced: "asyncio.Future[int]") -> None:
    if not synced.done() and message.startswith(address.prefix + STEP_2):
        synced.set_result(len(message))


def _end(synced: "asyncio.Future[int]") -> None:
    if not synced.done():
        synced.set_exception(ConnectionError("the server closed the socket before it was synced"))
