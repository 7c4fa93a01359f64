"""Conversations as files, out and in."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import msgspec

from segue.auth.tokens import Claims
from segue.conversation.adopting import Adoption, importer_of
from segue.conversation.opening import Access, open_session
from segue.conversation.sessions import Sessions, SessionServices, SessionState
from segue.document.edits import ImportTranscript
from segue.document.views import HistoryPage, RecordView, ViewHistory, ViewRecord
from segue.errors import InvalidTranscript, Overloaded, RefusedUpdate, SegueError, TooLarge, TooMany
from segue.hub.quota import Quota
from segue.ids import UserId, repeatable_id
from segue.transcripts.formats import READERS, WRITERS
from segue.transcripts.model import Format, Head, Transcript

_MAX_EXPORTS: Final = 4
"""Of one user at a time: a reader that takes its time keeps one busy."""

_MAX_PER_NODE: Final = 4
"""Imports at a time; one of a user."""

_MESSAGE_BYTES: Final = 220
"""What a message costs in a document beside its text, measured; the edit has most of it, too."""

_PART_BYTES: Final = 40
"""What a part, or an entry, costs in the same way."""

_MAX_PARTS: Final = 50_000
"""Parts and entries of one file: so many take a worker two seconds, however small they are."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_pages: Final = msgspec.json.Decoder(HistoryPage)
_records: Final = msgspec.json.Decoder(RecordView)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to import, as the session `id`, or one with an id of its own."""

    format: Format
    data: bytes
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """A file to be read. Whoever reads it checks for themselves that it came whole.

    `pieces` may raise a SegueError between two: what came before is then the beginning of a file only.
    It counts as under way until `end` is called, once, also by who reads nothing of it.
    """

    format: Format
    pieces: AsyncIterator[bytes]
    end: Callable[[], None]


class Transfers:
    """Exports of sessions, and imports of them. `max_bytes` is how large a document may be."""

    def __init__(
        self,
        services: SessionServices,
        sessions: Sessions,
        clock_ms: Callable[[], int],
        max_bytes: int,
    ) -> None:
        self._services = services
        self._sessions = sessions
        self._clock_ms = clock_ms
        self.max_bytes = max_bytes
        self._exporting = Quota[UserId](_MAX_EXPORTS)
        self._importing: set[UserId] = set()
        self._at_work = 0

    # -- out -----------------------------------------------------------------------------------------

    async def export(self, claims: Claims, name: str, format: Format) -> Export:
        """Gives a session as a file; it is read from the document while it is written.

        Each page is committed and asked for with the rights of that moment. What is changed meanwhile may
        be in it or not; a message that was complete doesn't change any more.

        Raises:
            TooMany: other exports of this user are under way.
            SegueError: no right to it, or it can't be read now.
        """
        # Counted before anything is waited for: of many at once no more pass than one after the other.
        if not self._exporting.take(claims.user):
            raise TooMany(f"{_MAX_EXPORTS} exports of yours are under way. Wait for one of them.")
        end = partial(self._exporting.give_back, claims.user)
        try:
            state = await self._sessions.get(claims, name)
        except BaseException:
            end()
            raise
        return Export(format, self._pieces(claims, name, format, _head(state)), end)

    async def _pieces(
        self, claims: Claims, name: str, format: Format, head: Head
    ) -> AsyncIterator[bytes]:
        writer = WRITERS[format]()
        yield writer.begin(head)
        after, has_more = 0, True
        while has_more:
            page = _pages.decode(await self._view(claims, name, ViewHistory(after)))
            has_more, active = page.has_more, set(page.active)
            yield b"".join(
                writer.message(each, is_active=each.id in active or each.seq is None)
                for each in page.messages
            )
            after = max((each.seq for each in page.messages if each.seq is not None), default=after)
        record = _records.decode(await self._view(claims, name, ViewRecord()))
        yield writer.end(record)

    async def _view(self, claims: Claims, name: str, view: ViewHistory | ViewRecord) -> bytes:
        access = await open_session(self._services.register, claims, name, create=False)
        return await self._services.documents.view(access.document, view)

    # -- in ------------------------------------------------------------------------------------------

    async def import_(
        self, claims: Claims, upload: Upload, key: str | None
    ) -> tuple[SessionState, bool]:
        """Makes a session of a file; tells also whether it is new.

        All of it is there, or nothing. Repeating it with the same id or `key` is safe, and completes what
        a crash or an outage cut off between creating the session and filling it. The caller is `alone`.

        What only the document itself refuses (a value that no CRDT holds) ends the new session as a deletion
        does, and its id with it: a device may have opened it meanwhile, and hold edits that must not come
        back into another session of that id.

        Raises:
            InvalidTranscript: the file is wrong, or not whole; nothing was created.
            TooLarge: a document can't hold it; nothing was created.
            Conflict: the id is in use.
            IdempotencyMismatch: the key was used with another file.
            Overloaded: others import right now.
            SegueError: no right to it, or it can't be done now.
        """
        with self._at_the_desk():
            # In a thread: it takes a second for a large file, and others want to go on.
            transcript = await asyncio.to_thread(READERS[upload.format], upload.data)
            request = hashlib.sha256(upload.format.value.encode() + upload.data).digest()
            document = self._sessions.id_of(claims, upload.id, key)
            edit = await asyncio.to_thread(self._edit, claims, document, transcript)
            access, is_new = await self._sessions.register(claims, upload.id, document, request)
            await self._fill(
                claims, access, edit, is_new=is_new, is_repeatable=bool(upload.id or key)
            )
            return await self._sessions.state(claims, access), is_new

    def _edit(self, claims: Claims, document: str, transcript: Transcript) -> ImportTranscript:
        parts = _parts(transcript)
        if parts > _MAX_PARTS:
            raise InvalidTranscript(
                f"The file has {parts} parts of messages and entries, and {_MAX_PARTS} is the limit. "
                "Import it in parts, as several sessions."
            )
        name = partial(self._message_id, claims.user, document)
        importer = importer_of(claims.user, claims.name)
        edit = Adoption(transcript, importer, name).edit(self._clock_ms())
        size = len(msgspec.msgpack.encode(edit))
        size += _MESSAGE_BYTES * len(edit.messages) + _PART_BYTES * parts
        if size > self.max_bytes:
            raise TooLarge(
                f"The conversation would be a document of {size} bytes, and {self.max_bytes} is the "
                "limit (SEGUE_MAX_DOCUMENT). Import it in parts, as several sessions."
            )
        return edit

    def _message_id(self, user: UserId, document: str, number: int) -> str:
        return repeatable_id(self._services.secret, user, document, f"imported {number}")

    async def _fill(
        self,
        claims: Claims,
        access: Access,
        edit: ImportTranscript,
        *,
        is_new: bool,
        is_repeatable: bool,
    ) -> None:
        try:
            await self._services.documents.edit(access.document, edit)
        except (RefusedUpdate, TooLarge, TooMany, Overloaded) as error:
            # Nothing was written. Who can repeat it finds the session as it is, and fills it then.
            is_final = isinstance(error, RefusedUpdate | TooLarge)
            if is_new and (is_final or not is_repeatable):
                await self._undo(claims, access)
            raise

    async def _undo(self, claims: Claims, access: Access) -> None:
        try:
            await self._sessions.bury(access.document)
        except SegueError:  # what is to be told is why it was undone
            return

    @contextmanager
    def alone(self, user: UserId) -> Iterator[None]:
        """Lets a user have one import under way, from its first byte on: of its file all is held.

        Raises:
            TooMany: another one is.
        """
        if user in self._importing:
            raise TooMany("An import of yours is under way. Wait for it.")
        self._importing.add(user)
        try:
            yield
        finally:
            self._importing.discard(user)

    @contextmanager
    def _at_the_desk(self) -> Iterator[None]:
        if self._at_work >= _MAX_PER_NODE:
            raise Overloaded("Others import right now. Nothing was changed; try again in a moment.")
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1


def _parts(found: Transcript) -> int:
    entries = len(found.context) + len(found.runs) + len(found.artifacts)
    return entries + sum(len(each.parts) for each in found.messages)


def _head(state: SessionState) -> Head:
    row, content = state.row, state.content
    created, active = (
        (time - _EPOCH) // _MILLISECOND for time in (row.created_at, row.last_active_at)
    )
    return Head(
        row.document,
        content.title,
        content.settings,
        content.head,
        content.last_seq,
        created,
        active,
    )
