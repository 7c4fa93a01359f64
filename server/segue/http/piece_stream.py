"""An answer that is written while it is read: files and exports, never held as a whole."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Final

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from segue.errors import SegueError

log = structlog.get_logger()

STALL_S: Final = 60.0
"""So long a reader may take nothing of what is sent."""


class PieceStream(Response):
    """Writes pieces, each before the next is read; calls `on_end` then, in any case.

    What can't be read to its end, or has a reader that takes nothing for a minute, is cut off: the web
    server ends the connection in the middle of the answer, so that nobody takes it for whole.
    """

    def __init__(
        self,
        status: HTTPStatus,
        headers: Mapping[str, str],
        pieces: AsyncIterator[bytes],
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(status_code=status, headers=headers)
        if "Content-Length" not in headers:
            del self.headers["content-length"]  # that of the empty body it was made with
        self._pieces = pieces
        self._on_end = on_end

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        try:
            await send(start)
            if scope["method"] == "HEAD" or await self._write(send):
                await send({"type": "http.response.body", "body": b""})
        finally:
            self._on_end()

    async def _write(self, send: Send) -> bool:
        try:
            async for piece in self._pieces:
                async with asyncio.timeout(STALL_S):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except (SegueError, TimeoutError, OSError) as error:
            log.warning("answer.cut_off", error=type(error).__name__)
            return False
        return True
