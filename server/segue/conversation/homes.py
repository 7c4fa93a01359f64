"""Each person's list of conversations, in their home document: live on all their devices.

A projection of what the lists in SQL say, written by the server into the homes that are open. It is
compared as a whole, so whatever was missed is mended by the next refresh, and each opening is one.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

import msgspec
import structlog

from segue.document.edits import Edit, ListSessions
from segue.errors import SegueError
from segue.ids import DocumentId, UserId, home_of, user_of_home
from segue.storage.ports import ListedSession, Register

log = structlog.get_logger()

_MAX_LISTED: Final = 200
"""The sessions with the newest activity; older ones are found over HTTP."""

_RETRY_S: Final = 2.0


class OpenDocuments(Protocol):
    """What homes need of the hub."""

    def is_open(self, document: DocumentId) -> bool:
        """Tells whether anyone has the document open on this node."""

    async def edit(self, document: DocumentId, edit: Edit) -> None:
        """See `conversation.ports.Documents.edit`."""


class Homes:
    """Refreshes homes: each by itself, for one may be slow, and once for all that made it due.

    Made and closed by `kept_homes`.
    """

    def __init__(
        self, register: Register, documents: OpenDocuments, tasks: asyncio.TaskGroup
    ) -> None:
        self._register = register
        self._documents = documents
        self._tasks = tasks
        self._due: set[UserId] = set()
        self._writing: dict[UserId, asyncio.Task[None]] = {}
        self._is_closed = False

    def on_opened(self, document: DocumentId) -> None:
        """Takes that a document was opened; only homes count."""
        user = user_of_home(document)
        if user is not None:
            self.refresh([user])

    def refresh(self, users: Iterable[UserId]) -> None:
        """Has the homes of these users written, as far as they are open; returns at once."""
        for user in users:
            if self._is_closed or not self._documents.is_open(home_of(user)):
                continue
            self._due.add(user)
            if user not in self._writing:
                self._writing[user] = self._tasks.create_task(self._write(user), name="home")

    async def on_listed(self, sessions: Sequence[DocumentId]) -> None:
        """Takes that what lists say of these sessions has changed."""
        self.refresh(await self._register.members_of(sessions))

    def close(self) -> None:
        """Stops; what is due is written when these homes are opened again."""
        self._is_closed = True
        for writing in self._writing.values():
            writing.cancel()

    async def _write(self, user: UserId) -> None:
        try:
            while user in self._due and self._documents.is_open(home_of(user)):
                self._due.discard(user)
                await self._refresh(user)
        finally:
            self._due.discard(user)
            del self._writing[user]

    async def _refresh(self, user: UserId) -> None:
        try:
            listed = await self._register.list_sessions(user, None, None, _MAX_LISTED)
            entries = {str(session.document): _entry(session) for session in listed}
            await self._documents.edit(home_of(user), ListSessions(entries))
        except SegueError as error:
            log.warning("home.not_refreshed", reason=error.code)
            self._due.add(user)
            await asyncio.sleep(_RETRY_S)
        except Exception:  # a list that is behind isn't worth the node
            log.exception("home.failed")


def _entry(session: ListedSession) -> bytes:
    return msgspec.json.encode(
        {
            "title": session.title,
            "last_activity": int(session.last_active_at.timestamp() * 1000),
            "seq": session.last_seq,
            "role": session.role.value,
        }
    )


@asynccontextmanager
async def kept_homes(register: Register, documents: OpenDocuments) -> AsyncIterator[Homes]:
    """Keeps homes for the time of the context."""
    async with asyncio.TaskGroup() as tasks:
        homes = Homes(register, documents, tasks)
        try:
            yield homes
        finally:
            homes.close()
