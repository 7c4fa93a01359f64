"""Conversations as files over HTTP: written while they are read from the document; taken in whole."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final, Literal

import msgspec
import structlog
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from segue import errors
from segue.conversation.transfers import Export, Upload
from segue.http import shapes
from segue.http.file_body import FileBody
from segue.http.file_stream import STALL_S
from segue.http.operations import JSON, AnyOperation, ApiServices, Call, Nothing, Operation, Reply
from segue.transcripts.model import Format

log = structlog.get_logger()

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
    format = Format(call.query.format)
    return Download(
        call.session, await services.transfers.export(call.claims, call.session, format)
    )


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


class Download(Response):
    """Writes an export as it is read, and calls `end` of it then, in any case.

    One that fails in between, or whose reader takes nothing for a minute, is cut off: the web server ends
    the connection in the middle of the answer, so that nobody takes it for whole.
    """

    def __init__(self, session: str, export: Export) -> None:
        kind = LINES if export.format is Format.JSONL else JSON
        name = f"{session}.{_SUFFIX[export.format]}"
        super().__init__(
            headers={
                "Content-Type": kind,
                "Cache-Control": "no-store",
                "Content-Disposition": f'attachment; filename="{name}"',
                "X-Content-Type-Options": "nosniff",
            }
        )
        del self.headers["content-length"]
        self._session = session
        self._export = export

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers. Each piece is written before the next is asked for."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        try:
            await send(start)
            if scope["method"] == "HEAD" or await self._write(send):
                await send({"type": "http.response.body", "body": b""})
        finally:
            self._export.end()

    async def _write(self, send: Send) -> bool:
        try:
            async for piece in self._export.pieces:
                async with asyncio.timeout(STALL_S):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except (errors.SegueError, TimeoutError, OSError) as error:
            log.warning("export.cut_off", document=self._session, error=type(error).__name__)
            return False
        return True
