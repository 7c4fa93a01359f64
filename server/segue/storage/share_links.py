"""Links to sessions in Postgres; of each code only the hash."""

from typing import Final

import asyncpg

from segue.auth.grants import Role
from segue.errors import Conflict, Deleted, LinkExpired, NotFound
from segue.ids import DocumentId, UserId
from segue.storage.database import AnyConnection, Database
from segue.storage.members import LOCK_SESSION
from segue.storage.naming import write_with_names
from segue.storage.ports import MAX_LINKS, MAX_MEMBERS, Joined, NewLink, ShareLink

COUNT: Final = "SELECT count(*) FROM share_links WHERE session = $1"

# Kept while there is room, so that who opens one late is told that it has run out.
DELETE_EXPIRED: Final = "DELETE FROM share_links WHERE session = $1 AND expires_at <= now()"

# Under the session's lock, which a deletion needs too: no link of a deleted session is left.
CREATE: Final = """
INSERT INTO share_links (id, session, code_hash, role, created_by, expires_at)
SELECT $1, id, $3, $4, $5, now() + make_interval(secs => $6)
FROM documents WHERE id = $2 AND deleted_at IS NULL
ON CONFLICT (id) DO UPDATE SET id = excluded.id
RETURNING id, role, created_by, created_at, expires_at
"""

LIST: Final = """
SELECT id, role, created_by, created_at, expires_at FROM share_links
WHERE session = $1 AND expires_at > now() ORDER BY created_at, id
"""

REVOKE: Final = "DELETE FROM share_links WHERE session = $1 AND id = $2"

FIND: Final = """
SELECT session, role, expires_at <= now() AS is_expired FROM share_links WHERE code_hash = $1
"""

# A role is never lowered: who is more than a viewer stays what they are.
JOIN: Final = """
INSERT INTO members (session, user_id, role, name)
SELECT $1, $2, $3, $4
WHERE (SELECT count(*) FROM members WHERE session = $1) < $5
   OR EXISTS (SELECT 1 FROM members WHERE session = $1 AND user_id = $2)
ON CONFLICT (session, user_id) DO UPDATE
SET role = CASE WHEN members.role = 'viewer' THEN excluded.role ELSE members.role END
RETURNING role
"""


class PostgresShareLinks:
    """`LinkStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, new: NewLink) -> ShareLink:
        """See `LinkStore.create`.

        Raises:
            InvalidName: Postgres can't store the user's name (a NUL, too long).
        """

        async def create(connection: AnyConnection) -> ShareLink:
            await connection.execute(LOCK_SESSION, new.session)
            await _make_room(connection, new.session)
            values = (new.id, new.session, new.code_hash, new.role, new.by, new.ttl_s)
            row = await connection.fetchrow(CREATE, *values)
            if row is None:
                raise Deleted("This session was deleted.")
            return _link(row)

        return await write_with_names(self._database, create)

    async def list(self, session: DocumentId) -> list[ShareLink]:
        """See `LinkStore.list`."""
        rows = await self._database.run(lambda connection: connection.fetch(LIST, session))
        return [_link(row) for row in rows]

    async def revoke(self, session: DocumentId, link: str) -> None:
        """See `LinkStore.revoke`."""
        await write_with_names(
            self._database, lambda connection: connection.execute(REVOKE, session, link)
        )

    async def redeem(self, code_hash: bytes, user: UserId, name: str) -> Joined:
        """See `LinkStore.redeem`.

        Raises:
            InvalidName: Postgres can't store the user's name (a NUL, too long).
        """

        async def join(connection: AnyConnection) -> Joined:
            session = (await _find(connection, code_hash))["session"]
            await connection.execute(LOCK_SESSION, session)
            # Again: it may have been revoked, or the session deleted, before we had the lock.
            link = await _find(connection, code_hash)
            if link["is_expired"]:
                raise LinkExpired("This link has run out. Ask for a new one.")
            values = (session, user, link["role"], name, MAX_MEMBERS)
            role = await connection.fetchval(JOIN, *values)
            if role is None:
                raise Conflict(f"This session has {MAX_MEMBERS} members, the limit. Ask its owner.")
            return Joined(DocumentId(session), Role(role))

        return await write_with_names(self._database, join)


async def _make_room(connection: AnyConnection, session: DocumentId) -> None:
    if await connection.fetchval(COUNT, session) < MAX_LINKS:
        return
    await connection.execute(DELETE_EXPIRED, session)
    if await connection.fetchval(COUNT, session) >= MAX_LINKS:
        raise Conflict(f"This session has {MAX_LINKS} links, the limit. Revoke one first.")


async def _find(connection: AnyConnection, code_hash: bytes) -> asyncpg.Record:
    row = await connection.fetchrow(FIND, code_hash)
    if row is None:
        raise NotFound("This link opens nothing: it was mistyped or revoked. Ask for a new one.")
    return row


def _link(row: asyncpg.Record) -> ShareLink:
    return ShareLink(
        row["id"],
        Role(row["role"]),
        UserId(row["created_by"]),
        row["created_at"],
        row["expires_at"],
    )
