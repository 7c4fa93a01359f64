"""Connections to one Postgres database, and what asyncpg says in our words.

Two kinds: a pool for reads and short transactions, and single connections for who needs a session
of its own (the commit writer, the node lock, migrations). What is written is written under the node's
`lease`. Every new connection is checked: a
server that acknowledges commits before they are on disk would make our acks untrue.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeAlias, TypeVar

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from segue.errors import ConfigurationError, StorageUnavailable
from segue.storage.lease import Lease

log = structlog.get_logger()

# Quoted: generic in asyncpg's stubs only.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
AnyConnection: TypeAlias = "Connection | PoolConnectionProxy[asyncpg.Record]"
Result = TypeVar("Result")

OLDEST_SERVER: Final = 14
"""The oldest major version that Postgres itself still supported when this was written."""

CHECK_SERVER: Final = """
SELECT current_setting('server_version_num')::integer / 10000 AS version,
       current_setting('fsync')::boolean AS fsync,
       current_setting('synchronous_commit') AS synchronous_commit,
       set_config('jit', 'off', false),
       set_config('idle_in_transaction_session_timeout', '10s', false)
"""
# Without jit: compiling costs more than any of our statements. A node that freezes in mid-transaction
# would hold its lease, and keep the next node from taking it.

OUTAGE: Final = (
    OSError,  # refused, reset, timed out (TimeoutError is one)
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,  # "connection is closed", when it closed under us
    asyncpg.InternalClientError,  # answers that make no sense, from a connection that was cut
    asyncpg.OperatorInterventionError,  # shutting down, starting up, terminated, statement timeout
    asyncpg.InsufficientResourcesError,  # disk full, too many connections, out of memory
    asyncpg.PostgresSystemError,  # an I/O error of the server
    asyncpg.ReadOnlySQLTransactionError,  # a failover made this server a standby
    asyncpg.TransactionRollbackError,  # deadlock, serialisation
    asyncpg.SyntaxOrAccessError,  # a table is gone or forbidden: for an operator, then it goes on
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,  # this node was frozen in mid-transaction
)
"""What may pass without a change of ours. Nothing was acknowledged; whoever asked asks again."""

LOST: Final = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
"""Those that end the connection: with another one, the next attempt may do."""

MISCONFIGURED: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    ValueError,  # an address that is none; asyncpg's ClientConfigurationError is one
    asyncpg.InsufficientPrivilegeError,
)
"""What no waiting cures."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds."""

    patience_s: float = 30
    """For a server that isn't there yet, at the start."""
    connect_s: float = 10
    """For one attempt to connect."""
    command_s: float = 30
    """For a free connection of the pool, and for one statement on it."""


DEFAULT_LIMITS: Final = Limits()

_POLL_S: Final = 0.5
_CLOSE_S: Final = 5.0


class ServerRefused(ConfigurationError):
    """This Postgres can't keep our promises; asking again will not help."""


class ConnectionLost(StorageUnavailable):
    """The connection was gone when it was used, so that a fresh one may do."""


def unavailable(error: BaseException) -> StorageUnavailable:
    """Gives the user's error for an outage. The cause, which may name hosts, goes to the log only."""
    kind = ConnectionLost if isinstance(error, LOST) else StorageUnavailable
    return kind(
        "The server can't reach its database right now. Nothing is lost: "
        "unsaved changes stay on this device and are sent again."
    )


