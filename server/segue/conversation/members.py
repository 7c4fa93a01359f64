"""Members of a session for who speaks HTTP: listed, given another role, removed."""

from collections.abc import Callable
from dataclasses import dataclass

from segue.auth.grants import Role
from segue.auth.tokens import Claims
from segue.conversation.opening import open_session
from segue.errors import Forbidden
from segue.ids import DocumentId, UserId
from segue.storage.ports import Member, MemberStore, Register

OnChanged = Callable[[DocumentId, UserId], None]
"""Told what a user may do in a session now is another thing; returns at once."""


@dataclass(frozen=True, slots=True)
class MemberServices:
    """What members work with."""

    register: Register
    store: MemberStore
    on_changed: OnChanged


class Members:
    """Everything here is checked against the claims; what is changed counts at once."""

    def __init__(self, services: MemberServices) -> None:
        self._services = services

    async def list(self, claims: Claims, name: str) -> list[Member]:
        """Gives the members of a session, the oldest first.

        Raises:
            SegueError: no right to it, or it can't be read now.
        """
        access = await open_session(self._services.register, claims, name, create=False)
        return await self._services.store.list(access.document)

    async def set_role(self, claims: Claims, name: str, user: UserId, role: Role) -> Member:
        """Gives a member another role.

        Raises:
            Forbidden: only an owner may.
            Conflict: it would leave the session without an owner.
            NotFound: no such member.
            SegueError: no right to the session, or it can't be done now.
        """
        access = await open_session(self._services.register, claims, name, create=False)
        if access.role is not Role.OWNER:
            raise Forbidden("Only an owner may give roles. Ask the owner.")
        member = await self._services.store.set_role(access.document, user, role)
        self._services.on_changed(access.document, user)
        return member

    async def remove(self, claims: Claims, name: str, user: UserId) -> None:
        """Ends a membership, if there is one: an owner anybody's, everybody their own.

        Raises:
            Forbidden: it is somebody else's, and only an owner may.
            Conflict: it would leave the session without an owner.
            SegueError: no right to the session, or it can't be done now.
        """
        access = await open_session(self._services.register, claims, name, create=False)
        if access.role is not Role.OWNER and user != claims.user:
            raise Forbidden("Only an owner may remove others. Ask the owner.")
        await self._services.store.remove(access.document, user)
        self._services.on_changed(access.document, user)
