"""Conversations as files over HTTP: written while they are read from the document; taken in whole."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from segue import errors
from segue.conversation.transfers import Export, Upload
from segue.http import shapes
from segue.http.file_body import FileBody
from segue.http.operations import JSON, AnyOperation, ApiServices, Call, Nothing, Operation, Reply
from segue.http.piece_stream import PieceStream
from segue.transcripts.model import Format

LINES: Final = "application/x-ndjson"

_Format = Annotated[
    Literal["jsonl", "ai-sdk", "openai"],
    Meta(description="`jsonl` keeps everything; `ai-sdk` and `openai` the path that people see."),
]
_SUFFIX: Final = {Format.JSONL: "jsonl", Format.AI_SDK: "ai-sdk.json", Format.OPENAI: "openai.json"}


class ExportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In which format."""

    format: _Format = "jsonl"


class ImportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In which format the file is. Without an `id` the session gets a UUIDv7."""

    format: _Format = "jsonl"
    id: shapes.Id | UnsetType = UNSET


async def export_session(services: ApiServices, call: Call[ExportQuery, Nothing]) -> Response:
    """Exports a session."""
    export = await services.transfers.export(call.claims, call.session, Format(call.query.format))
    return download(call.session, export)


def download(session: str, export: Export) -> Response:
    """Gives an export as an answer that is written as it is read, and ends it then, in any case."""
    name = f"{session}.{_SUFFIX[export.format]}"
    headers = {
        "Content-Type": LINES if export.format is Format.JSONL else JSON,
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
    }
    return PieceStream(HTTPStatus.OK, headers, export.pieces, export.end)


async def import_session(services: ApiServices, call: Call[ImportQuery, FileBody]) -> Reply:
    """Imports a session."""
    id = None if call.query.id is UNSET else str(call.query.id)
    try:
        with services.transfers.alone(call.claims.user):
            data = await _read(call.body, services.transfers.max_bytes)
            upload = Upload(Format(call.query.format), data, id)
            state, is_new = await services.transfers.import_(call.claims, upload, call.key)
    except errors.SegueError:
        await call.body.drain()
        raise
    return Reply(
        HTTPStatus.CREATED if is_new else HTTPStatus.OK,
        msgspec.json.encode(shapes.session(state)),
        f"/v1/sessions/{state.row.document}",
    )


async def _read(body: FileBody, max_bytes: int) -> bytes:
    parts, size = [], 0
    async for part in body.parts():
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise errors.TooLarge(
                f"The file has over {max_bytes} bytes, the limit here (SEGUE_MAX_DOCUMENT). "
                "Import it in parts, as several sessions."
            )
    return b"".join(parts)


TRANSFER_OPERATIONS: Final[Sequence[AnyOperation]] = (
    Operation(
        method="GET",
        path="/v1/sessions/{id}/export",
        summary="Export a session as a file",
        run=export_session,
        query=ExportQuery,
        body=Nothing,
        answers={HTTPStatus.OK: None},
        errors=(errors.InvalidName, errors.Forbidden, errors.Deleted),
        gives="*/*",
    ),
    Operation(
        method="POST",
        path="/v1/sessions/import",
        summary="Make a new session of an exported file",
        run=import_session,
        query=ImportQuery,
        body=FileBody,
        answers={HTTPStatus.CREATED: shapes.Session, HTTPStatus.OK: shapes.Session},
        errors=(
            errors.InvalidTranscript,
            errors.InvalidName,
            errors.Forbidden,
            errors.Deleted,
            errors.Conflict,
            errors.IdempotencyMismatch,
            errors.RefusedUpdate,
        ),
        repeatable=True,
    ),
)
