"""Errors as HTTP answers: problem details (RFC 9457) with a stable `code`."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from segue import errors

log = structlog.get_logger()

PROBLEM_TYPE: Final = "application/problem+json"

_STATUS: Final[Mapping[type[errors.SegueError], HTTPStatus]] = {
    errors.ProtocolError: HTTPStatus.BAD_REQUEST,
    errors.InvalidName: HTTPStatus.BAD_REQUEST,
    errors.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.RangeNotSatisfiable: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.IdempotencyMismatch: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.RefusedUpdate: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.TokenExpired: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Deleted: HTTPStatus.GONE,
    errors.StartOver: HTTPStatus.PRECONDITION_FAILED,
    errors.Resync: HTTPStatus.CONFLICT,
    errors.LinkExpired: HTTPStatus.GONE,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Stalled: HTTPStatus.REQUEST_TIMEOUT,
    errors.RequestTimeout: HTTPStatus.REQUEST_TIMEOUT,
    errors.StorageUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Quarantined: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Restarting: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Unreachable: HTTPStatus.GATEWAY_TIMEOUT,
    errors.Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
}
_HEADERS: Final[Mapping[HTTPStatus, Mapping[str, str]]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    # What may still come of the request is not read: the connection can't be used again.
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: {"Connection": "close"},
    HTTPStatus.REQUEST_TIMEOUT: {"Connection": "close"},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": "1"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "1"},
}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened: `code` for programs, `detail` for people. `checks`: see `/readyz`."""

    title: str
    status: int
    code: str
    detail: str
    checks: Mapping[str, str] | None = None


def status_of(kind: type[errors.SegueError]) -> HTTPStatus:
    """Gives the status that an error of a kind answers with; 500 for what no client can mend."""
    for base in kind.__mro__:
        if base in _STATUS:
            return _STATUS[base]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    checks: Mapping[str, str] | None = None,
) -> Response:
    """Gives the answer that says what happened; never stored by caches."""
    body = Problem(status.phrase, status.value, code, detail, checks)
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        headers={"Cache-Control": "no-store", **_HEADERS.get(status, {}), **(headers or {})},
        media_type=PROBLEM_TYPE,
    )


async def on_error(request: Request, error: Exception) -> Response:
    """Answers an exception of ours in its own words."""
    if not isinstance(error, errors.SegueError):
        return await on_unknown(request, error)
    return problem(status_of(type(error)), error.code, str(error))


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answers what Starlette raises: no such route, no such method."""
    if not isinstance(error, HTTPException):
        return await on_unknown(request, error)
    status = HTTPStatus(error.status_code)
    code = status.phrase.lower().replace(" ", "_").replace("-", "_")
    return problem(status, code, error.detail, error.headers)


async def on_unknown(request: Request, error: Exception) -> Response:
    """Answers a bug: the log has it, the client learns nothing of the inside."""
    log.error("http.request_failed", path=request.url.path, exc_info=error)
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        errors.SegueError.code,
        "The server failed at this request and has logged why. Try again, or ask its operator.",
    )


HANDLERS: Final = {
    errors.SegueError: on_error,
    HTTPException: on_http_exception,
    Exception: on_unknown,
}
"""For Starlette's `exception_handlers`."""
