"""uvicorn as this node runs it: its signals, its limits, and how it stops."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from segue.http.direct import DirectProtocol
from segue.http.requests import HttpProtocol

GRACEFUL_S: Final = 5
_PING_S: Final = 20.0


def uvicorn_config(app: ASGIApp, *, max_frame_bytes: int, proxies: str) -> uvicorn.Config:
    """Gives uvicorn's settings; the sync sockets take the direct path.

    `proxies` are those whose X-Forwarded-For is believed.
    """
    return uvicorn.Config(
        app,
        http=HttpProtocol,
        ws=DirectProtocol,
        ws_max_size=max_frame_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=_PING_S,
        ws_ping_timeout=_PING_S,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=proxies,
        timeout_graceful_shutdown=GRACEFUL_S,
    )


class WebServer(uvicorn.Server):
    """uvicorn without its own care for signals: it would end the process before the node closed.

    After a signal it goes on serving for at most `drain_s`, while `has_devices`: time for a load
    balancer to read in `/readyz` that devices are to be sent elsewhere. `on_drain` is told first.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        drain_s: float,
        has_devices: Callable[[], bool],
        on_drain: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._drain_s = drain_s
        self._has_devices = has_devices
        self._on_drain = on_drain
        self._until_s: float | None = None

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begins to drain; a second signal ends that."""
        now_s = asyncio.get_running_loop().time()
        self._until_s = now_s + self._drain_s if self._until_s is None else now_s
        self._on_drain()
        super().handle_exit(sig, frame)

    @override
    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) and self._is_drained()

    def _is_drained(self) -> bool:
        if self._until_s is None or not self._has_devices():
            return True
        return asyncio.get_running_loop().time() >= self._until_s
