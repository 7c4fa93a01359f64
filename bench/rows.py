"""What else a server does: acknowledge, let in, keep connections and sessions, come back."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.devices import SAVED, Address, Device, close_all, join, join_all, sync
from bench.servers import USER, Server
from bench.table import NONE, Table, kib, ms, seconds, us
from bench.updates import conversation, keystrokes

_WRITERS = 200
_UNDER_WAY = 10
_SATURATING_S = 6.0
_MESSAGES = 3_000
_WARM_JOINS = 20
_COLD_JOINS = 3
_IDLE = 1_000
_OPEN_SESSIONS = 500
_RETURNING = 1_000
_RETURNING_SESSIONS = 100
_LETTERS = 50


class _Writer:
    """A device that has so many updates under way, and sends another for each that is acknowledged."""

    def __init__(self, device: Device, client: int) -> None:
        self._device = device
        self._updates = keystrokes(client, 1 << 30)
        self._ack = device.address.prefix + SAVED
        self._sent_at: list[float] = []
        self.latencies_s: list[float] = []
        device.on_message = self._on_message
        for _ in range(_UNDER_WAY):
            self._write()

    def _write(self) -> None:
        self._sent_at.append(time.perf_counter())
        self._device.send(self._device.address.update_frame(next(self._updates)))

    def _on_message(self, message: bytes) -> None:
        if message == self._ack:
            sent_s = self._sent_at[len(self.latencies_s)]
            self.latencies_s.append(time.perf_counter() - sent_s)
            self._write()


async def acknowledge(server: Server) -> list[str]:
    """Saturates a server with writers that wait for acknowledgements."""
    if not server.acknowledges:
        return [NONE] * 4
    devices = await join_all(server.address(f"writer-{number}") for number in range(_WRITERS))
    before_s, start = sum(server.cpu_s().values()), time.perf_counter()
    writers = [_Writer(device, 1 + number) for number, device in enumerate(devices)]
    await asyncio.sleep(_SATURATING_S)
    latencies_s = [latency for writer in writers for latency in writer.latencies_s]
    elapsed_s, cpu_s = time.perf_counter() - start, sum(server.cpu_s().values()) - before_s
    await close_all(devices)
    quantiles = statistics.quantiles(latencies_s, n=100)
    rate, count = len(latencies_s) / elapsed_s, len(latencies_s)
    return [f"{rate:.0f}", us(cpu_s / count), ms(quantiles[49]), ms(quantiles[98])]


async def let_in(server: Server) -> list[str]:
    """Joins a long session, warm and, on a server that was just started, cold."""
    address = server.address("long")
    writer = await join(address)
    for update in conversation(_MESSAGES, USER):
        writer.send(address.update_frame(update))
    size_bytes = await sync(writer)
    warm_s = [await _time_join(server) for _ in range(_WARM_JOINS)]
    await writer.close()
    if not server.stores:
        return [kib(size_bytes), ms(statistics.median(warm_s)), NONE]
    cold_s = []
    for _ in range(_COLD_JOINS):
        await server.restart()
        cold_s.append(await _time_join(server))
    return [kib(size_bytes), ms(statistics.median(warm_s)), ms(statistics.median(cold_s))]


async def _time_join(server: Server) -> float:
    start = time.perf_counter()
    device = await join(server.address("long"))
    elapsed_s = time.perf_counter() - start
    await device.close()
    return elapsed_s


async def keep(server: Server) -> list[str]:
    """Holds idle connections on one session, then connections each on a session of its own."""
    one = [server.address("idle")] * _IDLE
    connection_bytes = await _memory_of_each(server, one)
    await server.restart()
    each = [server.address(f"open-{number}") for number in range(_OPEN_SESSIONS)]
    return [kib(connection_bytes), kib(await _memory_of_each(server, each) - connection_bytes)]


async def _memory_of_each(server: Server, addresses: list[Address]) -> float:
    first = await join(server.address("idle"))  # what a first device loads is no other's
    before_bytes = server.memory_bytes()
    devices = await join_all(addresses)
    size_bytes = (server.memory_bytes() - before_bytes) / len(devices)
    await close_all([first, *devices])
    return size_bytes


async def come_back(server: Server) -> list[str]:
    """Restarts a server with many devices on it, which all come back at once."""
    devices = await join_all(_returning(server))
    for number, device in enumerate(devices[:_RETURNING_SESSIONS]):
        for update in keystrokes(1 + number, _LETTERS):
            device.send(device.address.update_frame(update))
    for device in devices[:_RETURNING_SESSIONS]:
        await sync(device)
    await server.restart()
    before, start = server.cpu_s(), time.perf_counter()
    returned = await join_all(_returning(server))
    elapsed_s, after = time.perf_counter() - start, server.cpu_s()
    await close_all([*devices, *returned])
    spent_s = {part: after[part] - before[part] for part in after}
    return [
        seconds(elapsed_s),
        seconds(sum(spent_s.values())),
        " + ".join(map(seconds, spent_s.values())),
    ]


def _returning(server: Server) -> list[Address]:
    return [server.address(f"back-{n % _RETURNING_SESSIONS}") for n in range(_RETURNING)]


@dataclass(frozen=True)
class Row:
    """A question put to every server on a fresh start: a table of one row a server."""

    title: str
    columns: tuple[str, ...]
    measure: Callable[[Server], Awaitable[list[str]]]

    def table(self) -> Table:
        """Gives the table without rows."""
        return Table(self.title, ("server", *self.columns))


ROWS = (
    Row(
        f"Acknowledging: {_WRITERS} sessions, a writer each with {_UNDER_WAY} updates under way",
        ("acknowledged updates/s", "CPU us an update", "p50 ms", "p99 ms"),
        acknowledge,
    ),
    Row(
        f"Joining a session of {_MESSAGES:,} messages",
        ("KiB received", "warm ms", "cold ms"),
        let_in,
    ),
    Row(
        f"Keeping: {_IDLE:,} idle connections to one session; {_OPEN_SESSIONS} sessions of one device",
        ("KiB a connection", "KiB a session beside its connection"),
        keep,
    ),
    Row(
        f"Coming back: {_RETURNING:,} devices of {_RETURNING_SESSIONS} sessions after a restart",
        ("s until all are synced", "CPU s", "server + workers + Postgres"),
        come_back,
    ),
)
