"""Prints what one delivered update costs, Segue's and its peers' side by side: `make bench`."""

import asyncio
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import uvloop

from bench.devices import Tally, join, listen, type_at, typed_updates
from bench.servers import Server, hocuspocus, segue, y_websocket_server

SECONDS = 8


@dataclass(frozen=True)
class Load:
    """So many sessions with so many devices each, one of which types at a rate per second."""

    sessions: int
    devices: int
    rate: float

    def __str__(self) -> str:
        """Gives its line in the table."""
        return f"{self.sessions} x {self.devices} devices, {self.rate:g}/s"


@dataclass(frozen=True)
class Cost:
    """What one delivery cost: CPU by part, latency; and the memory of one connection."""

    deliveries: int
    cpu_us: dict[str, float]
    latencies_s: list[float]
    connection_bytes: float


LOADS = (Load(1, 100, 50.0), Load(500, 2, 2.0), Load(40, 4, 50.0))
SERVERS: tuple[partial[AbstractContextManager[Server]], ...] = (
    partial(segue, "y-websocket"),
    partial(segue, "hocuspocus"),
    partial(hocuspocus),
    partial(y_websocket_server),
)


async def measure(server: Server, load: Load) -> Cost:
    """Puts a load on a fresh server."""
    before_bytes = server.memory_bytes()
    addresses = [server.address(f"bench-{number}") for number in range(load.sessions)]
    rooms = [[await join(address) for _ in range(load.devices)] for address in addresses]
    memory = (server.memory_bytes() - before_bytes) / (load.sessions * load.devices)
    count = int(load.rate * SECONDS)
    tally = Tally(wanted=count * load.sessions * load.devices)
    async with asyncio.TaskGroup() as tasks:
        for room in rooms:
            for device in room:
                tasks.create_task(listen(device, tally))
        frames = [typed_updates(count, address) for address in addresses]
        before = server.cpu_s()
        for number, (room, typed) in enumerate(zip(rooms, frames, strict=True)):
            # People don't type in step: spread over the time between two strokes.
            delay_s = number / load.sessions / load.rate
            tasks.create_task(type_at(room[0], typed, load.rate, delay_s, tally))
        await tally.is_complete.wait()
        after = server.cpu_s()
        for room in rooms:
            for device in room:
                await device.close()
    cpu_us = {part: (after[part] - before[part]) / tally.wanted * 1e6 for part in after}
    return Cost(tally.wanted, cpu_us, tally.latencies_s, memory)


def row(load: Load, server: str, cost: Cost, base_us: float) -> str:
    """Gives a line of the table; the ratio is to the first server of the load."""
    total_us = sum(cost.cpu_us.values())
    quantiles = statistics.quantiles(cost.latencies_s, n=100)
    cells = (
        str(load),
        server,
        f"{total_us:.0f}",
        f"{total_us / base_us:.2f}",
        " + ".join(f"{cost.cpu_us[part]:.0f}" for part in ("server", "workers", "postgres")),
        f"{quantiles[49] * 1000:.1f}",
        f"{quantiles[98] * 1000:.1f}",
        f"{cost.connection_bytes / 1024:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def run(loads: Sequence[Load]) -> None:
    """Measures every server under every load, each on a fresh start, one after the other."""
    print("| load | server | CPU us a delivery | ratio | server + workers + Postgres |", end="")
    print(" p50 ms | p99 ms | KiB a connection |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for load in loads:
        base_us = 0.0
        for start in SERVERS:
            with start() as server:
                cost = uvloop.run(measure(server, load))
            base_us = base_us or sum(cost.cpu_us.values())
            print(row(load, server.name, cost, base_us), flush=True)


def main() -> None:
    """Prints the machine and the table; `--quick` stops after the first load."""
    cores = os.cpu_count()
    print(
        f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, {SECONDS} s each\n"
    )
    run(LOADS[:1] if "--quick" in sys.argv else LOADS)


if __name__ == "__main__":
    main()
