"""Files over HTTP: the table of operations, and what each does."""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response

from segue import errors
from segue.errors import SegueError, TooMany
from segue.http import file_shapes as shapes
from segue.http.file_body import FileBody
from segue.http.file_stream import file_answer
from segue.http.operations import (
    MAX_IN_FLIGHT,
    AnyOperation,
    ApiServices,
    Call,
    Nothing,
    Operation,
    Reply,
)


async def add_file(services: ApiServices, call: Call[shapes.FileQuery, FileBody]) -> Reply:
    """Adds a file to a session."""
    body, name = call.body, call.query.name
    try:
        added = await services.files.add(call.claims, call.session, name, body)
    except SegueError:
        await body.drain()
        raise
    part = shapes.FilePart("file", added.ref, body.media_type, name, added.size)
    return Reply(
        HTTPStatus.CREATED if added.is_new else HTTPStatus.OK,
        msgspec.json.encode(part),
        f"/v1/sessions/{call.session}/files/{added.ref}",
    )


async def list_files(services: ApiServices, call: Call[Nothing, Nothing]) -> Reply:
    """Lists a session's files."""
    files = await services.files.list(call.claims, call.session)
    shown = shapes.FileList([shapes.item(each) for each in files])
    return Reply(HTTPStatus.OK, msgspec.json.encode(shown))


async def read_file(services: ApiServices, call: Call[Nothing, Nothing]) -> Response:
    """Gives a file, or a range of it."""
    user = call.claims.user
    file = await services.files.find(call.claims, call.session, call.path["ref"])
    if not services.downloads.take(user):
        raise TooMany(f"{MAX_IN_FLIGHT} files are being sent to you. Wait for them.")
    pieces = partial(services.files.read, file)
    return file_answer(file, call.headers, pieces, partial(services.downloads.give_back, user))


async def remove_file(services: ApiServices, call: Call[Nothing, Nothing]) -> Reply:
    """Removes a file for everybody."""
    await services.files.remove(call.claims, call.session, call.path["ref"])
    return Reply(HTTPStatus.NO_CONTENT)


_IN_SESSION: Final = (errors.InvalidName, errors.Forbidden, errors.Deleted)
_FILES: Final = "/v1/sessions/{id}/files"
_FILE: Final = f"{_FILES}/{{ref}}"

FILE_OPERATIONS: Final[Sequence[AnyOperation]] = (
    Operation(
        method="POST",
        path=_FILES,
        summary="Add a file; the answer can stand in a message's `parts`",
        run=add_file,
        query=shapes.FileQuery,
        body=FileBody,
        answers={HTTPStatus.CREATED: shapes.FilePart, HTTPStatus.OK: shapes.FilePart},
        errors=_IN_SESSION,
    ),
    Operation(
        method="GET",
        path=_FILES,
        summary="List a session's files, the oldest first",
        run=list_files,
        query=Nothing,
        body=Nothing,
        answers={HTTPStatus.OK: shapes.FileList},
        errors=_IN_SESSION,
    ),
    Operation(
        method="GET",
        path=_FILE,
        summary="Read a file, or a range of it",
        run=read_file,
        query=Nothing,
        body=Nothing,
        answers={
            HTTPStatus.OK: None,
            HTTPStatus.PARTIAL_CONTENT: None,
            HTTPStatus.NOT_MODIFIED: None,
        },
        errors=(*_IN_SESSION, errors.NotFound, errors.RangeNotSatisfiable),
        headers=("Range", "If-None-Match", "If-Range"),
        gives="*/*",
    ),
    Operation(
        method="DELETE",
        path=_FILE,
        summary="Remove a file for everybody (owners, and who added it)",
        run=remove_file,
        query=Nothing,
        body=Nothing,
        answers={HTTPStatus.NO_CONTENT: None},
        errors=(*_IN_SESSION, errors.NotFound),
    ),
)
