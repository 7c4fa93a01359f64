"""The open documents of a node."""

import asyncio
from types import TracebackType
from typing import Self, TypeVar

import msgspec
import structlog

from segue.document.edits import Edit
from segue.document.views import View
from segue.errors import Restarting, SegueError, StorageUnavailable
from segue.hub.backlog import Backlog
from segue.hub.conduct import Conduct
from segue.hub.entries import size_in_backlog, user_of
from segue.hub.options import HubOptions
from segue.hub.peer import Peer
from segue.hub.room import Room
from segue.hub.services import Followers, Services
from segue.hub.snapshots import REWRITING_PAUSE_S
from segue.hub.strikes import Strikes
from segue.ids import DocumentId
from segue.storage.ports import UpdateLog
from segue.workers.ports import Documents

log = structlog.get_logger()

Answer = TypeVar("Answer")


class Hub:
    """Opens a room with its first device, ends it a while after its last.

    An async context manager: it owns the tasks of its rooms. Leaving it saves what is unsaved,
    for at most `close_s` seconds, and writes snapshots; what was acknowledged is durable anyway.
    """

    def __init__(
        self,
        documents: Documents,
        updates: UpdateLog,
        options: HubOptions,
        followers: Followers | None = None,
        close_s: float = 5.0,
    ) -> None:
        self._followers = followers or Followers()
        self._documents = documents
        self._updates = updates
        self._options = options
        self._close_s = close_s
        self._rooms: dict[DocumentId, Room] = {}
        self._tasks = asyncio.TaskGroup()
        self.backlog = Backlog(options.max_backlog_bytes, options.max_user_backlog_bytes)
        self.conduct = Conduct()
        self._services: Services | None = None

    @property
    def room_count(self) -> int:
        """How many documents are open."""
        return len(self._rooms)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._services = Services(
            self._documents,
            self._updates,
            self._tasks,
            self.backlog,
            Strikes(),
            Strikes(REWRITING_PAUSE_S),
            self.conduct,
            self._options,
            self._followers,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            await self._retire_all()
        await self._tasks.__aexit__(kind, error, trace)

    def attach(self, document: DocumentId, peer: Peer) -> Room:
        """Attaches a device to its document, opening it if need be."""
        room = self._room(document)
        room.attach(peer)
        return room

    async def edit(self, document: DocumentId, edit: Edit) -> None:
        """Has an edit made in a registered document; returns when it is durable.

        Cancelling it leaves the outcome unknown: repeat it, that is harmless.

        Raises:
            RefusedUpdate: it can't be made; the text says why.
            Overloaded: nothing was changed; try again.
            TooMany: nothing was changed; see `Conduct`.
            TooLarge: nothing was changed; the document is full.
            StorageUnavailable: it isn't durable after `patience_s`, and may become so.
            SegueError: the document can't be opened, as `UpdateLog.load` says.
        """
        self.conduct.check(user_of(edit), asyncio.get_running_loop().time())
        size_bytes = size_in_backlog(msgspec.msgpack.encode(edit))
        await self._patiently(self._room(document).edit(edit, size_bytes))

    async def view(self, document: DocumentId, view: View) -> bytes:
        """Gives what is committed of a registered document, as the JSON that answers the view.

        Raises:
            Overloaded: too many ask at once; try again.
            StorageUnavailable: there is no answer after `patience_s`.
            SegueError: the document can't be opened, as `UpdateLog.load` says.
        """
        return await self._patiently(self._room(document).view(view))

    def is_open(self, document: DocumentId) -> bool:
        """Tells whether anyone has a document open, or had a moment ago."""
        return document in self._rooms

    def end(self, document: DocumentId, error: SegueError) -> None:
        """Ends a document's room at once, if there is one; all its devices are told why."""
        if room := self._rooms.get(document):
            room.abandon(error)
        self._followers.on_news(document)

    async def _patiently(self, answer: asyncio.Future[Answer]) -> Answer:
        try:
            async with asyncio.timeout(self._options.patience_s):
                return await answer
        except TimeoutError:
            raise StorageUnavailable(
                f"There was no answer within {self._options.patience_s:.0f} s. What you sent may "
                "still be saved; repeat the request with the same ids to find out."
            ) from None

    def _room(self, document: DocumentId) -> Room:
        room = self._rooms.get(document)
        if room is None:
            assert self._services is not None, "the hub was entered"
            room = Room(document, self._services, self._on_ended)
            self._rooms[document] = room
        return room

    def _on_ended(self, room: Room) -> None:
        if self._rooms.get(room.document) is room:
            del self._rooms[room.document]

    async def _retire_all(self) -> None:
        try:
            async with asyncio.timeout(self._close_s), asyncio.TaskGroup() as retiring:
                for room in list(self._rooms.values()):
                    retiring.create_task(room.retire(), name=f"retire {room.document}")
        except TimeoutError:
            log.warning("hub.rooms_not_retired", count=len(self._rooms), after_s=self._close_s)
            for room in list(self._rooms.values()):
                room.abandon(Restarting("The server restarts. Nothing is lost."))
