"""The ports to what lasts: the update log and the register of documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Protocol

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

    async def save_snapshot(
        self, document: DocumentId, generation: int, position: int, snapshot: bytes
    ) -> bool:
        """Stores a snapshot holding every row up to `position` and deletes these rows, atomically.

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
