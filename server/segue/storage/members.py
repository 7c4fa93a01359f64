"""Members of sessions in Postgres.

Invariant: a session has an owner. Whatever may take the last one away, and whatever lets somebody in,
holds the lock of the session's row: of two owners who remove each other, one stays.
"""

from typing import Final

import asyncpg

from segue.auth.grants import Role
from segue.errors import Conflict, NotFound
from segue.ids import DocumentId, UserId
from segue.storage.database import AnyConnection, Database
from segue.storage.naming import write_with_names
from segue.storage.ports import Member

LIST: Final = """
SELECT user_id, role, name, joined_at FROM members WHERE session = $1 ORDER BY joined_at, user_id
"""

LOCK_SESSION: Final = "SELECT 1 FROM sessions WHERE id = $1 FOR NO KEY UPDATE"

IS_LAST_OWNER: Final = """
SELECT EXISTS (SELECT 1 FROM members WHERE session = $1 AND user_id = $2 AND role = 'owner')
   AND NOT EXISTS (SELECT 1 FROM members WHERE session = $1 AND user_id <> $2 AND role = 'owner')
"""

SET_ROLE: Final = """
UPDATE members SET role = $3 WHERE session = $1 AND user_id = $2
RETURNING user_id, role, name, joined_at
"""

REMOVE: Final = "DELETE FROM members WHERE session = $1 AND user_id = $2"

# Or who was removed would come back by a link of their own.
DELETE_LINKS_BY: Final = "DELETE FROM share_links WHERE session = $1 AND created_by = $2"


class PostgresMembers:
    """`MemberStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, session: DocumentId) -> list[Member]:
        """See `MemberStore.list`."""
        rows = await self._database.run(lambda connection: connection.fetch(LIST, session))
        return [_member(row) for row in rows]

    async def set_role(self, session: DocumentId, user: UserId, role: Role) -> Member:
        """See `MemberStore.set_role`.

        Raises:
            InvalidName: no user can be called so.
        """

        async def change(connection: AnyConnection) -> Member:
            await _lock(connection, session, user, is_leaving=role is not Role.OWNER)
            row = await connection.fetchrow(SET_ROLE, session, user, role)
            if row is None:
                raise NotFound("There is no such member here. Look at the list of members.")
            if not role.may_share:
                await connection.execute(DELETE_LINKS_BY, session, user)
            return _member(row)

        return await write_with_names(self._database, change)

    async def remove(self, session: DocumentId, user: UserId) -> None:
        """See `MemberStore.remove`.

        Raises:
            InvalidName: no user can be called so.
        """

        async def remove(connection: AnyConnection) -> None:
            await _lock(connection, session, user, is_leaving=True)
            await connection.execute(REMOVE, session, user)
            await connection.execute(DELETE_LINKS_BY, session, user)

        await write_with_names(self._database, remove)


async def _lock(
    connection: AnyConnection, session: DocumentId, user: UserId, *, is_leaving: bool
) -> None:
    await connection.execute(LOCK_SESSION, session)
    if is_leaving and await connection.fetchval(IS_LAST_OWNER, session, user):
        raise Conflict(
            "This is the session's only owner. Make somebody else owner first, or delete the session."
        )


def _member(row: asyncpg.Record) -> Member:
    return Member(UserId(row["user_id"]), Role(row["role"]), row["name"], row["joined_at"])
