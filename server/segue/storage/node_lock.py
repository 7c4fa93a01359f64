"""The lock that lets one node at a time serve a database (until there is a bus between nodes).

A session-level advisory lock on a connection of its own. Postgres frees it when the connection
ends, however the node ended: with the process, or, when the machine is gone, after about 15 s
without an answer to keep-alives.

States: waiting -> held -> (connection lost) -> waiting -> held, or taken: another node has it.

Who has the lock takes the `lease`: the lock chooses a node, the lease keeps all others from writing.

A node whose lock is taken has to end: it can save nothing, and devices that stay with it would wait for
as long as the other node lives. It is told apart from its own session, which Postgres may not have
noticed to be gone, by the epoch of the lease, which only another node raises.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NoReturn

import structlog

from segue.errors import ConfigurationError, StorageUnavailable
from segue.storage.database import OUTAGE, Connection, Database

log = structlog.get_logger()

_LOCK_KEY: Final = int.from_bytes(hashlib.sha256(b"segue node").digest()[:8], signed=True)

# Polled, not waited for: a waiting session could not notice that its own node is closing.
TRY_LOCK: Final = "SELECT pg_try_advisory_lock($1)"
STILL_THERE: Final = "SELECT 1"

# How long the server keeps the lock for a machine that vanished without closing its connection.
FREE_WHEN_GONE: Final = """
SELECT set_config('tcp_keepalives_idle', '5', false),
       set_config('tcp_keepalives_interval', '2', false),
       set_config('tcp_keepalives_count', '4', false)
"""


class NodeLock:
    """Holds the lock, or tries to. Made and run by `node_lock`."""

    def __init__(self, database: Database, *, poll_s: float = 1, answer_s: float = 5) -> None:
        self._database = database
        self._poll_s = poll_s
        self._answer_s = answer_s
        self._held = asyncio.Event()
        self._waiting_told = False

    @property
    def held(self) -> bool:
        """Tells whether this node may serve, as far as it knows."""
        return self._held.is_set()

    async def wait_held(self) -> None:
        """Returns once this node holds the lock."""
        await self._held.wait()

    async def watch_taken(self) -> NoReturn:
        """See `Lease.watch_deposed`."""
        await self._database.lease.watch_deposed()

    async def run(self) -> None:
        """Acquires the lock, watches it, acquires it again after a loss, until it is cancelled.

        A deposed node lets go of it, and gets in no other node's way while it ends.
        """
        while not self._database.lease.is_deposed:
            try:
                await self._hold_once()
            except (StorageUnavailable, ConfigurationError) as error:
                log.warning("node_lock.unavailable", reason=str(error.__cause__ or error))
            except OUTAGE as error:
                log.warning("node_lock.lost", reason=f"{type(error).__name__}: {error}")
            await asyncio.sleep(self._poll_s)

    async def _hold_once(self) -> None:
        connection = await self._database.connect("node lock", command_s=self._answer_s)
        try:
            await connection.fetchrow(FREE_WHEN_GONE)
            await self._acquire(connection)
            await self._watch(connection)
        finally:
            self._held.clear()
            self._database.lease.drop()
            connection.terminate()

    async def _acquire(self, connection: Connection) -> None:
        lease = self._database.lease
        while not await connection.fetchval(TRY_LOCK, _LOCK_KEY):
            if not self._waiting_told:
                self._waiting_told = True
                log.warning(
                    "node_lock.waiting",
                    hint="another node serves this database; this one starts when it ends",
                )
            await lease.look(connection)
            if lease.is_deposed:
                return
            await asyncio.sleep(self._poll_s)
        self._waiting_told = False
        await lease.take(connection)
        if not lease.is_deposed:
            self._held.set()
            log.info("node_lock.held", epoch=lease.epoch)

    async def _watch(self, connection: Connection) -> None:
        """Raises when the connection ends or stops answering; returns when the node is deposed."""
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _connection: ended.set())
        while not self._database.lease.is_deposed:
            try:
                async with asyncio.timeout(self._poll_s):
                    await ended.wait()
            except TimeoutError:
                await connection.fetchval(STILL_THERE)
            else:
                raise ConnectionResetError("the connection ended")


@asynccontextmanager
async def node_lock(
    database: Database, *, poll_s: float = 1, answer_s: float = 5
) -> AsyncIterator[NodeLock]:
    """Runs a node lock until the end of the block, which frees it."""
    lock = NodeLock(database, poll_s=poll_s, answer_s=answer_s)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(lock.run(), name="node lock")
        try:
            yield lock
        finally:
            running.cancel()
