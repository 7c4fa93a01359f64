"""Sessions for who speaks HTTP: created, listed, read, changed, deleted by the grants of a token."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from segue.auth.grants import Role
from segue.auth.tokens import Claims
from segue.conversation.opening import Access, check_may_create, named_session, open_session
from segue.conversation.ports import Documents
from segue.document.edits import SetSession
from segue.document.steps import JsonValue
from segue.document.views import SessionView, ViewSession
from segue.errors import Conflict, Deleted, Forbidden, IdempotencyMismatch
from segue.ids import DocumentId, repeatable_id
from segue.storage.ports import Creation, ListedSession, ListPosition, Register

_DELETED: Final = "This session was deleted."
_NO_SESSION: Final = ""
"""Stands for the session in the id of a session's own creation."""


class Summaries(Protocol):
    """What lists are written from."""

    async def changed(self, document: DocumentId) -> None:
        """Has open lists written anew that have, or had, a session."""

    async def flush(self) -> None:
        """Returns once it was tried to store all summaries of what was committed before."""


@dataclass(frozen=True, slots=True)
class SessionServices:
    """What sessions work with. `mint` gives a new id; `secret` keys those of repeatable requests."""

    register: Register
    documents: Documents
    summaries: Summaries
    mint: Callable[[], str]
    secret: bytes


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a session is created with; `settings` is a JSON object."""

    id: str | None = None
    title: str = ""
    settings: JsonValue | None = None


@dataclass(frozen=True, slots=True)
class SessionState:
    """A session as its row and its document show it."""

    row: ListedSession
    content: SessionView


class Sessions:
    """Everything here is checked against the claims; what is given is committed."""

    def __init__(self, services: SessionServices) -> None:
        self._services = services
        self._register = services.register
        self._documents = services.documents

    async def create(
        self, claims: Claims, new: NewSession, key: str | None
    ) -> tuple[SessionState, bool]:
        """Creates a session; tells also whether it is new, rather than made by this request before.

        Repeating it with the same `new.id`, or the same `key`, is safe. Cancelling it may leave it
        created.

        Raises:
            Conflict: the id is in use.
            IdempotencyMismatch: the key was used with another content.
            SegueError: no right to it, or it can't be done now.
        """
        document = self.id_of(claims, new.id, key)
        wanted = SetSession(new.title or None, new.settings)
        request = hashlib.sha256(msgspec.json.encode(wanted)).digest()
        access, is_new = await self.register(claims, new.id, document, request)
        if not is_new:
            # It may have died in between. What was changed since then stays.
            wanted = _missing(await self._view(document), wanted)
        await self._set(document, wanted)
        return await self.state(claims, access), is_new

    async def register(
        self, claims: Claims, id: str | None, document: DocumentId, request: bytes
    ) -> tuple[Access, bool]:
        """Creates an empty session with the id of `id_of`; tells also whether it is new.

        It is not if a request with the same hash created it before.

        Raises:
            Conflict: the id is in use.
            IdempotencyMismatch: the key was used with another content.
            SegueError: no right to it, or it can't be done now.
        """
        check_may_create(claims, document)
        creation = await self._register.create_session(document, claims.user, request)
        access = await open_session(self._register, claims, document, create=False)
        if creation is not Creation.TAKEN:
            return access, creation is Creation.CREATED
        if id is not None:
            raise Conflict("You have a session with this id. Use it, or choose another id.")
        raise IdempotencyMismatch(
            "This Idempotency-Key created a session with another content. "
            "Repeat the same content, or choose a new key."
        )

    async def list(
        self, claims: Claims, behind: ListPosition | None, limit: int
    ) -> list[ListedSession]:
        """Gives the sessions that the token opens, the one with the newest activity first."""
        await self._services.summaries.flush()
        return await self._register.list_sessions(claims.user, claims.sessions, behind, limit)

    async def get(self, claims: Claims, name: str) -> SessionState:
        """Gives one session.

        Raises:
            SegueError: no right to it, or it can't be read now.
        """
        access = await open_session(self._register, claims, name, create=False)
        return await self.state(claims, access)

    async def update(self, claims: Claims, name: str, change: SetSession) -> SessionState:
        """Sets title or settings, and gives the session.

        Raises:
            SegueError: no right to it, or it can't be done now.
        """
        access = await open_for_writing(self._register, claims, name)
        await self._documents.edit(access.document, change)
        return await self.state(claims, access)

    async def delete(self, claims: Claims, name: str) -> None:
        """Deletes a session for everybody, with all its content; its id is never used again.

        Raises:
            Forbidden: only its owner may.
            SegueError: it can't be done now.
        """
        try:
            access = await open_session(self._register, claims, name, create=False)
        except Deleted:
            # By this request, sent again perhaps, and interrupted before the devices were told.
            self._documents.end(named_session(name), Deleted(_DELETED))
            return
        if access.role is not Role.OWNER:
            raise Forbidden("Only its owner may delete a session. Ask the owner.")
        await self.bury(access.document)

    async def bury(self, document: DocumentId) -> None:
        """Deletes a session, whoever asks for it."""
        await self._register.delete(document)
        self._documents.end(document, Deleted(_DELETED))
        await self._services.summaries.changed(document)

    def id_of(self, claims: Claims, id: str | None, key: str | None) -> DocumentId:
        """Gives the id that a new session gets: the one asked for, one that follows from `key`, or any.

        Raises:
            InvalidName: it can't be one.
            Forbidden: the token is for single sessions, and none is named.
        """
        if id is not None:
            return named_session(id)
        if claims.sessions is not None:
            raise Forbidden("This token is for single sessions. Name one that it lists as `id`.")
        if key is None:
            return DocumentId(self._services.mint())
        return DocumentId(repeatable_id(self._services.secret, claims.user, _NO_SESSION, key))

    async def _set(self, document: DocumentId, wanted: SetSession) -> None:
        if wanted != SetSession():
            await self._documents.edit(document, wanted)

    async def state(self, claims: Claims, access: Access) -> SessionState:
        """Gives an opened session."""
        content = await self._view(access.document)
        only = {access.document: access.role}
        rows = await self._register.list_sessions(claims.user, only, None, 1)
        if not rows:
            raise Deleted(_DELETED)
        return SessionState(rows[0], content)

    async def _view(self, document: DocumentId) -> SessionView:
        answer = await self._documents.view(document, ViewSession())
        return msgspec.json.decode(answer, type=SessionView)


def _missing(content: SessionView, wanted: SetSession) -> SetSession:
    return SetSession(
        None if content.title else wanted.title,
        None if content.settings else wanted.settings,
    )


async def open_for_writing(register: Register, claims: Claims, name: str) -> Access:
    """Gives the session `name` and the role in it.

    Raises:
        Forbidden: none, or one that only reads.
        SegueError: as `open_session`.
    """
    access = await open_session(register, claims, name, create=False)
    if not access.role.may_write:
        raise Forbidden("Your role here is viewer: you can read. Ask the owner for another role.")
    return access
