"""What one delivered update costs while people type: CPU, latency, memory of a connection."""

import asyncio
import statistics
from dataclasses import dataclass
from functools import partial

from bench.devices import Tally, Typing, close_all, join, join_all, type_at
from bench.servers import Server
from bench.table import Table, kib, ms, per, us

SECONDS = 8
_LATE_S = 30.0
_STORING_S = 3.0
"""Hocuspocus stores a document when it has been quiet for two seconds: that belongs to the cost."""

BASE = "Hocuspocus, database"
"""The server that ratios are to."""
TITLE = "Delivering an update"


@dataclass(frozen=True)
class Load:
    """So many sessions with so many devices each, one of which types at a rate per second."""

    sessions: int
    devices: int
    rate: float

    def __str__(self) -> str:
        return f"{self.sessions} x {self.devices} devices, {self.rate:g}/s"


@dataclass(frozen=True)
class Cost:
    """What one delivery cost: CPU by part, latency; and the memory of one connection."""

    cpu_s: dict[str, float]
    latencies_s: list[float]
    connection_bytes: float

    @property
    def total_s(self) -> float:
        """CPU of all parts."""
        return sum(self.cpu_s.values())


LOADS = (Load(1, 100, 50.0), Load(500, 2, 2.0), Load(40, 4, 50.0))


def table() -> Table:
    """Gives the table without rows."""
    return Table(
        TITLE,
        (
            "load",
            "server",
            "CPU us a delivery",
            f"of {BASE}",
            "server + workers + Postgres",
            "p50 ms",
            "p99 ms",
            "KiB a connection",
        ),
    )


async def measure(server: Server, load: Load, seconds: float = SECONDS) -> Cost:
    """Puts a load on a fresh server."""
    first = await join(server.address("first"))  # what a first device loads is no connection's
    before_bytes = server.memory_bytes()
    addresses = [server.address(f"bench-{number}") for number in range(load.sessions)]
    devices = await join_all(address for address in addresses for _ in range(load.devices))
    memory = (server.memory_bytes() - before_bytes) / len(devices)
    typing = Typing(int(load.rate * seconds), load.rate)
    tally = Tally(typing.count * len(devices))
    for device in devices:
        device.on_message = partial(tally.arrive, len(device.address.prefix))
    before = server.cpu_s()
    async with asyncio.timeout(seconds + _LATE_S), asyncio.TaskGroup() as tasks:
        for number, device in enumerate(devices[:: load.devices]):
            # People don't type in step: spread over the time between two strokes.
            delay_s = number / load.sessions / load.rate
            tasks.create_task(type_at(device, 1 + number, typing, delay_s, tally))
        await tally.is_complete.wait()
    await asyncio.sleep(_STORING_S)
    after = server.cpu_s()
    await close_all([first, *devices])
    cpu_s = {part: (after[part] - before[part]) / tally.wanted for part in after}
    return Cost(cpu_s, tally.latencies_s, memory)


def row(cost: Cost, base: Cost | None) -> list[str]:
    """Gives a line of the table, behind load and server."""
    quantiles = statistics.quantiles(cost.latencies_s, n=100)
    return [
        us(cost.total_s),
        per(cost.total_s, base.total_s if base else None),
        " + ".join(us(cost.cpu_s[part]) for part in ("server", "workers", "postgres")),
        ms(quantiles[49]),
        ms(quantiles[98]),
        kib(cost.connection_bytes),
    ]
