"""Connections of readers who take nothing: they end."""

import asyncio
import socket

import pytest
from direct_host import serving
from starlette.types import Receive, Scope, Send

from segue.http.requests import HttpProtocol

pytestmark = pytest.mark.anyio


class Watched(HttpProtocol):
    patience_s = 0.2
    lost = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost.set()


async def _cut_off(scope: Scope, receive: Receive, send: Send) -> None:
    """Gives up on its reader in mid-answer, as a file does."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    try:
        async with asyncio.timeout(0.2):
            while True:
                piece = {"type": "http.response.body", "body": bytes(1 << 20), "more_body": True}
                await send(piece)
    except TimeoutError:
        pass


async def test_an_answer_that_nobody_takes_keeps_no_connection() -> None:
    Watched.lost = asyncio.Event()
    async with serving(_cut_off, http=Watched) as port, asyncio.timeout(30):
        with socket.create_connection(("127.0.0.1", port)) as reader:
            reader.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await Watched.lost.wait()
