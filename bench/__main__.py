"""Prints what Segue costs, its peers' figures beside it: `make bench`.

`make bench ARGS="--only joining"` makes only the tables whose title has the word; `--write` puts the
tables into RESULTS.md.
"""

import argparse
import asyncio
import os
import platform
import re
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import structlog
import uvloop

from bench import loads
from bench.rows import ROWS, Row
from bench.servers import (
    Server,
    hocuspocus,
    hocuspocus_with_database,
    segue,
    y_websocket_server,
)
from bench.table import Table

Start = Callable[[], AbstractAsyncContextManager[Server]]
Result = TypeVar("Result")

SERVERS: Final[dict[str, Start]] = {
    "Segue, y-websocket": partial(segue, "y-websocket"),
    "Segue, Hocuspocus": partial(segue, "Hocuspocus"),
    loads.BASE: hocuspocus_with_database,
    "Hocuspocus, in memory": hocuspocus,
    "@y/websocket-server, in memory": y_websocket_server,
}
_LONGEST_S: Final = 90.0
_RESULTS: Final = Path(__file__).parent / "RESULTS.md"
_FIGURES: Final = re.compile(r"(?<=<!-- figures -->\n).*(?=<!-- end of figures -->)", re.DOTALL)


_START_S: Final = time.perf_counter()


def _say(text: str) -> None:
    # stdout is for the tables.
    print(f"{time.perf_counter() - _START_S:5.0f} s  {text}", file=sys.stderr, flush=True)


async def _measure(
    what: object, name: str, measure: Callable[[Server], Awaitable[Result]]
) -> Result | None:
    """Measures a server on a fresh start; None if it fails, which ends no other measurement."""
    _say(f"{what}: {name}")
    try:
        async with asyncio.timeout(_LONGEST_S), SERVERS[name]() as server:
            return await measure(server)
    except Exception as error:  # noqa: BLE001 - a peer's failure is a figure too
        _say(f"failed: {error!r}")
        return None


async def _delivering() -> Table:
    table = loads.table()
    for load in loads.LOADS:
        costs = {
            name: await _measure(load, name, partial(loads.measure, load=load)) for name in SERVERS
        }
        for name, cost in costs.items():
            cells = loads.row(cost, costs[loads.BASE]) if cost else ["failed"]
            table.rows.append([str(load), name, *cells])
    return table


async def _asking(row: Row) -> Table:
    table = row.table()
    for name in SERVERS:
        cells = await _measure(row.title, name, row.measure)
        table.rows.append([name, *(cells or ["failed"])])
    return table


async def _tables(only: str) -> list[Table]:
    making = {loads.TITLE: _delivering} | {row.title: partial(_asking, row) for row in ROWS}
    return [await make() for title, make in making.items() if only.lower() in title.lower()]


def _machine() -> str:
    cores, python = os.cpu_count(), platform.python_version()
    return f"{platform.machine()}, {cores} cores, Linux {platform.release()}, Python {python}."


def main() -> None:
    """Prints the machine and the tables."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", default="", help="a word of the titles of the tables to make")
    parser.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    tables = uvloop.run(_tables(arguments.only))
    figures = "\n\n".join(map(str, (_machine(), *tables)))
    print(figures)
    if arguments.write:
        text = _FIGURES.sub(lambda _: figures + "\n\n", _RESULTS.read_text())
        _RESULTS.write_text(text)


if __name__ == "__main__":
    main()
