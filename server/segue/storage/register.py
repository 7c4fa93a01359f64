"""The register in Postgres: which documents exist, and who may do what in them."""

from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from segue.auth.grants import Role
from segue.errors import Deleted, InvalidName
from segue.ids import DocumentId, UserId
from segue.storage.database import AnyConnection, Database, Result

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
    INSERT INTO sessions (id, created_by) SELECT id, $2 FROM document RETURNING id
)
INSERT INTO members (session, user_id, role) SELECT id, $2, 'owner' FROM session
"""

FIND_SESSION: Final = (
    "SELECT deleted_at IS NOT NULL FROM documents WHERE id = $1 AND kind = 'session'"
)

# Asked first: an insert that finds a row there still writes to the log of the database.
FIND_HOME: Final = "SELECT 1 FROM documents WHERE id = $1"
CREATE_HOME: Final = "INSERT INTO documents (id, kind) VALUES ($1, 'home') ON CONFLICT DO NOTHING"

# The first takes the row that every claim needs. The others are statements of their own, so that
# they see what was committed while the first one waited for it.
BURY: Final = "UPDATE documents SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL"
DELETE_UPDATES: Final = "DELETE FROM updates WHERE document = $1"
DELETE_SNAPSHOT: Final = "DELETE FROM snapshots WHERE document = $1"

_UNSTORABLE: Final = (ValueError, asyncpg.DataError, asyncpg.CheckViolationError)


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

        async def find_or_create(connection: AnyConnection) -> asyncpg.Record | None:
            row = await connection.fetchrow(FIND_ROLE, document, user)
            if row is None and create:
                await connection.execute(CREATE_SESSION, document, user)
                row = await connection.fetchrow(FIND_ROLE, document, user)
            return row

        row = await self._run(find_or_create)
        if row is None or row["role"] is None:
            return None
        if row["deleted"]:
            raise Deleted("This session was deleted.")
        return Role(row["role"])

    async def session_exists(self, document: DocumentId) -> bool:
        """See `Register.session_exists`."""
        deleted = await self._run(lambda connection: connection.fetchval(FIND_SESSION, document))
        if deleted:
            raise Deleted("This session was deleted.")
        return deleted is not None

    async def open_home(self, document: DocumentId, user: UserId) -> None:
        """See `Register.open_home`.

        Raises:
            InvalidName: Postgres can't store the user's name (a NUL, too long).
            StorageUnavailable: Postgres can't be asked right now.
        """

        async def find_or_create(connection: AnyConnection) -> None:
            if not await connection.fetchval(FIND_HOME, document):
                await connection.execute(CREATE_HOME, document)

        await self._run(find_or_create)

    async def delete(self, document: DocumentId) -> None:
        """See `Register.delete`."""

        async def bury(connection: AnyConnection) -> None:
            async with connection.transaction():
                for statement in (BURY, DELETE_UPDATES, DELETE_SNAPSHOT):
                    await connection.execute(statement, document)

        await self._run(bury)

    async def _run(self, action: Callable[[AnyConnection], Awaitable[Result]]) -> Result:
        try:
            return await self._database.run(action)
        except _UNSTORABLE as error:
            raise InvalidName("The name of the user or the session can't be stored.") from error
