"""How programs connect, and come back: the same for documents and for agents."""

import asyncio
import random
from typing import Final

from websockets.asyncio.client import connect

_OPEN_S: Final = 10.0
_FIRST_RETRY_S: Final = 0.2


def dial(url: str, max_frame_bytes: int) -> connect:
    """Opens a socket that sends no pings of its own and compresses nothing; to be entered."""
    return connect(
        url,
        open_timeout=_OPEN_S,
        close_timeout=1,
        ping_interval=None,
        max_size=max_frame_bytes,
        compression=None,
    )


class Backoff:
    """Ever longer pauses, up to `last_s`, each shortened by chance so that not all come back at once."""

    def __init__(self, last_s: float) -> None:
        self._last_s = last_s
        self._next_s = _FIRST_RETRY_S

    def reset(self) -> None:
        """Begins again with the shortest, once a connection has worked."""
        self._next_s = _FIRST_RETRY_S

    async def pause(self) -> None:
        """Waits before the next attempt."""
        await asyncio.sleep(self._next_s * random.uniform(0.5, 1))  # noqa: S311 - no secret
        self._next_s = min(2 * self._next_s, self._last_s)
