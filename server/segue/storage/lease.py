"""The lease under which a node writes: a row with an epoch, which each node that takes it raises.

The node lock alone keeps no deposed node from writing: a failover of Postgres, an operator or a cut
network may free the lock while the node's other connections live on, and what was sent before the loss
may be carried out after it. So every write names its epoch and holds the row until it is committed: the
next node's raise waits for it, and what comes behind that raise finds another epoch and writes nothing.

    none -> held -> dropped (the lock's connection is gone) -> held, in a higher epoch
              '---> deposed: somebody else has raised the epoch. This node has to end

Invariants:
1. Of two nodes that both believe to be the one, at most one can write.
2. A node that is refused while it holds the lease is deposed for good: it takes none again.
"""

import asyncio
from typing import Any, Final, NoReturn, Protocol

from segue.errors import StorageUnavailable

# Who had it before, in epoch $1, takes it again only if nobody else did meanwhile.
TAKE: Final = """
UPDATE leases SET epoch = epoch + 1, taken_at = now()
WHERE name = 'node' AND ($1::bigint IS NULL OR epoch = $1)
RETURNING epoch
"""

FIND: Final = "SELECT epoch FROM leases WHERE name = 'node'"

# FOR SHARE: a raise in the same instant waits for this transaction, or this finds its epoch gone. It
# costs a commit some microseconds; a plain look at the row could be out of date when the write is made.
HOLD: Final = "SELECT 1 FROM leases WHERE name = 'node' AND epoch = $1 FOR SHARE"

_DEPOSED: Final = (
    "This node lost its lock on the database, and another node has it now. All devices are sent away; "
    "nothing acknowledged is lost. Start this one again: it waits until the other one ends."
)


class Asked(Protocol):
    """A connection, pooled or not."""

    async def fetchval(self, query: str, *args: object) -> Any:
        """Gives the first value of the first row."""


class Deposed(StorageUnavailable):
    """The write was made under an epoch that is over: nothing was written."""


class Lease:
    """What one node knows of its lease. `epoch` 0 is that of a database which no node has served yet."""

    def __init__(self) -> None:
        self.epoch = 0
        self._is_held = False
        self._has_been_held = False
        self._deposed = asyncio.Event()

    @property
    def is_deposed(self) -> bool:
        """Tells whether another node has taken what this one had held."""
        return self._deposed.is_set()

    async def take(self, connection: Asked) -> None:
        """Raises the epoch, and holds it, unless somebody served meanwhile: that deposes this node.

        What it has in memory would be of another time. The caller holds the node lock.

        Raises:
            Exception: asyncpg's; the lease is not held.
        """
        epoch = await connection.fetchval(TAKE, self.epoch if self._has_been_held else None)
        if epoch is None:
            self._deposed.set()
            return
        self.epoch = epoch
        self._is_held = self._has_been_held = True

    def drop(self) -> None:
        """Says that the node lock is lost; perhaps it comes back."""
        self._is_held = False

    async def look(self, connection: Asked) -> None:
        """Notices that another node has taken what this one had held."""
        if self._has_been_held and await connection.fetchval(FIND) != self.epoch:
            self._deposed.set()

    async def hold(self, connection: Asked) -> None:
        """Keeps the epoch from being raised until the end of the connection's transaction.

        Raises:
            Deposed: it has been raised.
        """
        epoch = self.epoch
        if not await connection.fetchval(HOLD, epoch):
            raise self.refused(epoch)

    def refused(self, epoch: int) -> Deposed:
        """Gives the error of a write under `epoch` that found another one."""
        if self._is_held and epoch == self.epoch:
            self._deposed.set()
        return Deposed(
            "Another node serves this database now. Nothing is lost: connect again, and unsaved "
            "changes are sent again."
        )

    async def watch_deposed(self) -> NoReturn:
        """Waits for the worst.

        Raises:
            StorageUnavailable: another node holds what this one had held; this one has to end.
        """
        await self._deposed.wait()
        raise StorageUnavailable(_DEPOSED)