class Database:
    """One database: a pool, and single connections. Usable inside its `async with` block.

    Entering waits for a server that is just starting, and checks it:

    Raises:
        ConfigurationError: no server answers there, or this one can't be used.
    """

    def __init__(
        self, dsn: str, *, allow_unsafe: bool = False, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        """Does nothing yet.

        Args:
            dsn: as libpq reads it: `postgresql://user:password@host:port/database`.
            allow_unsafe: takes a server with fsync or synchronous_commit off.
            limits: how long to wait for what.
        """
        self.lease = Lease()
        self._dsn = dsn
        self._allow_unsafe = allow_unsafe
        self._limits = limits
        # No minimum: asyncpg keeps one up with a task of its own, which logs through an outage.
        self._pool = asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=8,
            timeout=limits.connect_s,
            command_timeout=limits.command_s,
            init=self._check,
            reset=_leave_as_it_is,
            server_settings={"application_name": "segue"},
        )

    async def __aenter__(self) -> Self:
        """Reaches the server and checks it."""
        await self._await_server()
        await self._pool
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the pool, by force if a connection doesn't come back."""
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._pool.close()
        except (TimeoutError, *OUTAGE):
            self._pool.terminate()

    async def connect(self, name: str, *, command_s: float | None = None) -> Connection:
        """Opens a connection outside of the pool, its caller's to close.

        Args:
            name: what it is for, shown in `pg_stat_activity`.
            command_s: after so many seconds a statement raises TimeoutError; its outcome is unknown.

        Raises:
            ConfigurationError: the address, the password or the server has to be changed.
            StorageUnavailable: no connection right now.
        """
        try:
            connection = await asyncpg.connect(
                self._dsn,
                timeout=self._limits.connect_s,
                command_timeout=command_s,
                server_settings={"application_name": f"segue {name}"},
            )
        except MISCONFIGURED as error:
            raise _misconfigured(error) from error
        except OUTAGE as error:
            raise unavailable(error) from error
        try:
            await self._check(connection)
        except OUTAGE as error:
            connection.terminate()
            raise unavailable(error) from error
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def run(self, action: Callable[[AnyConnection], Awaitable[Result]]) -> Result:
        """Runs `action` on a connection of the pool; it must be idempotent.

        A pooled connection may have died unnoticed (a restart of Postgres), so an action that
        finds its connection gone is run once more, on another. What Postgres says against the
        arguments, or asyncpg (a ValueError), passes through.

        Raises:
            StorageUnavailable: Postgres can't be asked right now.
        """
        try:
            return await self._run(action)
        except ConnectionLost:
            return await self._run(action)

    async def write(self, action: Callable[[AnyConnection], Awaitable[Result]]) -> Result:
        """Runs `action` as `run` does, in one transaction, which is committed under the node's lease.

        Raises:
            Deposed: another node has taken the lease; nothing was written.
            StorageUnavailable: Postgres can't be asked right now.
        """

        async def fenced(connection: AnyConnection) -> Result:
            async with connection.transaction():
                await self.lease.hold(connection)
                return await action(connection)

        return await self.run(fenced)

    async def _run(self, action: Callable[[AnyConnection], Awaitable[Result]]) -> Result:
        try:
            async with self._pool.acquire(timeout=self._limits.command_s) as connection:
                try:
                    return await action(connection)
                except OUTAGE:
                    # Giving it back would first wait, as long again, for an answer.
                    connection.terminate()
                    raise
        except ValueError:  # asyncpg can't encode an argument, which is an InterfaceError too
            raise
        except (*OUTAGE, *MISCONFIGURED, ConfigurationError) as error:
            log.warning("storage.unavailable", error=type(error).__name__, reason=str(error))
            raise unavailable(error) from error

    async def _check(self, connection: AnyConnection) -> None:
        row = await connection.fetchrow(CHECK_SERVER, timeout=self._limits.connect_s)
        assert row is not None  # a SELECT without FROM has one row
        if row["version"] < OLDEST_SERVER:
            raise ServerRefused(
                f"This is PostgreSQL {row['version']}, and Segue needs {OLDEST_SERVER} or newer. "
                "Upgrade it, or point DATABASE_URL to another server."
            )
        if self._allow_unsafe:
            return
        for setting, safe in (
            ("fsync", row["fsync"]),
            ("synchronous_commit", row["synchronous_commit"] != "off"),
        ):
            if not safe:
                raise ServerRefused(
                    f"{setting} is off on this PostgreSQL: what it confirms as saved is lost in a "
                    f"crash. Turn {setting} on, for the server, the database and the user."
                )

    async def _await_server(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limits.patience_s
        while True:
            try:
                connection = await self.connect("start")
            except StorageUnavailable as error:
                if loop.time() >= deadline:
                    raise ConfigurationError(_unreachable(error)) from error
                log.info("storage.waiting", reason=str(error.__cause__))
                await asyncio.sleep(_POLL_S)
            else:
                await connection.close()
                return


async def _leave_as_it_is(_connection: AnyConnection) -> None:
    """Saves asyncpg's reset, a round trip per use: no action of ours leaves anything behind."""


def _misconfigured(error: BaseException) -> ConfigurationError:
    # libpq's texts name the user or the database, never the password.
    return ConfigurationError(f"PostgreSQL refuses the connection: {error}. Check DATABASE_URL.")


def _unreachable(error: StorageUnavailable) -> str:
    cause = error.__cause__
    reason = str(cause) or type(cause).__name__
    return f"No PostgreSQL answers: {reason}. Start it, or check DATABASE_URL."
