"""Files in Postgres, in pieces, so that nobody ever holds a whole one."""

from dataclasses import dataclass
from typing import Final

import asyncpg

from segue.errors import Deleted, NotFound, RequestTimeout, TooLarge
from segue.ids import DocumentId, UserId
from segue.storage.database import AnyConnection, Database
from segue.storage.file_ports import NewFile, StoredFile
from segue.storage.members import LOCK_SESSION
from segue.storage.naming import write_with_names

# What a user has is counted over all sessions: two uploads at once into two of them wait for each other.
LOCK_USER: Final = "SELECT pg_advisory_xact_lock(hashtext('segue files'), hashtext($1))"

DELETE_LEFT: Final = (
    "DELETE FROM files WHERE ref IS NULL AND created_at < now() - interval '1 hour'"
)

# What is still coming counts as what was kept free for it.
COUNT: Final = """
SELECT count(*) FILTER (WHERE session = $1) AS files,
       coalesce(sum(size) FILTER (WHERE session = $1), 0)::bigint AS of_session,
       coalesce(sum(greatest(size, $4)) FILTER (WHERE uploaded_by = $2), 0)::bigint AS of_user
FROM files WHERE (session = $1 OR uploaded_by = $2) AND id <> $3
"""

# Under the session's lock, which a deletion needs too: no file of a deleted session is left.
BEGIN: Final = """
INSERT INTO files (id, session, media_type, name, size, uploaded_by)
SELECT $1, id, $3, $4, $5, $6 FROM documents WHERE id = $2 AND deleted_at IS NULL
ON CONFLICT (id) DO UPDATE SET id = excluded.id
RETURNING id
"""

# A deletion at the same time waits for this one's lock on the file, and then finds the piece.
APPEND: Final = """
INSERT INTO file_chunks (file, number, bytes)
SELECT id, $2, $3 FROM files WHERE id = $1 AND ref IS NULL FOR KEY SHARE
ON CONFLICT (file, number) DO UPDATE SET bytes = excluded.bytes
RETURNING number
"""

FINISH: Final = """
UPDATE files SET ref = $2, size = $3
WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM files WHERE session = $4 AND ref = $2 AND id <> $1)
RETURNING id
"""

ABANDON: Final = "DELETE FROM files WHERE id = $1 AND ref IS NULL"

_SHOWN: Final = "SELECT id, ref, media_type, name, size, uploaded_by, created_at FROM files"
FIND: Final = f"{_SHOWN} WHERE session = $1 AND ref = $2"
LIST: Final = f"{_SHOWN} WHERE session = $1 AND ref IS NOT NULL ORDER BY created_at, id"
READ: Final = "SELECT bytes FROM file_chunks WHERE file = $1 AND number = $2"
DELETE: Final = "DELETE FROM files WHERE session = $1 AND ref = $2"


@dataclass(frozen=True, slots=True)
class FileLimits:
    """How many files there may be, and bytes of them.

    Of a session all are listed, counted and buried at once. Of a user each counts as `least_bytes` at least:
    an empty one takes a row, too.
    """

    session_bytes: int
    user_bytes: int
    session_files: int = 10_000
    least_bytes: int = 4096


class PostgresUploads:
    """`UploadStore` on Postgres."""

    def __init__(self, database: Database, limits: FileLimits) -> None:
        self._database = database
        self._limits = limits

    async def begin(self, new: NewFile) -> None:
        """See `UploadStore.begin`.

        Raises:
            InvalidName: Postgres can't store the user's name or the file's.
        """

        async def begin(connection: AnyConnection) -> None:
            await connection.execute(LOCK_SESSION, new.session)
            await connection.execute(LOCK_USER, new.by)
            await connection.execute(DELETE_LEFT)
            await self._check_room(connection, new)
            values = (new.id, new.session, new.media_type, new.name, new.size, new.by)
            if await connection.fetchval(BEGIN, *values) is None:
                raise Deleted("This session was deleted.")

        await write_with_names(self._database, begin)

    async def _check_room(self, connection: AnyConnection, new: NewFile) -> None:
        limits = self._limits
        row = await connection.fetchrow(COUNT, new.session, new.by, new.id, limits.least_bytes)
        assert row is not None  # a sum is always one row
        if row["files"] >= limits.session_files:
            raise TooLarge(
                f"This session has {limits.session_files} files, the limit, with those on their way. "
                "Delete some first."
            )
        counted = max(new.size, limits.least_bytes)
        for whose, taken, limit, setting in (
            ("This session", row["of_session"] + new.size, limits.session_bytes, "SESSION"),
            ("You", row["of_user"] + counted, limits.user_bytes, "USER"),
        ):
            if taken > limit:
                raise TooLarge(
                    f"{whose} would have over {limit} bytes of files, the limit "
                    f"(SEGUE_MAX_FILES_PER_{setting}). Delete some first."
                )

    async def append(self, file: str, number: int, chunk: bytes) -> None:
        """See `UploadStore.append`."""
        stored = await self._database.write(
            lambda connection: connection.fetchval(APPEND, file, number, chunk)
        )
        if stored is None:
            raise _gone()

    async def finish(self, file: str, session: DocumentId, ref: str, size: int) -> bool:
        """See `UploadStore.finish`."""

        async def finish(connection: AnyConnection) -> bool:
            # Of two uploads of the same content one finishes after the other.
            await connection.execute(LOCK_SESSION, session)
            if await connection.fetchval(FINISH, file, ref, size, session):
                return True
            await connection.execute(ABANDON, file)
            if await connection.fetchrow(FIND, session, ref) is None:
                raise _gone()
            return False

        return await self._database.write(finish)

    async def abandon(self, file: str) -> None:
        """See `UploadStore.abandon`."""
        await self._database.write(lambda connection: connection.execute(ABANDON, file))


class PostgresFiles:
    """`FileStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, session: DocumentId, ref: str) -> StoredFile | None:
        """See `FileStore.find`."""
        row = await self._database.run(lambda connection: connection.fetchrow(FIND, session, ref))
        return None if row is None else _file(row)

    async def list(self, session: DocumentId) -> list[StoredFile]:
        """See `FileStore.list`."""
        rows = await self._database.run(lambda connection: connection.fetch(LIST, session))
        return [_file(row) for row in rows]

    async def read(self, file: str, number: int) -> bytes:
        """See `FileStore.read`."""
        found: bytes | None = await self._database.run(
            lambda connection: connection.fetchval(READ, file, number)
        )
        if found is None:
            raise NotFound("This file was deleted.")
        return found

    async def delete(self, session: DocumentId, ref: str) -> None:
        """See `FileStore.delete`."""
        await self._database.write(lambda connection: connection.execute(DELETE, session, ref))


def _gone() -> RequestTimeout:
    return RequestTimeout(
        "The upload took over an hour, so what had come was removed. Send it again, or a smaller file."
    )


def _file(row: asyncpg.Record) -> StoredFile:
    return StoredFile(
        row["id"],
        row["ref"],
        row["media_type"],
        row["name"],
        row["size"],
        UserId(row["uploaded_by"]),
        row["created_at"],
    )
