"""The table of all operations over HTTP; of those on sessions and messages, what each does."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from segue import errors
from segue.conversation.messages import NewMessage
from segue.conversation.sessions import NewSession
from segue.document.edits import SetSession
from segue.document.kept import check_kept
from segue.document.steps import JsonValue
from segue.document.views import MessagesPage, MessageView, RunView
from segue.errors import InvalidRequest
from segue.http import shapes
from segue.http.event_stream import FOLLOW_EVENTS
from segue.http.file_operations import FILE_OPERATIONS
from segue.http.file_shapes import check_file
from segue.http.operations import AnyOperation, ApiServices, Call, Nothing, Operation, Reply
from segue.http.sharing_operations import SHARING_OPERATIONS
from segue.http.transfer_operations import TRANSFER_OPERATIONS
from segue.ids import session_id
from segue.storage.ports import ListedSession, ListPosition

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_CURSOR: Final = 256

Value = TypeVar("Value")


async def create_session(services: ApiServices, call: Call[Nothing, shapes.CreateSession]) -> Reply:
    """Creates a session."""
    body = call.body
    new = NewSession(_given(body.id), body.title, _settings(body.settings))
    state, is_new = await services.sessions.create(call.claims, new, call.key)
    return _made(shapes.session(state), f"/v1/sessions/{state.row.document}", is_new=is_new)


async def list_sessions(services: ApiServices, call: Call[shapes.SessionsQuery, Nothing]) -> Reply:
    """Lists the token's sessions."""
    behind = _position(_given(call.query.before))
    limit = call.query.limit
    # One more than wanted tells whether there is another page.
    rows = await services.sessions.list(call.claims, behind, limit + 1)
    following = _cursor(rows[limit - 1]) if len(rows) > limit else None
    return _ok(shapes.SessionsPage([shapes.item(row) for row in rows[:limit]], following))


async def get_session(services: ApiServices, call: Call[Nothing, Nothing]) -> Reply:
    """Gives one session."""
    return _ok(shapes.session(await services.sessions.get(call.claims, call.session)))


async def change_session(services: ApiServices, call: Call[Nothing, shapes.ChangeSession]) -> Reply:
    """Sets title or settings."""
    title = _given(call.body.title)
    change = SetSession(title, _settings(call.body.settings))
    if change == SetSession():
        raise InvalidRequest("There is nothing to change. Send `title`, `settings` or both.")
    return _ok(shapes.session(await services.sessions.update(call.claims, call.session, change)))


async def delete_session(services: ApiServices, call: Call[Nothing, Nothing]) -> Reply:
    """Deletes a session with all its content."""
    await services.sessions.delete(call.claims, call.session)
    return Reply(HTTPStatus.NO_CONTENT)


async def add_message(services: ApiServices, call: Call[Nothing, shapes.AddMessage]) -> Reply:
    """Adds a message."""
    body = call.body
    metadata = _given(body.metadata)
    check_kept(metadata, "metadata")
    new = NewMessage(
        parts=_parts(body),
        id=_given(body.id),
        role="assistant" if body.role == "agent" else _given(body.role),
        supersedes=_given(body.supersedes),
        metadata=metadata,
    )
    message, is_new = await services.messages.add(call.claims, call.session, new, call.key)
    return _made(message, f"/v1/sessions/{call.session}/messages", is_new=is_new)


async def list_messages(services: ApiServices, call: Call[shapes.MessagesQuery, Nothing]) -> Reply:
    """Gives a page of the active path, oldest first."""
    before, limit = _given(call.query.before), call.query.limit
    page = await services.messages.page(call.claims, call.session, before, limit)
    return Reply(HTTPStatus.OK, page)


async def cancel_run(services: ApiServices, call: Call[Nothing, Nothing]) -> Reply:
    """Cancels a run, in whatever state it is."""
    return _ok(await services.runs.cancel(call.claims, call.session, call.path["run"]))


_IN_SESSION: Final = (errors.InvalidName, errors.Forbidden, errors.Deleted)
_MAKING: Final = (errors.Conflict, errors.IdempotencyMismatch, errors.RefusedUpdate)
_SESSION: Final = "/v1/sessions/{id}"

