"""The register in Postgres: which documents exist, and who may do what in them."""

from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg

from segue.auth.grants import Role
from segue.errors import Deleted
from segue.ids import DocumentId, UserId
from segue.storage.database import AnyConnection, Database
from segue.storage.naming import read_with_names, write_with_names
from segue.storage.ports import Creation, ListedSession, ListPosition

FIND_ROLE: Final = """
SELECT documents.deleted_at IS NOT NULL AS deleted, members.role
FROM documents LEFT JOIN members ON members.session = documents.id AND members.user_id = $2
WHERE documents.id = $1 AND documents.kind = 'session'
"""

# Of many at once one inserts the document; the others wait for it, and then insert nothing.
CREATE_SESSION: Final = """
WITH document AS (
    INSERT INTO documents (id, kind) VALUES ($1, 'session') ON CONFLICT DO NOTHING RETURNING id
), session AS (
    INSERT INTO sessions (id, created_by, request) SELECT id, $2, $3 FROM document RETURNING id
)
INSERT INTO members (session, user_id, role) SELECT id, $2, 'owner' FROM session
"""
_ONE_INSERTED: Final = "INSERT 0 1"

# Asked when nothing was created: did the same request do so before?
FIND_REQUEST: Final = """
SELECT 1 FROM sessions JOIN documents USING (id)
WHERE id = $1 AND created_by = $2 AND request = $3 AND deleted_at IS NULL
"""

FIND_SESSION: Final = (
    "SELECT deleted_at IS NOT NULL FROM documents WHERE id = $1 AND kind = 'session'"
)

# Asked first: an insert that finds a row there still writes to the log of the database.
FIND_HOME: Final = "SELECT 1 FROM documents WHERE id = $1"
CREATE_HOME: Final = "INSERT INTO documents (id, kind) VALUES ($1, 'home') ON CONFLICT DO NOTHING"

# A user has at most some thousands of sessions: sorting them costs less than an index on the time of
# activity would cost each commit.
LIST: Final = """
SELECT sessions.id, title, last_seq, granted.role, sessions.created_at, last_active_at
FROM {granted} JOIN sessions ON sessions.id = granted.session
JOIN documents ON documents.id = sessions.id
WHERE deleted_at IS NULL
  AND ($3::timestamptz IS NULL OR (last_active_at, sessions.id) < ($3, $4))
ORDER BY last_active_at DESC, sessions.id DESC
LIMIT $5
"""
LIST_OF_MEMBER: Final = LIST.format(
    granted="(SELECT session, role FROM members WHERE user_id = $1 AND $2::text IS NULL) granted"
)
LIST_OF_TOKEN: Final = LIST.format(
    granted="unnest($1::text[], $2::text[]) AS granted (session, role)"
)

MEMBERS_OF: Final = "SELECT DISTINCT user_id FROM members WHERE session = ANY($1::text[])"

# The first takes the row that every claim needs. The others are statements of their own, so that
# they see what was committed while the first one waited for it.
BURY: Final = "UPDATE documents SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL"
DELETE_UPDATES: Final = "DELETE FROM updates WHERE document = $1"
DELETE_SNAPSHOT: Final = "DELETE FROM snapshots WHERE document = $1"
DELETE_TITLE: Final = "UPDATE sessions SET title = NULL, last_seq = 0, request = NULL WHERE id = $1"
# Behind the title, whose row is the lock of who makes a link or joins by one.
DELETE_LINKS: Final = "DELETE FROM share_links WHERE session = $1"
# With all their pieces; an upload under way finds itself gone.
DELETE_FILES: Final = "DELETE FROM files WHERE session = $1"
DELETE_NAMES: Final = "UPDATE members SET name = '' WHERE session = $1 AND name <> ''"
_BURIAL: Final = (
    BURY,
    DELETE_UPDATES,
    DELETE_SNAPSHOT,
    DELETE_TITLE,
    DELETE_LINKS,
    DELETE_FILES,
    DELETE_NAMES,
)


