"""A network between Segue and Postgres that fails on command: cut, silent, gone, losing one reply."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from postgres_servers import throwaway_folder

_READY = (
    b"Z\x00\x00\x00\x05"  # ReadyForQuery: what was asked is done, and committed if it was to be
)


class PostgresProxy:
    """Passes bytes between a socket of its own and a server's. Made by `postgres_proxy`.

    `delay_s` is how long each request is held back.
    """

    def __init__(self, server_dsn: str, folder: Path) -> None:
        parts = urlsplit(server_dsn)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        name = f".s.PGSQL.{query.get('port', '5432')}"
        self._upstream = str(Path(query["host"]) / name)
        self._socket = str(folder / name)
        self.dsn = urlunsplit(parts._replace(query=urlencode({**query, "host": str(folder)})))
        self.lost_replies = 0
        self.delay_s = 0.0
        self._marker: bytes | None = None
        self._cut_every = 0
        self._requests = 0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._transports: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Lets new connections in (again)."""
        self._server = await asyncio.start_unix_server(self._serve, self._socket)

    def close(self) -> None:
        """Ends all connections and refuses new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
            Path(self._socket).unlink(missing_ok=True)
        self.cut()

    def cut(self) -> None:
        """Ends all connections of now."""
        for transport in list(self._transports):
            transport.transport.abort()

    def stall(self) -> None:
        """Passes nothing on, and keeps all connections."""
        self._flowing.clear()

    def flow(self) -> None:
        """Passes on what waited, too."""
        self._flowing.set()

    def lose_reply_to(self, marker: bytes) -> None:
        """Of the next request that holds `marker`: Postgres does it all, the answer never arrives."""
        self._marker = marker

    def cut_every(self, requests: int) -> None:
        """Ends a connection at every so many requests, by turns before and after passing it on."""
        self._cut_every = requests

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(self._upstream)
        except OSError:  # the server is away
            writer.transport.abort()
        else:
            pair = {writer, server_writer}
            self._transports |= pair
            link = _Link()
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._pass_requests(reader, server_writer, link))
                    tasks.create_task(self._pass_replies(server_reader, writer, link))
            except* (OSError, RuntimeError):  # uvloop's word for a transport that is closed
                pass
            finally:
                self._transports -= pair
                for each in pair:
                    each.transport.abort()

    async def _pass_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: "_Link"
    ) -> None:
        while data := await reader.read(2**16):
            await self._flowing.wait()
            await asyncio.sleep(self.delay_s)
            if self._marker is not None and self._marker in data:
                self._marker = None
                link.losing = True
            self._requests += 1
            cut = self._cut_every and self._requests % self._cut_every == 0
            if cut and self._requests % 2:
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()
            if cut:
                raise ConnectionResetError
        raise ConnectionResetError

    async def _pass_replies(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: "_Link"
    ) -> None:
        while data := await reader.read(2**16):
            await self._flowing.wait()
            if link.losing:
                if _READY in data:
                    self.lost_replies += 1
                    raise ConnectionResetError
                continue
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


class _Link:
    losing = False


@asynccontextmanager
async def postgres_proxy(server_dsn: str) -> AsyncIterator[PostgresProxy]:
    """Gives a proxy in front of a server; `.dsn` leads through it."""
    with throwaway_folder() as folder:
        proxy = PostgresProxy(server_dsn, folder)
        await proxy.open()
        try:
            yield proxy
        finally:
            proxy.flow()
            proxy.close()
