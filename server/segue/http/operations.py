"""What the API can do, each operation as a value: routes and OpenAPI are both made of one table.

An operation can't do anything in a user's name without their token: it is given claims, never the
request. Only one that `is_open` is reached without any.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue.auth.attempts import Attempts
from segue.auth.tokens import Claims
from segue.conversation.events import Events
from segue.conversation.files import Files
from segue.conversation.members import Members
from segue.conversation.messages import Messages
from segue.conversation.runs import Runs
from segue.conversation.sessions import Sessions
from segue.conversation.share_links import ShareLinks
from segue.conversation.transfers import Transfers
from segue.errors import Restarting, SegueError, StorageUnavailable, TooMany, Unauthenticated
from segue.http.file_body import FileBody
from segue.http.incoming import bearer_token, idempotency_key, read_body, read_query
from segue.http.pace import Writes
from segue.hub.quota import Quota
from segue.ids import UserId

JSON: Final = "application/json"
PATIENCE_S: Final = 15.0
MAX_IN_FLIGHT: Final = 32
"""Requests of one user that are answered at the same time; of strangers, those of one address."""


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters, or no body."""


Query = TypeVar("Query", bound=msgspec.Struct)
Body = TypeVar("Body", bound=msgspec.Struct | FileBody)


@dataclass(frozen=True, slots=True)
class Call(Generic[Query, Body]):
    """One request, read and checked in shape.

    `path` has the parts of the path that have a name; `address` is the sender's; `base_url` the
    server's, as the sender sees it; `headers` are those that the operation reads, by lower-case names.
    `bearer` is None where no token came.
    """

    bearer: Claims | None
    path: Mapping[str, str]
    query: Query
    body: Body
    key: str | None
    address: str
    base_url: str
    headers: Mapping[str, str]

    @property
    def claims(self) -> Claims:
        """What the token claims.

        Raises:
            Unauthenticated: none came.
        """
        if self.bearer is None:
            raise Unauthenticated("No token was sent. Send `Authorization: Bearer TOKEN`.")
        return self.bearer

    @property
    def session(self) -> str:
        """The session that the path names."""
        return self.path["id"]


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer; `body` is JSON."""

    status: HTTPStatus
    body: bytes = b""
    location: str | None = None


AnyReply = Reply | Response
"""Streams of events and files are responses of their own kinds."""


@dataclass(frozen=True, slots=True)
class ApiServices:
    """What operations work with; `verify` gives the claims of a token or raises Unauthenticated.

    `downloads` counts the files that are on their way to each user.
    """

    sessions: Sessions
    messages: Messages
    members: Members
    links: ShareLinks
    attempts: Attempts
    writes: Writes
    runs: Runs
    events: Events
    files: Files
    downloads: Quota[UserId]
    transfers: Transfers
    verify: Callable[[str], Claims]
    max_body_bytes: int
    patience_s: float = PATIENCE_S


@dataclass(frozen=True, slots=True)
class Operation(Generic[Query, Body]):
    """One method on one path.

    `answers` gives what each good status comes with; `errors` what can go wrong beside what can
    always. `repeatable`: it reads an Idempotency-Key. `is_open`: it is for who has no token, too; a bad
    one is refused all the same. `headers` are those it reads beside. `gives` is the media type of its
    answers; a body that is a `FileBody` may be of any.
    """

    method: str
    path: str
    summary: str
    run: Callable[[ApiServices, Call[Query, Body]], Awaitable[AnyReply]]
    query: type[Query]
    body: type[Body]
    answers: Mapping[HTTPStatus, type[msgspec.Struct] | None]
    errors: Sequence[type[SegueError]] = ()
    repeatable: bool = False
    is_open: bool = False
    headers: Sequence[str] = ()
    gives: str = JSON

    @property
    def name(self) -> str:
        """Identifies it for programs."""
        return self.run.__name__

    @property
    def writes(self) -> bool:
        """Tells whether it changes anything."""
        return self.method != "GET"


AnyOperation = Operation[Any, Any]


class Api:
    """Answers operations. `services` is None while the node starts or stops."""

    def __init__(self) -> None:
        self.services: ApiServices | None = None
        self._in_flight: Counter[tuple[UserId | None, str]] = Counter()

    @contextmanager
    def serving(self, services: ApiServices) -> Iterator[None]:
        """Answers for the time of the context."""
        self.services = services
        try:
            yield
        finally:
            self.services = None

    def routes(self, operations: Sequence[AnyOperation]) -> list[Route]:
        """Gives the routes, one for each path, so that a wrong method is told the right ones."""
        by_path: dict[str, dict[str, AnyOperation]] = {}
        for operation in operations:
            by_path.setdefault(operation.path, {})[operation.method] = operation
        return [self._route(path, by_method) for path, by_method in by_path.items()]

    def _route(self, path: str, by_method: Mapping[str, AnyOperation]) -> Route:
        async def endpoint(request: Request) -> Response:
            method = "GET" if request.method == "HEAD" else request.method
            return await self._answer(request, by_method[method])

        # The name of a user may have any character in it.
        return Route(path.replace("{user}", "{user:path}"), endpoint, methods=list(by_method))

    async def _answer(self, request: Request, operation: AnyOperation) -> Response:
        services = self.services
        if services is None:
            raise Restarting("The server is starting or stopping. Try again in a moment.")
        # Before anything else is read: a stranger costs a header.
        bearer = _bearer(request, operation, services)
        if operation.writes and bearer is not None:
            _check_pace(services, bearer.user)
        with self._counted((bearer.user, "") if bearer else (None, _address(request))):
            call = await _read(request, operation, bearer, services.max_body_bytes)
            reply = await _run_in_time(operation, services, call)
        return _response(reply) if isinstance(reply, Reply) else reply

    @contextmanager
    def _counted(self, sender: tuple[UserId | None, str]) -> Iterator[None]:
        if self._in_flight[sender] >= MAX_IN_FLIGHT:
            raise TooMany(f"{MAX_IN_FLIGHT} requests of yours are being answered. Wait for them.")
        self._in_flight[sender] += 1
        try:
            yield
        finally:
            self._in_flight[sender] -= 1
            if not self._in_flight[sender]:
                del self._in_flight[sender]


def _check_pace(services: ApiServices, user: UserId) -> None:
    if not services.writes.take(user, asyncio.get_running_loop().time()):
        raise TooMany(
            f"Over {services.writes.per_s} changes a second (SEGUE_FRAME_RATE). "
            "Wait as long as Retry-After says."
        )


def _bearer(request: Request, operation: AnyOperation, services: ApiServices) -> Claims | None:
    if operation.is_open and "authorization" not in request.headers:
        return None
    return services.verify(bearer_token(request))


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


async def _read(
    request: Request, operation: AnyOperation, bearer: Claims | None, max_bytes: int
) -> Call[Any, Any]:
    return Call(
        bearer,
        request.path_params,
        read_query(request, operation.query),
        await _body(request, operation, max_bytes),
        idempotency_key(request) if operation.repeatable else None,
        _address(request),
        str(request.base_url),
        {
            name.lower(): request.headers[name]
            for name in operation.headers
            if name in request.headers
        },
    )


async def _body(request: Request, operation: AnyOperation, max_bytes: int) -> Any:
    if operation.body is Nothing:
        return Nothing()
    if operation.body is FileBody:
        return FileBody(request)
    return await read_body(request, operation.body, max_bytes)


async def _run_in_time(
    operation: AnyOperation, services: ApiServices, call: Call[Any, Any]
) -> AnyReply:
    # A file takes its time to come; its body is given up when it falls silent.
    patience_s = None if operation.body is FileBody else services.patience_s
    try:
        async with asyncio.timeout(patience_s):
            return await operation.run(services, call)
    # TimeoutError: of ours. What is cancelled may be saved all the same.
    except (StorageUnavailable, TimeoutError) as error:
        raise StorageUnavailable(_away(operation)) from error


def _away(operation: AnyOperation) -> str:
    if not operation.writes:
        return "The server can't reach its database right now. Try again in a moment."
    text = "The server can't reach its database right now; this may still be saved. "
    if operation.repeatable:
        return text + "Repeat it with the same Idempotency-Key, or the same id."
    return text + "Repeat it."


def _response(reply: Reply) -> Response:
    headers = {"Cache-Control": "no-store"}
    if reply.location is not None:
        headers["Location"] = reply.location
    if reply.status == HTTPStatus.NO_CONTENT:
        return Response(status_code=reply.status, headers=headers)
    return Response(reply.body, reply.status, headers, JSON)
