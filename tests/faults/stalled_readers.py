"""Readers that stop reading while one key is written anew again and again: what it costs the others.

As a program, with the sizes of the promise (300 MB, 2 of 20 readers, a minute and more):
`PYTHONPATH=tests:. python tests/faults/stalled_readers.py` prints memory and latency before and meanwhile.
"""

import asyncio
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import psutil
from bench.devices import UPDATE, Address, Device, close_all, join
from pycrdt import Doc, Map

from segue.wire.lib0 import Reader
from servers import PostgresServer, SegueServer
from waiting import until

VALUE_BYTES = 60_000
_MARK = b"number "
_DIGITS = 6


class Writer:
    """Writes the key anew, at a pace; `sent_at` by number."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.sent_at: list[float] = []
        self.value = ""
        self._doc: Doc[Any] = Doc()
        self._facts = self._doc.get("facts", type=Map)
        self._doc.observe(lambda event: self._send(event.update))

    async def write(self, times: int, per_s: float) -> None:
        start_s = time.perf_counter()
        for number in range(times):
            await asyncio.sleep(start_s + number / per_s - time.perf_counter())
            self.value = f"number {len(self.sent_at):0{_DIGITS}}".ljust(VALUE_BYTES, "x")
            self._facts["big"] = self.value

    def _send(self, update: bytes) -> None:
        self.sent_at.append(time.perf_counter())
        self.device.send(self.device.address.update_frame(update))


@dataclass(eq=False)
class Listener:
    """Notes what comes when, and keeps it if it is to be read later."""

    device: Device
    writer: Writer
    keeps: bool = False
    latest: int = -1
    latencies_s: list[float] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.device.on_message = self.hear

    def hear(self, message: bytes) -> None:
        if message[:2] not in (UPDATE, b"\x00\x01"):
            return
        if self.keeps:
            self.kept.append(message)
        at = message.find(_MARK) + len(_MARK)
        if at >= len(_MARK):
            self.latest = int(message[at : at + _DIGITS])
            self.latencies_s.append(time.perf_counter() - self.writer.sent_at[self.latest])

    def sleep(self) -> None:
        # Linux gives a receiver up to 32 MB; with a fixed size it is the server that has to wait.
        receiving = self._transport.get_extra_info("socket")
        receiving.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        self._transport.pause_reading()

    async def wake(self, number: int) -> None:
        """Reads on, up to a write; comes back if it was sent away meanwhile, after a minute."""
        self._transport.resume_reading()
        await until(lambda: self.latest == number or self.device.closed.done())
        if self.latest != number:
            self.device = await join(self.device.address)
            self.device.on_message = self.hear
            self.device.ask()
            await until(lambda: self.latest == number)

    @property
    def _transport(self) -> asyncio.Transport:
        return cast("asyncio.Transport", self.device._transport)

    def value(self) -> Any:
        """Gives the key's value from all that came."""
        doc: Doc[Any] = Doc()
        for message in self.kept:
            reader = Reader(message[2:])
            doc.apply_update(reader.bytes())
        return doc.get("facts", type=Map).get("big")


@dataclass(frozen=True)
class Outcome:
    """Growth by part, the others' 99th percentile before and meanwhile, what sleepers were sent."""

    grown_bytes: int
    postgres_grown_bytes: int
    p99_before_s: float
    p99_meanwhile_s: float
    sleepers_bytes: int


async def measure(
    server: SegueServer, *, readers: int, sleepers: int, times: int, per_s: float
) -> Outcome:
    """Writes a fifth with all awake, then `times` with some asleep; all have the end afterwards."""
    token = server.token("alice")
    address = Address(f"{server.url}/v1/sync/flood?token={token}")
    writer = Writer(await join(address))
    listeners = [Listener(await join(address), writer, keeps=n < sleepers) for n in range(readers)]
    asleep, awake = listeners[:sleepers], listeners[sleepers:]
    await writer.write(times // 5, per_s)
    await _all_have(listeners, len(writer.sent_at) - 1)
    before = _memory_bytes(server)
    p99_before_s = _p99(awake)
    for each in asleep:
        each.sleep()
    await writer.write(times, per_s)
    await _all_have(awake, len(writer.sent_at) - 1)
    meanwhile = _memory_bytes(server)
    p99_meanwhile_s = _p99(awake)
    received = sum(len(message) for each in asleep for message in each.kept)
    for each in asleep:
        await each.wake(len(writer.sent_at) - 1)
    assert all(each.value() == writer.value for each in asleep), "they show something else"
    sent = sum(len(message) for each in asleep for message in each.kept) - received
    await close_all([writer.device, *(each.device for each in listeners)])
    return Outcome(
        meanwhile[0] - before[0], meanwhile[1] - before[1], p99_before_s, p99_meanwhile_s, sent
    )


async def _all_have(listeners: Sequence[Listener], number: int) -> None:
    assert not any(each.device.closed.done() for each in listeners)
    await until(lambda: all(each.latest == number for each in listeners))


def _p99(listeners: Sequence[Listener]) -> float:
    latencies_s = [latency_s for each in listeners for latency_s in each.latencies_s]
    for each in listeners:
        each.latencies_s.clear()
    return statistics.quantiles(latencies_s, n=100)[98]


def _memory_bytes(server: SegueServer) -> tuple[int, int]:
    """Gives what hub and workers hold for themselves, and what the processes of Postgres do."""
    assert server.process is not None
    ours = [psutil.Process(server.process.pid), *server.workers()]
    rest = [child for child in ours[0].children(recursive=True) if child not in ours]
    return _uss(ours), _uss(rest)


def _uss(processes: Sequence[psutil.Process]) -> int:
    return sum(int(process.memory_full_info().uss) for process in processes)


async def _main() -> None:
    with PostgresServer.created() as postgres, tempfile.TemporaryDirectory() as folder:
        address = await postgres.new_database()
        async with SegueServer.started(Path(folder), database_url=address) as server:
            found = await measure(server, readers=20, sleepers=2, times=5_000, per_s=40)
    sys.stdout.write(
        f"300 MB with 2 of 20 readers asleep: memory of hub and workers {found.grown_bytes / 1e6:+.1f}"
        f" MB; the others' p99 {1e3 * found.p99_before_s:.1f} ms before,"
        f" {1e3 * found.p99_meanwhile_s:.1f} ms meanwhile; sleepers were sent"
        f" {found.sleepers_bytes / 1e6:.1f} MB when they woke, and converged\n"
    )


if __name__ == "__main__":
    asyncio.run(_main())
