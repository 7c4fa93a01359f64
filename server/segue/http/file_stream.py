"""A file as an answer: whole or a range of it, a piece at a time; and nothing that could run.

Whatever a file is, opened as a page it does nothing: it is an attachment, its type is not guessed, and
should a browser show it all the same, it is in a sandbox without scripts, and without any origin. A token
travels in a header, which no link, image or frame sends: a page fetches a file, and shows what it knows.

Source: RFC 9110, sections 13 and 14; RFC 6266 and 8187 for the name.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.responses import Response

from segue.errors import RangeNotSatisfiable
from segue.http.piece_stream import PieceStream
from segue.http.problems import problem
from segue.storage.file_ports import StoredFile

_RANGE: Final = re.compile(r"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*")

_HEADERS: Final = {
    "Accept-Ranges": "bytes",
    # Kept by no browser: what is deleted here would live on there.
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

Pieces = Callable[[int, int], AsyncIterator[bytes]]
"""Gives the bytes from a place to before another."""


def file_answer(
    file: StoredFile, asked: Mapping[str, str], pieces: Pieces, on_end: Callable[[], None]
) -> Response:
    """Gives the answer to a request for a file with the headers `asked` (by lower-case names)."""
    tag = f'"{file.ref}"'
    headers = {**_HEADERS, "ETag": tag}
    if _names(asked.get("if-none-match", ""), tag):
        on_end()
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    # Another version of what the reader has a part of: it gets all of this one.
    may_be_part = asked.get("if-range", tag) == tag
    found = parse_range(asked.get("range", ""), file.size) if may_be_part else None
    if found == UNSATISFIABLE:
        on_end()
        text = f"The file has {file.size} bytes, and none in that range. Ask for others."
        return problem(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            RangeNotSatisfiable.code,
            text,
            {"Content-Range": f"bytes */{file.size}"},
        )
    start, end = found or (0, file.size)
    headers |= {
        "Content-Type": file.media_type,
        "Content-Length": str(end - start),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
    }
    status = HTTPStatus.OK
    if found is not None:
        status = HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    return PieceStream(status, headers, pieces(start, end), on_end)


UNSATISFIABLE: Final = (-1, -1)


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Gives the one range that a Range header asks for, as first byte and the one behind the last.

    None: the whole is meant, also where several are asked for, or what can't be read (RFC 9110, 14.2).
    """
    match = _RANGE.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:  # the last so many bytes
        start, end = max(0, size - int(match[2])), size
    else:
        start, end = int(match[1]), min(size, int(match[2]) + 1) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    return (start, end) if start < end else UNSATISFIABLE


def _names(header: str, tag: str) -> bool:
    tags = {each.strip().removeprefix("W/") for each in header.split(",")}
    return tag in tags or "*" in tags
