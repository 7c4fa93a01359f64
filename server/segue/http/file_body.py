"""A request's body that is a file: read as it comes, never held as a whole."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import ClientDisconnect, Request

from segue.errors import RequestTimeout

_SILENCE_S: Final = 15.0
_MAX_DRAINED: Final = 64 << 20
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")

ANY_TYPE: Final = "application/octet-stream"
"""Stands for what is not said, or not readable."""


class FileBody:
    """See the module's text. It can be read once."""

    def __init__(self, request: Request, *, silence_s: float = _SILENCE_S) -> None:
        """`silence_s`: it is given up when nothing comes for so long."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        self.media_type = kind if _MEDIA_TYPE.fullmatch(kind) else ANY_TYPE
        length = request.headers.get("content-length", "")
        self.size = int(length) if length.isascii() and length.isdigit() else None
        # Who asks first sends nothing before the first read, which tells them to.
        self._is_asking = "expect" in request.headers
        self._stream = request.stream()
        self._silence_s = silence_s

    async def parts(self) -> AsyncIterator[bytes]:
        """Gives the bytes as they come.

        Raises:
            RequestTimeout: they don't, or their sender has gone.
        """
        self._is_asking = False
        while True:
            try:
                async with asyncio.timeout(self._silence_s):
                    part = await anext(self._stream, None)
            except TimeoutError as error:
                raise RequestTimeout(
                    f"Nothing of the file came for {self._silence_s:g} s. Try again."
                ) from error
            except ClientDisconnect as error:
                raise RequestTimeout(
                    "The connection ended before the file did. Try again."
                ) from error
            if part is None:
                return
            yield part

    async def drain(self) -> None:
        """Reads what still comes and drops it, within bounds.

        Or who is sending would see a reset instead of the answer.
        """
        if self._is_asking:
            return
        size = 0
        try:
            async for part in self.parts():
                size += len(part)
                if size > _MAX_DRAINED:
                    return
        except RequestTimeout:
            return
