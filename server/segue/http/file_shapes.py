"""The shapes of files; see `shapes`."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from segue.document.kept import MAX_INTEGER
from segue.errors import InvalidRequest
from segue.http.shapes import Millis, millis
from segue.ids import END, FILE_PATTERN
from segue.storage.file_ports import StoredFile

MAX_NAME: Final = 255
MAX_MEDIA_TYPE: Final = 127

Ref = Annotated[str, Meta(pattern=FILE_PATTERN, description="SHA-256 of the file's bytes.")]
FileName = Annotated[
    str, Meta(min_length=1, max_length=MAX_NAME, pattern=rf"^[^\x00-\x1f\x7f/\\]*{END}")
]


class FileQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a new file is called, without its folder."""

    name: FileName = "file"


class FilePart(msgspec.Struct, frozen=True):
    """A file, as it can stand in the `parts` of a message."""

    type: Literal["file"]
    ref: Ref
    media_type: Annotated[str, Meta(min_length=1, max_length=MAX_MEDIA_TYPE)]
    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
    size: Annotated[int, Meta(ge=0, le=MAX_INTEGER)]


class FileItem(FilePart, frozen=True):
    """A file in a list."""

    uploaded_by: str
    created_at: Millis


class FileList(msgspec.Struct, frozen=True):
    """All files of a session, the oldest first."""

    files: Sequence[FileItem]


def item(file: StoredFile) -> FileItem:
    """Shows a file."""
    return FileItem(
        "file",
        file.ref,
        file.media_type,
        file.name,
        file.size,
        file.uploaded_by,
        millis(file.created_at),
    )


def check_file(part: Mapping[str, object], field: str) -> None:
    """Does nothing for a part that names a file.

    Whether the session has it is not asked: `ref` is a name, and only who may read the session gets what
    it names.

    Raises:
        InvalidRequest: it names none.
    """
    try:
        msgspec.convert(part, FilePart)
    except msgspec.ValidationError as error:
        raise InvalidRequest(
            f"`{field}` names no file: {error}. Send the answer of `POST .../files` as it came."
        ) from error
