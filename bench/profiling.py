"""Prints where CPU goes under the third load: in the hub, a document worker and Postgres: `make profile`.

Python by py-spy, which samples from outside whoever holds the interpreter's lock, so a system call
that lets another process run first looks longer than its CPU time; statements by Postgres' own
pg_stat_statements.
"""

import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import asyncpg
import structlog
import uvloop

from bench.loads import LOADS, measure
from bench.servers import Server, segue
from bench.table import Table
from segue.storage.postgres.supervisor import EmbeddedPostgres

_SECONDS: Final = 10
_JOINING_S: Final = 2.0
_TOP: Final = 25
_LIBRARY: Final = {"shared_preload_libraries": "pg_stat_statements", "track_io_timing": "on"}
_STATEMENTS: Final = """
SELECT regexp_replace(left(query, 70), '\\s+', ' ', 'g') AS statement, calls,
       total_exec_time / calls * 1000 AS us, rows::float8 / calls AS rows
FROM pg_stat_statements WHERE calls > 0 ORDER BY total_exec_time DESC LIMIT 8
"""


async def _record(pid: int, file: Path) -> None:
    command = ["py-spy", "record", "--pid", str(pid), "--duration", str(_SECONDS), "--rate", "500"]
    options = ["--format", "raw", "--output", str(file), "--function", "--gil", "--nonblocking"]
    pipe = asyncio.subprocess.DEVNULL
    recording = await asyncio.create_subprocess_exec(*command, *options, stdout=pipe, stderr=pipe)
    await recording.wait()


def _top(title: str, stacks: Iterable[str]) -> Table:
    """Counts samples by the function that ran, and by those that were waiting for it."""
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for stack, count in _counted(stacks):
        own[stack[-1]] += count
        within.update(dict.fromkeys(stack, count))
    total = own.total() or 1
    table = Table(title, ("own %", "with callees %", "function"))
    for name, count in own.most_common(_TOP):
        table.rows.append((f"{100 * count / total:.1f}", f"{100 * within[name] / total:.1f}", name))
    return table


def _counted(stacks: Iterable[str]) -> Iterator[tuple[list[str], int]]:
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        yield stack.split(";"), int(count)


async def _statements(dsn: str) -> Table:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(_STATEMENTS)
    await connection.close()
    table = Table(
        "Postgres: statements by time", ("calls", "us a call", "rows a call", "statement")
    )
    for row in rows:
        cells = (str(row["calls"]), f"{row['us']:.0f}", f"{row['rows']:.1f}", row["statement"])
        table.rows.append(cells)
    return table


async def _profile(server: Server) -> list[Table]:
    family = server.family()
    pids = {"hub": family["server"][0].pid, "worker": family["workers"][0].pid}
    with tempfile.TemporaryDirectory() as folder:
        files = {part: Path(folder) / part for part in pids}
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(measure(server, LOADS[-1], _SECONDS + 2))
            await asyncio.sleep(_JOINING_S)
            for part, pid in pids.items():
                tasks.create_task(_record(pid, files[part]))
        return [_top(part, file.read_text().splitlines()) for part, file in files.items()]


async def _tables() -> list[Table]:
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as folder:
        os.chmod(folder, 0o711)
        async with EmbeddedPostgres(Path(folder), extra_settings=_LIBRARY) as postgres:
            settings = {"DATABASE_URL": postgres.dsn, "PATH": os.environ["PATH"]}  # noqa: TID251
            command = (sys.executable, "-m", "segue", "migrate")
            migrating = await asyncio.create_subprocess_exec(*command, env=settings)
            await migrating.wait()
            async with segue("y-websocket", DATABASE_URL=postgres.dsn) as server:
                await _execute(postgres.dsn, "CREATE EXTENSION pg_stat_statements")
                return [*await _profile(server), await _statements(postgres.dsn)]


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    print("\n\n".join(map(str, uvloop.run(_tables()))))
