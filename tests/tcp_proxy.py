"""A network between devices and Segue that is slow, silent, or cuts what it carries."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_CHUNK: int = 2**14


class TcpProxy:
    """Passes bytes between a port of its own and a server's. Made by `tcp_proxy`.

    `delay_s` is how long each piece of data takes, `bytes_per_s` what a connection carries at most in
    each direction; `cut_after` cuts each connection once it has carried about so many bytes, which
    mostly is in the middle of a frame. New connections go to `upstream_port`.
    """

    def __init__(self, upstream_port: int, fate: random.Random) -> None:
        self.port = 0
        self.delay_s = 0.0
        self.bytes_per_s: float | None = None
        self.cut_after: int | None = None
        self.cuts = 0
        self.upstream_port = upstream_port
        self._fate = fate
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._transports: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The address for sync clients."""
        return f"ws://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Lets connections in."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Ends everything."""
        if self._server is not None:
            self._server.close()
        self.flow()
        self.reset()

    def reset(self) -> None:
        """Ends all connections of now, with no goodbye."""
        for transport in list(self._transports):
            transport.transport.abort()

    def stall(self) -> None:
        """Carries nothing; connections stay, as half open ones do, and new ones are not answered."""
        self._flowing.clear()

    def flow(self) -> None:
        """Carries on, with what waited first."""
        self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        except OSError:  # the server is away
            writer.transport.abort()
            return
        pair = {writer, upstream[1]}
        self._transports |= pair
        try:
            with suppress(OSError, ExceptionGroup):
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._carry(reader, upstream[1]), name="to the server")
                    tasks.create_task(self._carry(upstream[0], writer), name="to the device")
        finally:
            self._transports -= pair
            for each in pair:
                each.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carried, limit = 0, self._next_cut()
        while data := await reader.read(_CHUNK):
            await self._flowing.wait()
            await asyncio.sleep(self.delay_s + len(data) / (self.bytes_per_s or float("inf")))
            carried += len(data)
            if limit is not None and carried > limit:
                self.cuts += 1
                writer.write(data[: max(1, len(data) - (carried - limit))])
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError  # one direction's end is the other's

    def _next_cut(self) -> int | None:
        if self.cut_after is None:
            return None
        return round(self.cut_after * self._fate.uniform(0.5, 1.5))


@asynccontextmanager
async def tcp_proxy(upstream_port: int, seed: int) -> AsyncIterator[TcpProxy]:
    """Gives a network in front of a server on this machine."""
    proxy = TcpProxy(upstream_port, random.Random(seed))
    await proxy.open()
    try:
        yield proxy
    finally:
        proxy.close()
