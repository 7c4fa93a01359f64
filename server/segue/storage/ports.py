"""The ports to what lasts: the update log and the register of documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Final, Protocol

from segue.auth.grants import Role
from segue.document.submission import LoggedUpdate
from segue.document.verdict import Summary
from segue.ids import DocumentId, UserId


@dataclass(frozen=True, slots=True)
class Base:
    """What a document is rebuilt from: a snapshot and the rows behind it, up to `position`."""

    generation: int
    position: int
    snapshot: bytes | None
    updates: tuple[LoggedUpdate, ...]
    snapshot_position: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Updates of one document for one row of the log, claiming position `last` + 1."""

    document: DocumentId
    generation: int
    last: int
    updates: tuple[LoggedUpdate, ...]


class BatchSource(Protocol):
    """A document with something to commit. Methods return at once and raise nothing."""

    def take_batch(self) -> Batch | None:
        """Hands over all that waits; None if nothing does. Not called again before an outcome."""

    def on_committed(self, position: int) -> None:
        """The batch taken last is durable as the row at `position`."""

    def on_conflict(self) -> None:
        """The batch was not written and never will be.

        The log has moved on, the document is deleted, or (logged as such) Postgres can't store a row
        like this: whoever reloads and comes back with the same batch at the same position gives up.
        """


class UpdateLog(Protocol):
    """Append-only rows of updates by document and position; the truth."""

    async def load(self, document: DocumentId) -> Base:
        """Reads what a document is rebuilt from; committed rows only.

        Where the last snapshot is damaged, that is the one before it and the rows since; the log tells
        an operator.

        Raises:
            Deleted: the document is a tombstone.
            Forbidden: no such document was ever registered.
            Quarantined: what is stored is damaged (a hole in the log, a corrupt row).
            StorageUnavailable: Postgres can't be asked right now.
        """

    def enqueue(self, source: BatchSource) -> None:
        """Has the source's batch committed with the next group; idempotent while it waits.

        The writer retries through outages until it has an outcome. An outcome is certain: a commit
        whose reply was lost is looked up, never repeated blindly.
        """

    async def rewrite(
        self, document: DocumentId, generation: int, position: int, snapshot: bytes
    ) -> bool:
        """Puts a snapshot in the place of all there is, as the next generation at the next position.

        False when `generation` and `position` aren't the last: nothing was changed.

        Raises:
            StorageUnavailable: Postgres can't be asked right now; either all or nothing was done.
        """

    async def save_snapshot(
        self, document: DocumentId, generation: int, position: int, snapshot: bytes, previous: int
    ) -> bool:
        """Stores a snapshot holding every row up to `position`; deletes what it makes outdated, atomically.

        That is what stands before `previous`: the position of the snapshot that the caller's document
        was built on, which is read still (0: it was built on rows alone). It and the rows behind it stay.

        False when the log has a newer snapshot or generation: nothing was changed.

        Raises:
            StorageUnavailable: Postgres can't be asked right now; either all or nothing was done.
        """


