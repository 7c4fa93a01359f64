"""`/livez` and `/readyz`: what a supervisor and a load balancer ask.

Live: the process answers at all; when it doesn't, restart it. Ready: it can acknowledge edits now;
when it isn't, send devices elsewhere, and don't restart it: it waits for something outside.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from segue.http.problems import problem

OK: Final = "ok"

Checks = Callable[[], Awaitable[Mapping[str, str]]]
"""Gives by name `OK`, or a sentence why the node can't serve now, fit for strangers."""

_PATIENCE_S: Final = 3.0
_KEEP_S: Final = 1.0
_NO_STORE: Final = {"Cache-Control": "no-store"}


class Readiness:
    """Runs the checks, at most once a second: whoever asks needs no token, and a check costs."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self._lock = asyncio.Lock()
        self._found: Mapping[str, str] = {}
        self._found_by: Checks | None = None
        self._until_s = 0.0

    async def look(self) -> Mapping[str, str]:
        """Gives what the checks find, or found less than a second ago."""
        async with self._lock:
            loop, checks = asyncio.get_running_loop(), self.checks
            if self._found_by is not checks or loop.time() >= self._until_s:
                self._found = await checks()
                self._found_by, self._until_s = checks, loop.time() + _KEEP_S
            return self._found


def health_routes(look: Checks) -> list[Route]:
    """Gives both routes; neither needs a token, neither tells more than it has to."""

    async def readyz(_request: Request) -> Response:
        checks = await _within_patience(look)
        reasons = [reason for reason in checks.values() if reason != OK]
        if reasons:
            detail = " ".join(dict.fromkeys(reasons))
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", detail, checks=dict(checks))
        return JSONResponse({"status": "ready", "checks": dict(checks)}, headers=_NO_STORE)

    return [Route("/livez", _livez), Route("/readyz", readyz)]


async def _livez(_request: Request) -> Response:
    return JSONResponse({"status": "live"}, headers=_NO_STORE)


async def _within_patience(look: Checks) -> Mapping[str, str]:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await look()
    except TimeoutError:
        return {"node": f"It could not be found out within {_PATIENCE_S:g} s. Ask again."}
