"""Sessions in handlers of Starlette and FastAPI: loaded before, saved behind, whatever the handler does.

    @app.post("/chat/{session_id}")                        # FastAPI
    async def chat(body: Body, session: Annotated[Session, Depends(in_session())]): ...

    @with_session()                                        # Starlette
    async def chat(request: Request, session: Session) -> Response: ...

What the handler wrote is durable before its answer leaves. Where it can't be, the answer is a problem.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from segue.client import Session
from segue.errors import SegueError, Unauthenticated
from segue.http.problems import on_error

SAVE_S: Final = 10.0
"""How long a request waits for the server, to load and to save."""

Token = Callable[[Request], str | None]
"""Gives the token to act with; None: that of SEGUE_TOKEN."""

Handler = Callable[[Request, Session], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def bearer(request: Request) -> str | None:
    """Gives the token of the request: the program acts as who asks, with their rights.

    Raises:
        Unauthenticated: there is none.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("There is no token. Send `Authorization: Bearer TOKEN`.")
    return token.strip()


def in_session(
    parameter: str = "session_id", *, url: str | None = None, token: Token = bearer
) -> Callable[[Request], AsyncIterator[Session]]:
    """Gives a dependency for FastAPI's `Depends`: the session that a path parameter names.

    Declare it with `scope="function"`, so that it saves before the answer leaves. Add `on_error` of
    `segue.http.problems` as the handler of `SegueError`, or errors are answered with 500.
    """

    async def dependency(request: Request) -> AsyncIterator[Session]:
        # FastAPI reads the annotation of `request`, so it has to be a real class here.
        async with _held(request, parameter, url, token) as session:
            yield session

    return dependency


def with_session(
    parameter: str = "session_id", *, url: str | None = None, token: Token = bearer
) -> Callable[[Handler], Endpoint]:
    """Gives a decorator for Starlette's handlers; errors of a session become problems (RFC 9457)."""

    def decorate(handler: Handler) -> Endpoint:
        @wraps(handler)
        async def endpoint(request: Request) -> Response:
            try:
                async with _held(request, parameter, url, token) as session:
                    return await handler(request, session)
            except SegueError as error:
                return await on_error(request, error)

        return endpoint

    return decorate


@asynccontextmanager
async def _held(
    request: Request, parameter: str, url: str | None, token: Token
) -> AsyncIterator[Session]:
    name = request.path_params[parameter]
    session = await Session.load(name, url=url, token=token(request), timeout_s=SAVE_S)
    try:
        yield session
        await session.save(SAVE_S)
    finally:
        await session.close()