class Creation(Enum):
    """What became of the request to create a session."""

    CREATED = auto()
    REPEATED = auto()
    """The same user's same request created it before."""
    TAKEN = auto()
    """The id is in use otherwise, or was."""


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session as a list shows it. Title and `last_seq` may be a moment old."""

    document: DocumentId
    title: str
    last_seq: int
    role: Role
    created_at: datetime
    last_active_at: datetime


@dataclass(frozen=True, slots=True)
class ListPosition:
    """A place in a list of sessions: behind the session with this activity and id."""

    last_active_at: datetime
    document: DocumentId


class Register(Protocol):
    """Documents, sessions and members as rows."""

    async def open_session(
        self, document: DocumentId, user: UserId, *, create: bool
    ) -> Role | None:
        """Gives the user's role, creating an unused id owned by them if `create`.

        Of many callers at once exactly one creates. None: no role (or no such session). A role in
        `members` is durable when it is returned.

        Raises:
            Deleted: the session is a tombstone and the user was a member.
            StorageUnavailable: Postgres can't be asked right now.
        """

    async def create_session(self, document: DocumentId, user: UserId, request: bytes) -> Creation:
        """Creates a session owned by the user, durably; of many callers at once exactly one does.

        `request` is a hash of what is asked for. Idempotent: with the same one it is `REPEATED`.

        Raises:
            StorageUnavailable: Postgres can't be asked right now; it may have been created.
        """

    async def session_exists(self, document: DocumentId) -> bool:
        """Tells whether the id is in use, for tokens that carry their own role.

        Raises:
            Deleted: it is a tombstone.
            StorageUnavailable: Postgres can't be asked right now.
        """

    async def open_home(self, document: DocumentId, user: UserId) -> None:
        """Makes sure the user's home document exists; idempotent.

        Raises:
            StorageUnavailable: Postgres can't be asked right now.
        """

    async def delete(self, document: DocumentId) -> None:
        """Turns the document into a tombstone: all its content is gone when it returns; idempotent."""

    async def list_sessions(
        self,
        user: UserId,
        listed: Mapping[DocumentId, Role] | None,
        behind: ListPosition | None,
        limit: int,
    ) -> list[ListedSession]:
        """Gives sessions, the one with the newest activity first, starting behind a position.

        Those of which the user is a member, or with `listed` exactly those, with these roles.
        Deleted ones are left out.

        Raises:
            StorageUnavailable: Postgres can't be asked right now.
        """

    async def members_of(self, sessions: Sequence[DocumentId]) -> list[UserId]:
        """Gives everybody who is a member of one of these sessions, each once.

        Raises:
            StorageUnavailable: Postgres can't be asked right now.
        """


class SummaryStore(Protocol):
    """Where summaries of sessions are kept for lists."""

    async def save_summaries(self, summaries: Sequence[tuple[DocumentId, Summary]]) -> None:
        """Stores them, one per document at most; idempotent. Those of deleted sessions are dropped.

        Raises:
            StorageUnavailable: Postgres can't be asked right now; repeating it is safe.
        """

    async def sessions_in_doubt(self) -> list[DocumentId]:
        """Gives the sessions whose runs the end of the last node may have cut off, and some more.

        Raises:
            StorageUnavailable: Postgres can't be asked right now.
        """


MAX_MEMBERS: Final = 1000
"""Of one session: who comes by a link beyond that is not let in."""

MAX_LINKS: Final = 100
"""Of one session, that hold."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a session; `name` is what they were called when they came by a link."""

    user: UserId
    role: Role
    name: str
    joined_at: datetime


class MemberStore(Protocol):
    """Who is a member of a session. What is changed is durable when a method returns."""

    async def list(self, session: DocumentId) -> list[Member]:
        """Gives the members, the oldest first.

        Raises:
            StorageUnavailable: Postgres can't be asked right now.
        """

    async def set_role(self, session: DocumentId, user: UserId, role: Role) -> Member:
        """Gives a member another role; idempotent. One that can't share loses the links they made.

        Raises:
            Conflict: it would leave the session without an owner.
            NotFound: no such member.
            StorageUnavailable: Postgres can't be asked right now; it may have been done.
        """

    async def remove(self, session: DocumentId, user: UserId) -> None:
        """Ends a membership, if there is one, and the links they made; idempotent.

        Raises:
            Conflict: it would leave the session without an owner.
            StorageUnavailable: Postgres can't be asked right now; it may have been done.
        """


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to make, `by` whom, good for `ttl_s` seconds."""

    id: str
    session: DocumentId
    code_hash: bytes
    role: Role
    by: UserId
    ttl_s: float


@dataclass(frozen=True, slots=True)
class ShareLink:
    """A link as a list shows it."""

    id: str
    role: Role
    created_by: UserId
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Joined:
    """What a link has led to."""

    session: DocumentId
    role: Role


class LinkStore(Protocol):
    """Links to sessions, by the hash (SHA-256) of their code. Durable when a method returns."""

    async def create(self, new: NewLink) -> ShareLink:
        """Makes a link; idempotent by its id.

        Raises:
            Conflict: the session has `MAX_LINKS`.
            Deleted: the session is a tombstone.
            StorageUnavailable: Postgres can't be asked right now; it may have been made.
        """

    async def list(self, session: DocumentId) -> list[ShareLink]:
        """Gives the links that hold, the oldest first.

        Raises:
            StorageUnavailable: Postgres can't be asked right now.
        """

    async def revoke(self, session: DocumentId, link: str) -> None:
        """Ends a link of the session, if there is one; idempotent.

        Raises:
            StorageUnavailable: Postgres can't be asked right now; it may have been done.
        """

    async def redeem(self, code_hash: bytes, user: UserId, name: str) -> Joined:
        """Makes the user a member of the link's session; idempotent, and never lowers a role.

        Raises:
            Conflict: the session has `MAX_MEMBERS`.
            LinkExpired: it has run out.
            NotFound: there is no such link: unknown, revoked, or its session deleted.
            StorageUnavailable: Postgres can't be asked right now; it may have been done.
        """
