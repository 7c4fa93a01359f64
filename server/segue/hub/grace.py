"""How long a room without devices stays."""

import asyncio
from collections.abc import Callable


class Grace:
    """A time that begins anew with each `begin`, and is over when it ends or is ended."""

    def __init__(self, grace_s: float, on_over: Callable[[], None]) -> None:
        self._grace_s = grace_s
        self._on_over = on_over
        self._timer: asyncio.TimerHandle | None = None
        self.is_over = False

    def begin(self) -> None:
        """Starts the time; one that is over stays so, and is told again."""
        if self.is_over:
            self._on_over()
            return
        self._cancel()
        self._timer = asyncio.get_running_loop().call_later(self._grace_s, self.end)

    def end(self) -> None:
        """Is over at once."""
        self._cancel()
        self.is_over = True
        self._on_over()

    def stop(self) -> None:
        """Takes it back: somebody is here."""
        self._cancel()
        self.is_over = False

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
