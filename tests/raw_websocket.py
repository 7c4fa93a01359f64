"""A WebSocket client of bytes: it sends frames that no library would, and reads when told to."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Self

PATIENCE_S = 30

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

HANDSHAKE = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n"
)


@dataclass(frozen=True)
class Frame:
    opcode: int
    data: bytes

    @property
    def code(self) -> int:
        return int.from_bytes(self.data[:2])


def frame(data: bytes = b"", opcode: int = BINARY, *, fin: bool = True) -> bytes:
    """Gives a masked frame; the mask is zeros."""
    return header(len(data), opcode, fin=fin) + data


def header(size: int, opcode: int = BINARY, *, fin: bool = True) -> bytes:
    first = bytes((opcode | (0x80 if fin else 0),))
    if size < 126:
        return first + bytes((0x80 | size,)) + bytes(4)
    if size < 1 << 16:
        return first + b"\xfe" + size.to_bytes(2) + bytes(4)
    return first + b"\xff" + size.to_bytes(8) + bytes(4)


class RawWebSocket:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    @asynccontextmanager
    async def connected(
        cls, port: int, path: str = "/", *, small_buffers: bool = False, headers: bytes = b""
    ) -> AsyncIterator[Self]:
        """Connects and sends the handshake, with more headers as lines."""
        sock = socket.socket()
        if small_buffers:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=2048)
        try:
            writer.write(HANDSHAKE % (path.encode(), headers))
            yield cls(reader, writer)
        finally:
            writer.transport.abort()

    async def accepted(self) -> Self:
        answer = await self.reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101"), answer
        return self

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def read(self) -> Frame:
        async with asyncio.timeout(PATIENCE_S):
            return await self._frame()

    async def _frame(self) -> Frame:
        first, size = await self.reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2))
        elif size == 127:
            size = int.from_bytes(await self.reader.readexactly(8))
        return Frame(first & 0x0F, await self.reader.readexactly(size))

    async def ended(self) -> bool:
        """Waits for the end of the connection, whatever comes before."""
        async with asyncio.timeout(PATIENCE_S):
            with suppress(OSError):  # reset, or never connected in full
                while await self.reader.read(65536):
                    pass
        return True
