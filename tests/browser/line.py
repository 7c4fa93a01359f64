"""A line between a browser and the server that breaks on command: cut, silent, slow."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self


class Line:
    """Passes bytes between a port of its own and the server's."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._writers: set[asyncio.StreamWriter] = set()
        self._silenced: set[asyncio.StreamWriter] = set()
        self.delay_s = 0.0
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def to(cls, server_port: int) -> AsyncIterator[Self]:
        """Opens a line; closes it with all that goes over it."""
        line = cls(server_port)
        listening = await asyncio.start_server(line._serve, "127.0.0.1", 0)
        line.port = listening.sockets[0].getsockname()[1]
        try:
            yield line
        finally:
            listening.close()
            line.cut()

    def cut(self) -> None:
        """Ends all connections of now, as a wire that is pulled at the server's side."""
        for writer in list(self._writers):
            writer.transport.abort()

    def half_open(self) -> None:
        """Lets all connections of now stand, and nothing through any more; new ones work."""
        self._silenced |= self._writers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there_reader, there = await asyncio.open_connection("127.0.0.1", self._server_port)
            pair = {writer, there}
            self._writers |= pair
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._pass(reader, there))
                    tasks.create_task(self._pass(there_reader, writer))
            except* OSError:
                pass
            finally:
                self._writers -= pair
                self._silenced -= pair
                for each in pair:
                    each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if writer not in self._silenced:
                writer.write(data)
                await writer.drain()
        raise ConnectionResetError
