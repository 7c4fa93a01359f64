"""The ports to the files of sessions: written piece by piece, read piece by piece."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from segue.ids import DocumentId, UserId

CHUNK_BYTES: Final = 262_144
"""Of each piece but a file's last. Stored files are cut so: it can't be changed."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that is going to come, of `size` bytes at most. `id` is new."""

    id: str
    session: DocumentId
    by: UserId
    media_type: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is all there. `ref` is the SHA-256 of its bytes in hex; `name` may be anything."""

    id: str
    ref: str
    media_type: str
    name: str
    size: int
    uploaded_by: UserId
    created_at: datetime


class UploadStore(Protocol):
    """Files that are coming. Nobody can read one before it is finished."""

    async def begin(self, new: NewFile) -> None:
        """Keeps room for a file; idempotent. What others began an hour ago and left is removed.

        Raises:
            Deleted: the session is a tombstone.
            TooLarge: it doesn't fit into what the session, or the user, may have, or the session has as
                many as it may; the text says which.
            StorageUnavailable: Postgres can't be asked right now; it may have begun.
        """

    async def append(self, file: str, number: int, chunk: bytes) -> None:
        """Stores a piece; idempotent.

        Raises:
            RequestTimeout: there is no such upload any more: it took over an hour, or went with its session.
            StorageUnavailable: Postgres can't be asked right now; it may have been stored.
        """

    async def finish(self, file: str, session: DocumentId, ref: str, size: int) -> bool:
        """Makes it readable, durably; idempotent. False: the session has this content already.

        Raises:
            RequestTimeout: there is no such upload any more: it took over an hour, or went with its session.
            StorageUnavailable: Postgres can't be asked right now; it may have been done.
        """

    async def abandon(self, file: str) -> None:
        """Removes an upload that isn't finished; idempotent.

        Raises:
            StorageUnavailable: Postgres can't be asked right now.
        """


class FileStore(Protocol):
    """The files of sessions."""

    async def find(self, session: DocumentId, ref: str) -> StoredFile | None:
        """Gives a file of the session.

        Raises:
            StorageUnavailable: Postgres can't be asked right now.
        """

    async def list(self, session: DocumentId) -> list[StoredFile]:
        """Gives all files of the session, the oldest first.

        Raises:
            StorageUnavailable: Postgres can't be asked right now.
        """

    async def read(self, file: str, number: int) -> bytes:
        """Gives a piece of a file.

        Raises:
            NotFound: there is none, or no more.
            StorageUnavailable: Postgres can't be asked right now.
        """

    async def delete(self, session: DocumentId, ref: str) -> None:
        """Removes a file with all its bytes; idempotent.

        Raises:
            StorageUnavailable: Postgres can't be asked right now; it may have been done.
        """