OPERATIONS: Final[Sequence[AnyOperation]] = (
    Operation(
        method="POST",
        path="/v1/sessions",
        summary="Create a session",
        run=create_session,
        query=Nothing,
        body=shapes.CreateSession,
        answers={HTTPStatus.CREATED: shapes.Session, HTTPStatus.OK: shapes.Session},
        errors=(*_IN_SESSION, *_MAKING),
        repeatable=True,
    ),
    Operation(
        method="GET",
        path="/v1/sessions",
        summary="List the token's sessions, the one with the newest activity first",
        run=list_sessions,
        query=shapes.SessionsQuery,
        body=Nothing,
        answers={HTTPStatus.OK: shapes.SessionsPage},
    ),
    Operation(
        method="GET",
        path=_SESSION,
        summary="Read a session",
        run=get_session,
        query=Nothing,
        body=Nothing,
        answers={HTTPStatus.OK: shapes.Session},
        errors=_IN_SESSION,
    ),
    Operation(
        method="PATCH",
        path=_SESSION,
        summary="Set a session's title or settings",
        run=change_session,
        query=Nothing,
        body=shapes.ChangeSession,
        answers={HTTPStatus.OK: shapes.Session},
        errors=(*_IN_SESSION, errors.RefusedUpdate),
    ),
    Operation(
        method="DELETE",
        path=_SESSION,
        summary="Delete a session for everybody (owners)",
        run=delete_session,
        query=Nothing,
        body=Nothing,
        answers={HTTPStatus.NO_CONTENT: None},
        errors=_IN_SESSION,
    ),
    Operation(
        method="POST",
        path=f"{_SESSION}/messages",
        summary="Add a message",
        run=add_message,
        query=Nothing,
        body=shapes.AddMessage,
        answers={HTTPStatus.CREATED: MessageView, HTTPStatus.OK: MessageView},
        errors=(*_IN_SESSION, *_MAKING),
        repeatable=True,
    ),
    Operation(
        method="GET",
        path=f"{_SESSION}/messages",
        summary="Read messages of the active path, oldest first",
        run=list_messages,
        query=shapes.MessagesQuery,
        body=Nothing,
        answers={HTTPStatus.OK: MessagesPage},
        errors=_IN_SESSION,
    ),
    Operation(
        method="POST",
        path=f"{_SESSION}/runs/{{run}}/cancel",
        summary="Cancel a run; what its agent wrote stays",
        run=cancel_run,
        query=Nothing,
        body=Nothing,
        answers={HTTPStatus.OK: RunView},
        errors=(*_IN_SESSION, errors.NotFound, errors.RefusedUpdate),
    ),
    *TRANSFER_OPERATIONS,
    *SHARING_OPERATIONS,
    *FILE_OPERATIONS,
    FOLLOW_EVENTS,
)


def _given(value: Value | UnsetType) -> Value | None:
    return None if isinstance(value, UnsetType) else value


def _settings(value: shapes.Object | UnsetType) -> JsonValue | None:
    if isinstance(value, UnsetType):
        return None
    check_kept(value, "settings")
    return msgspec.json.encode(value)


def _parts(body: shapes.AddMessage) -> list[shapes.Object]:
    if (body.text is UNSET) == (body.parts is UNSET):
        raise InvalidRequest("A message has either `text` or `parts`. Send one of them.")
    if not isinstance(body.text, UnsetType):
        return [{"type": "text", "text": body.text}]
    assert not isinstance(body.parts, UnsetType)
    for number, part in enumerate(body.parts):
        _check_part(part, f"parts[{number}]")
    return body.parts


def _check_part(part: shapes.Object, field: str) -> None:
    if not isinstance(part.get("type"), str):
        raise InvalidRequest(f"`{field}` has no `type`. Give it one: text, file, tool, data, ...")
    if part["type"] == "text" and not isinstance(part.get("text"), str):
        raise InvalidRequest(f'`{field}` is of type "text" and has no `text`. Send it as a string.')
    if part["type"] == "file":
        check_file(part, field)
    check_kept(part, field)


def _cursor(row: ListedSession) -> str:
    micros = (row.last_active_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(f"{micros}.{row.document}".encode()).decode().rstrip("=")


def _position(cursor: str | None) -> ListPosition | None:
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor[:_MAX_CURSOR] + "===").decode()
        micros, _, name = text.partition(".")
        document, time = session_id(name), _EPOCH + timedelta(microseconds=int(micros))
    except (ValueError, OverflowError) as error:
        raise _no_place() from error
    if document is None:
        raise _no_place()
    return ListPosition(time, document)


def _no_place() -> InvalidRequest:
    return InvalidRequest("`before` is no place in a list. Send the `next` of the page before.")


def _ok(value: msgspec.Struct) -> Reply:
    return Reply(HTTPStatus.OK, msgspec.json.encode(value))


def _made(value: msgspec.Struct, location: str, *, is_new: bool) -> Reply:
    status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return Reply(status, msgspec.json.encode(value), location)
