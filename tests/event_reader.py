"""Reads server-sent events as a program does: line by line, from a real server."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from servers import SegueServer

PATIENCE_S = 30
MAX_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class Told:
    id: str
    type: str
    data: Any


class EventReader:
    """One connection. `last_id` is what to come back with."""

    def __init__(self, stream: anyio.abc.ByteStream, last_id: str) -> None:
        self._lines = BufferedByteReceiveStream(stream)
        self.last_id = last_id
        self.status = 0

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, server: SegueServer, token: str, session: str, last_id: str = "", since: str = ""
    ) -> AsyncIterator[Self]:
        async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
            header = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
            query = f"?since={since}" if since else ""
            await stream.send(
                f"GET /v1/sessions/{session}/events{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Authorization: Bearer {token}\r\n{header}\r\n".encode()
            )
            reader = cls(stream, last_id)
            await reader._begin()
            yield reader

    async def next(self) -> Told:
        """Gives the next event."""
        fields: dict[str, str] = {}
        with anyio.fail_after(PATIENCE_S):
            while True:
                line = await self._line()
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.strip()
                    continue
                self.last_id = fields.get("id", self.last_id)
                if "data" in fields:
                    return Told(self.last_id, fields["event"], json.loads(fields["data"]))
                fields = {}

    async def until(self, *wanted: str) -> list[Told]:
        """Gives events up to the first of a wanted type."""
        told = [await self.next()]
        while told[-1].type not in wanted:
            told.append(await self.next())
        return told

    async def _begin(self) -> None:
        self.status = int((await self._raw_line()).split()[1])
        while await self._raw_line():
            pass

    async def _line(self) -> str:
        """Gives a line of the body, which comes in chunks of whole lines."""
        line = await self._raw_line()
        # The size of a chunk and the end of the one before.
        while line and all(letter in "0123456789abcdef" for letter in line):
            line = await self._raw_line()
        return line

    async def _raw_line(self) -> str:
        return (await self._lines.receive_until(b"\n", MAX_LINE)).rstrip(b"\r").decode()
