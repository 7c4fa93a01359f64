"""Files of a session for who speaks HTTP: each by what is in it, taken and given piece by piece."""

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from segue.auth.grants import Role
from segue.auth.tokens import Claims
from segue.conversation.opening import open_session
from segue.conversation.sessions import open_for_writing
from segue.errors import Forbidden, InvalidRequest, NotFound, RequestTimeout, SegueError, TooLarge
from segue.ids import FILE_PATTERN, DocumentId
from segue.storage.file_ports import (
    CHUNK_BYTES,
    FileStore,
    NewFile,
    StoredFile,
    UploadStore,
)
from segue.storage.ports import Register

_REF: Final = re.compile(FILE_PATTERN)


class Incoming(Protocol):
    """A file on its way in."""

    @property
    def media_type(self) -> str:
        """What it is said to be."""

    @property
    def size(self) -> int | None:
        """How many bytes it is said to have, where that is said; it has no more then."""

    def parts(self) -> AsyncIterator[bytes]:
        """Gives its bytes.

        Raises:
            RequestTimeout: they don't come.
        """


@dataclass(frozen=True, slots=True)
class FileServices:
    """What files work with; `mint` gives a new id."""

    register: Register
    uploads: UploadStore
    store: FileStore
    mint: Callable[[], str]
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Added:
    """A file that was added. `is_new`: the session didn't have this content before."""

    ref: str
    size: int
    is_new: bool


class Files:
    """Everything here is checked against the claims; what is added is committed."""

    def __init__(self, services: FileServices) -> None:
        self._services = services

    async def add(self, claims: Claims, name: str, called: str, incoming: Incoming) -> Added:
        """Adds a file to a session; repeating it is safe, and changes nothing.

        Cancelling it adds nothing; what it has stored by then is removed an hour later.

        Raises:
            TooLarge: it is over a limit.
            SegueError: no right to it, or it can't be done now.
        """
        services = self._services
        access = await open_for_writing(services.register, claims, name)
        room = services.max_bytes if incoming.size is None else incoming.size
        self._check_size(room)
        new = NewFile(
            services.mint(), access.document, claims.user, incoming.media_type, called, room
        )
        await services.uploads.begin(new)
        try:
            ref, size = await self._take(new, incoming)
            # It may have taken minutes, and the right to it may be gone.
            await open_for_writing(services.register, claims, name)
            is_new = await services.uploads.finish(new.id, access.document, ref, size)
        except SegueError as error:
            with contextlib.suppress(SegueError):
                await services.uploads.abandon(new.id)
            if isinstance(error, RequestTimeout):
                # It may have gone with its session: then that is to be told.
                await open_for_writing(services.register, claims, name)
            raise
        return Added(ref, size, is_new)

    async def list(self, claims: Claims, name: str) -> list[StoredFile]:
        """Gives the files of a session, the oldest first.

        Raises:
            SegueError: no right to it, or it can't be read now.
        """
        access = await open_session(self._services.register, claims, name, create=False)
        return await self._services.store.list(access.document)

    async def find(self, claims: Claims, name: str, ref: str) -> StoredFile:
        """Gives what is known of a file, for `read`.

        Raises:
            NotFound: the session has no such file.
            SegueError: no right to it, or it can't be read now.
        """
        access = await open_session(self._services.register, claims, name, create=False)
        return await self._find(access.document, ref)

    def read(self, file: StoredFile, start: int, end: int) -> AsyncIterator[bytes]:
        """Gives a file's bytes from `start` to before `end`, a piece at a time.

        Raises:
            NotFound: it was deleted meanwhile.
            StorageUnavailable: Postgres can't be asked right now.
        """
        return read_file(self._services.store, file, start, end)

    async def remove(self, claims: Claims, name: str, ref: str) -> None:
        """Removes a file for everybody, with all its bytes: owners any, others those they added.

        Raises:
            Forbidden: it is somebody else's.
            NotFound: the session has no such file.
            SegueError: no right to it, or it can't be done now.
        """
        access = await open_for_writing(self._services.register, claims, name)
        file = await self._find(access.document, ref)
        if access.role is not Role.OWNER and file.uploaded_by != claims.user:
            raise Forbidden("Somebody else added this file. Ask them, or the owner.")
        await self._services.store.delete(access.document, ref)

    async def _find(self, session: DocumentId, ref: str) -> StoredFile:
        # What can't be a ref may be something that Postgres can't even be asked for.
        file = await self._services.store.find(session, ref) if _REF.fullmatch(ref) else None
        if file is None:
            raise NotFound("This session has no such file: it was never added, or was deleted.")
        return file

    async def _take(self, new: NewFile, incoming: Incoming) -> tuple[str, int]:
        content, size = hashlib.sha256(), 0
        async for number, chunk in _numbered(_chunks(incoming.parts())):
            size += len(chunk)
            self._check_size(size)
            if size > new.size:  # which is all that room was kept for
                raise InvalidRequest(
                    f"More comes than the {new.size} bytes that `Content-Length` says. "
                    "Send its real length, or none."
                )
            content.update(chunk)
            await self._services.uploads.append(new.id, number, chunk)
        return content.hexdigest(), size

    def _check_size(self, size: int) -> None:
        if size > self._services.max_bytes:
            raise TooLarge(
                f"The file has over {self._services.max_bytes} bytes, the limit (SEGUE_MAX_FILE). "
                "Make it smaller, or link to it."
            )


class SessionFiles:
    """The files of one session, for an agent that works in it."""

    def __init__(self, store: FileStore, session: DocumentId) -> None:
        self._store = store
        self._session = session

    async def read(self, ref: str, max_bytes: int) -> bytes | None:
        """Gives a file's bytes; None: there is none any more, or it has more than `max_bytes`.

        Raises:
            StorageUnavailable: it can't be read now.
        """
        file = await self._store.find(self._session, ref) if _REF.fullmatch(ref) else None
        if file is None or file.size > max_bytes:
            return None
        try:
            pieces = read_file(self._store, file, 0, file.size)
            return b"".join([piece async for piece in pieces])
        except NotFound:  # deleted in between
            return None


async def read_file(
    store: FileStore, file: StoredFile, start: int, end: int
) -> AsyncIterator[bytes]:
    """Gives a stored file's bytes from `start` to before `end`; see `Files.read`."""
    while start < end:
        number, offset = divmod(start, CHUNK_BYTES)
        chunk = await store.read(file.id, number)
        piece = chunk[offset : offset + end - start]
        if not piece:
            raise NotFound("The end of this file is missing.")
        start += len(piece)
        yield piece


async def _chunks(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Cuts what comes in any pieces into those that are stored."""
    held = bytearray()
    async for part in parts:
        held += part
        while len(held) >= CHUNK_BYTES:
            yield bytes(held[:CHUNK_BYTES])
            del held[:CHUNK_BYTES]
    if held:
        yield bytes(held)


async def _numbered(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    number = 0
    async for chunk in chunks:
        yield number, chunk
        number += 1
