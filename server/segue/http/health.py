"""`/livez` and `/readyz`: what a supervisor and a load balancer ask.

Live: the process answers at all; when it doesn't, restart it. Ready: it can acknowledge edits now;
when it isn't, send devices elsewhere, and don't restart it: it waits for something outside.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from segue.http.problems import problem

Obstacles = Callable[[], Awaitable[Sequence[str]]]
"""Gives why the node can't serve now, a sentence each, fit for strangers; empty if it can."""

_PATIENCE_S: Final = 3.0
_NO_STORE: Final = {"Cache-Control": "no-store"}


def health_routes(obstacles: Obstacles) -> list[Route]:
    """Gives both routes; neither needs a token, neither tells more than it has to."""

    async def readyz(_request: Request) -> Response:
        reasons = await _within_patience(obstacles)
        if reasons:
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", " ".join(reasons))
        return JSONResponse({"status": "ready"}, headers=_NO_STORE)

    return [Route("/livez", _livez), Route("/readyz", readyz)]


async def _livez(_request: Request) -> Response:
    return JSONResponse({"status": "live"}, headers=_NO_STORE)


async def _within_patience(obstacles: Obstacles) -> Sequence[str]:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await obstacles()
    except TimeoutError:
        return ["The node could not find out within 3 s whether it is ready."]
