"""Server-sent events: what changes in a session, typed, from any event on.

An event is `id`, `event` (its type) and `data` (one line of JSON). The last one is `end`, with a problem
that says why; whoever comes back sends the id of the last event it has in `Last-Event-ID`.

Source: HTML Living Standard, section 9.2; RFC 9457 for problems.
"""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec
import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from segue import errors
from segue.conversation.events import Event, Follower
from segue.errors import SegueError
from segue.http.operations import ApiServices, Call, Nothing, Operation
from segue.http.problems import Problem, status_of

log = structlog.get_logger()

_HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    # nginx would hold back what is to be read at once.
    "X-Accel-Buffering": "no",
}
_SIGN_OF_LIFE: Final = b":\n\n"


class EventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From where on. `since`: the id of an event, or "now"; a Last-Event-ID comes before it."""

    since: str = ""


async def follow_events(services: ApiServices, call: Call[EventsQuery, Nothing]) -> Response:
    """Follows a session."""
    since = call.headers.get("last-event-id") or call.query.since
    return EventStream(await services.events.follow(call.claims, call.session, since))


FOLLOW_EVENTS: Final = Operation(
    method="GET",
    path="/v1/sessions/{id}/events",
    summary="Follow what changes, as server-sent events",
    run=follow_events,
    query=EventsQuery,
    body=Nothing,
    answers={HTTPStatus.OK: None},
    errors=(errors.InvalidName, errors.Forbidden, errors.Deleted),
    headers=("Last-Event-ID",),
    gives="text/event-stream",
)


class EventStream(Response):
    """Writes what a follower is given until it ends or its reader has gone; then closes it."""

    def __init__(self, follower: Follower) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._follower = follower

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers. Each page is written before the next is asked for."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        try:
            await send(start)
            if scope["method"] != "HEAD":
                async with asyncio.TaskGroup() as tasks:
                    writing = tasks.create_task(self._write(send), name="events")
                    await _until_gone(receive, writing)
                    writing.cancel()
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._follower.close()

    async def _write(self, send: Send) -> None:
        # A reader that goes before the first event knows from here on where to come back.
        await _send(send, f"id: {self._follower.position}\n\n".encode())
        try:
            async for page in self._follower.pages():
                await _send(send, _lines(page) if page else _SIGN_OF_LIFE)
        except SegueError as error:
            await _send(send, _end(error))
        except Exception:  # its reader is told, too
            log.exception("events.failed", document=self._follower.document)
            await _send(send, _end(SegueError("The server failed at this and has logged why.")))


async def _until_gone(receive: Receive, writing: "asyncio.Task[None]") -> None:
    """Returns when the reader has gone, or all is written."""
    gone = asyncio.Event()
    writing.add_done_callback(lambda _: gone.set())
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(_listen(receive, gone), name="events' reader")
        await gone.wait()
        listening.cancel()


async def _listen(receive: Receive, gone: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


async def _send(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


def _lines(events: Sequence[Event]) -> bytes:
    # JSON as msgspec writes it has no line breaks, and a type is one of ours.
    return b"".join(
        b"id: %b\nevent: %b\ndata: %b\n\n" % (event.id.encode(), event.type.encode(), event.data)
        for event in events
    )


def _end(error: SegueError) -> bytes:
    status = status_of(type(error))
    problem = Problem(status.phrase, status.value, error.code, str(error))
    return b"event: end\ndata: " + msgspec.json.encode(problem) + b"\n\n"
