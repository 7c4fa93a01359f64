"""Prints what one delivered update costs: `make bench`."""

import asyncio
import platform
import socket
import statistics
import time

from bench.devices import Tally, join, listen, type_at, typed_updates
from bench.server import Server, served

SECONDS = 10


async def broadcast(server: Server, devices: int, rate: float) -> str:
    """One session: one device types, all of them listen."""
    tally = Tally(wanted=int(rate * SECONDS) * devices)
    url = server.url(f"bench-{devices}-{rate:g}")
    sockets = [await join(url) for _ in range(devices)]
    async with asyncio.TaskGroup() as tasks:
        for each in sockets:
            tasks.create_task(listen(each, tally))
        before, start = server.cpu_s(), time.perf_counter()
        await type_at(sockets[0], typed_updates(int(rate * SECONDS)), rate, tally)
        await tally.is_complete.wait()
        after, seconds = server.cpu_s(), time.perf_counter() - start
        for each in sockets:
            await each.close()
    return _row(f"1 session, {devices} devices, {rate:g}/s", tally, before, after, seconds)


def _row(
    name: str, tally: Tally, before: dict[str, float], after: dict[str, float], seconds: float
) -> str:
    deliveries = len(tally.latencies_s)
    cost = {part: (after[part] - before[part]) / deliveries * 1e6 for part in after}
    quantiles = statistics.quantiles(tally.latencies_s, n=100)
    parts = " | ".join(f"{cost[part]:.0f}" for part in ("hub", "workers", "postgres"))
    p50, p99 = quantiles[49] * 1000, quantiles[98] * 1000
    per_second = deliveries / seconds
    return f"| {name} | {per_second:.0f} | {sum(cost.values()):.0f} | {parts} | {p50:.1f} | {p99:.1f} |"


async def _run(server: Server) -> None:
    print(f"{platform.machine()}, Python {platform.python_version()}, {SECONDS} s a row\n")
    print("| load | deliveries/s | CPU us each | hub | workers | Postgres | p50 ms | p99 ms |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for devices, rate in ((2, 50.0), (100, 50.0)):
        print(await broadcast(server, devices, rate), flush=True)


def main() -> None:
    """Starts a server, loads it, prints the table."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with served(port) as server:
        asyncio.run(_run(server))


if __name__ == "__main__":
    main()
