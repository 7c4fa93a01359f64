"""The open documents of a node."""

import asyncio
from types import TracebackType
from typing import Self

import structlog

from segue.hub.backlog import Backlog
from segue.hub.options import HubOptions
from segue.hub.peer import Peer
from segue.hub.room import Room, Services
from segue.hub.strikes import Strikes
from segue.ids import DocumentId
from segue.storage.ports import UpdateLog
from segue.workers.ports import Documents

log = structlog.get_logger()


class Hub:
    """Opens a room with its first device, ends it a while after its last.

    An async context manager: it owns the tasks of its rooms. Leaving it saves what is unsaved,
    for at most `close_s` seconds, and writes snapshots; what was acknowledged is durable anyway.
    """

    def __init__(
        self, documents: Documents, updates: UpdateLog, options: HubOptions, close_s: float = 5.0
    ) -> None:
        self._documents = documents
        self._updates = updates
        self._options = options
        self._close_s = close_s
        self._rooms: dict[DocumentId, Room] = {}
        self._tasks = asyncio.TaskGroup()
        self.backlog = Backlog(options.max_backlog_bytes)
        self._services: Services | None = None

    @property
    def room_count(self) -> int:
        """How many documents are open."""
        return len(self._rooms)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._services = Services(
            self._documents, self._updates, self._tasks, self.backlog, Strikes(), self._options
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
        room = self._rooms.get(document)
        if room is None:
            assert self._services is not None, "the hub was entered"
            room = Room(document, self._services, self._on_ended)
            self._rooms[document] = room
        room.attach(peer)
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
                room.abandon()
