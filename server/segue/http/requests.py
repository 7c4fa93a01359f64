"""uvicorn's HTTP protocol, with an end to connections that send no whole request.

uvicorn waits for a first request for ever, and for the rest of one that has begun: each such
connection keeps a file descriptor, and a thousand of them, from one machine, keep everybody out. So
they have little time, and beyond `MAX_SILENT` of them the oldest goes: who means it sends its request
at once. (Rejected: a bound by address here. Behind a proxy all have one, which only a request tells.)
"""

import asyncio
from typing import ClassVar, Final

import h11
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

_PATIENCE_S: Final = 10.0

MAX_SILENT: Final = 1_000
"""Connections of the process that have sent no whole request yet."""


class HttpProtocol(H11Protocol):
    """See the module's text."""

    patience_s: float = _PATIENCE_S
    silent: ClassVar["dict[HttpProtocol, None]"] = {}
    _look: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        super().connection_made(transport)
        self._look_later()
        self.silent[self] = None
        if len(self.silent) > MAX_SILENT:
            oldest = next(iter(self.silent))
            del self.silent[oldest]
            oldest.transport.abort()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None or self.transport.get_protocol() is not self:
            self.silent.pop(self, None)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.silent.pop(self, None)
        if self._look is not None:
            self._look.cancel()

    @override
    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        super().handle_websocket_upgrade(event)
        if self._look is not None:
            self._look.cancel()  # or it would keep all of this for as long as its patience lasts

    def _look_later(self) -> None:
        self._look = self.loop.call_later(self.patience_s, self._end_if_waiting, self.cycle)

    def _end_if_waiting(self, last: RequestResponseCycle | None) -> None:
        if self.transport.is_closing():  # which waits for a reader that may take nothing
            self._look = self.loop.call_later(self.patience_s, self.transport.abort)
            return
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        is_answering = cycle is not None and not cycle.response_complete
        if is_answering or cycle is not last:
            self._look_later()
        else:
            self.transport.abort()