class PostgresRegister:
    """`Register` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_session(
        self, document: DocumentId, user: UserId, *, create: bool
    ) -> Role | None:
        """See `Register.open_session`.

        Raises:
            Deleted: the session is a tombstone and the user was a member.
            InvalidName: Postgres can't store the user's or the session's name (a NUL, too long).
            StorageUnavailable: Postgres can't be asked right now.
        """

        async def find(connection: AnyConnection) -> asyncpg.Record | None:
            return await connection.fetchrow(FIND_ROLE, document, user)

        async def create_and_find(connection: AnyConnection) -> asyncpg.Record | None:
            await connection.execute(CREATE_SESSION, document, user, None)
            return await find(connection)

        row = await read_with_names(self._database, find)
        if row is None and create:
            row = await write_with_names(self._database, create_and_find)
        if row is None or row["role"] is None:
            return None
        if row["deleted"]:
            raise Deleted("This session was deleted.")
        return Role(row["role"])

    async def create_session(self, document: DocumentId, user: UserId, request: bytes) -> Creation:
        """See `Register.create_session`.

        Raises:
            InvalidName: Postgres can't store the user's or the session's name (a NUL, too long).
            StorageUnavailable: Postgres can't be asked right now.
        """

        async def create(connection: AnyConnection) -> Creation:
            tag = await connection.execute(CREATE_SESSION, document, user, request)
            if tag == _ONE_INSERTED:
                return Creation.CREATED
            if await connection.fetchval(FIND_REQUEST, document, user, request):
                return Creation.REPEATED
            return Creation.TAKEN

        return await write_with_names(self._database, create)

    async def session_exists(self, document: DocumentId) -> bool:
        """See `Register.session_exists`."""
        deleted = await read_with_names(
            self._database, lambda connection: connection.fetchval(FIND_SESSION, document)
        )
        if deleted:
            raise Deleted("This session was deleted.")
        return deleted is not None

    async def open_home(self, document: DocumentId, user: UserId) -> None:
        """See `Register.open_home`.

        Raises:
            InvalidName: Postgres can't store the user's name (a NUL, too long).
            StorageUnavailable: Postgres can't be asked right now.
        """
        if not await read_with_names(
            self._database, lambda connection: connection.fetchval(FIND_HOME, document)
        ):
            await write_with_names(
                self._database, lambda connection: connection.execute(CREATE_HOME, document)
            )

    async def delete(self, document: DocumentId) -> None:
        """See `Register.delete`."""

        async def bury(connection: AnyConnection) -> None:
            for statement in _BURIAL:
                await connection.execute(statement, document)

        await write_with_names(self._database, bury)

    async def list_sessions(
        self,
        user: UserId,
        listed: Mapping[DocumentId, Role] | None,
        behind: ListPosition | None,
        limit: int,
    ) -> list[ListedSession]:
        """See `Register.list_sessions`."""
        place = (behind.last_active_at, behind.document) if behind else (None, None)

        async def find(connection: AnyConnection) -> list[asyncpg.Record]:
            if listed is None:
                return await connection.fetch(LIST_OF_MEMBER, user, None, *place, limit)
            return await connection.fetch(
                LIST_OF_TOKEN, list(listed), list(listed.values()), *place, limit
            )

        return [_listed(row) for row in await read_with_names(self._database, find)]

    async def members_of(self, sessions: Sequence[DocumentId]) -> list[UserId]:
        """See `Register.members_of`."""
        rows = await read_with_names(
            self._database, lambda connection: connection.fetch(MEMBERS_OF, list(sessions))
        )
        return [UserId(row["user_id"]) for row in rows]


def _listed(row: asyncpg.Record) -> ListedSession:
    return ListedSession(
        DocumentId(row["id"]),
        row["title"],
        row["last_seq"],
        Role(row["role"]),
        row["created_at"],
        row["last_active_at"],
    )
