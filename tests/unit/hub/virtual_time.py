"""An event loop whose clock jumps to the next timer: nothing is waited for, every run is the same."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Impatient(selectors.SelectSelector):
    """Waits for nothing: it moves the clock instead."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "everybody waits for somebody else"
        self.now_s += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)

    def time(self) -> float:
        return self._impatient.now_s


def run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


async def turns(count: int = 6) -> None:
    """Lets whatever is ready run; no time passes."""
    for _ in range(count):
        await asyncio.sleep(0)


async def time_passes(seconds: float) -> None:
    await asyncio.sleep(seconds)
    await turns()
