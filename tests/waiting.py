"""Waiting for what can't tell us, in another process mostly: asked again and again, with a deadline."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import asyncpg

from stored import read_stored

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""

WRITER_STARTED = """
SELECT query_start FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'segue writer'
"""
EVERY_S = 0.01

PATIENCE_S = 60
"""Of a wait that a test doesn't bound itself: a timeout from outside may be swallowed by the loop.

It only makes failures late: generous enough for a small machine on which other tests run beside."""


async def until(condition: Callable[[], object]) -> None:
    """Waits for what has no signal of its own."""
    with anyio.fail_after(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - see the module's text
            await anyio.sleep(0.001)


async def until_it_is(look: Callable[[], Awaitable[bool]], timeout_s: float = PATIENCE_S) -> None:
    """Waits for what has to be asked for."""
    with anyio.fail_after(timeout_s):
        while not await look():  # noqa: ASYNC110 - see the module's text
            await anyio.sleep(EVERY_S)


async def until_a_statement_waits(dsn: str, timeout_s: float = PATIENCE_S) -> None:
    """Returns once a statement in this database waits for a lock."""
    connection = await asyncpg.connect(dsn)

    async def look() -> bool:
        waiting: int = await connection.fetchval(WAITING)
        return waiting > 0

    try:
        await _until(look, "a statement waits for a lock", timeout_s)
    finally:
        await connection.close()


async def until_a_commit_waits(dsn: str, timeout_s: float = PATIENCE_S) -> None:
    """Returns once the server tries again and again to commit something that somebody holds."""
    connection = await asyncpg.connect(dsn)
    attempts = set()

    async def look() -> bool:
        attempts.add(await connection.fetchval(WRITER_STARTED))
        return len(attempts) > 5

    try:
        await _until(look, "a commit is tried again", timeout_s)
    finally:
        await connection.close()


async def until_logged(log: Path, text: str, after: int, timeout_s: float = PATIENCE_S) -> None:
    """Returns once a log file holds `text` behind byte `after`."""

    async def look() -> bool:
        return text.encode() in (await anyio.Path(log).read_bytes())[after:]

    await _until(look, f"{text!r} is logged", timeout_s)


async def until_folded(dsn: str, document: str, timeout_s: float = PATIENCE_S) -> None:
    """Returns once a document's log is all in its snapshot."""

    async def look() -> bool:
        stored = await read_stored(dsn, document)
        return stored.snapshot_position == stored.position > 0

    await _until(look, "the log is folded", timeout_s)


async def _until(look: Callable[[], Awaitable[bool]], wanted: str, timeout_s: float) -> None:
    for _ in range(int(timeout_s / EVERY_S)):
        if await look():
            return
        await anyio.sleep(EVERY_S)
    raise AssertionError(f"not within {timeout_s} s: {wanted}")
