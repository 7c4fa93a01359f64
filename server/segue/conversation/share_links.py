"""Share links: whoever has the code becomes a member of the one session, with the link's role."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from segue.auth.grants import Role
from segue.auth.tokens import Claims
from segue.conversation.guests import Guest, Guests
from segue.conversation.members import OnChanged
from segue.conversation.opening import Access, open_session
from segue.errors import Forbidden
from segue.ids import UserId
from segue.storage.ports import Joined, LinkStore, NewLink, Register, ShareLink

# 192 bits: nobody guesses one, so a plain hash of it keeps it, and looking up a hash tells nothing
# by the time it takes.
_CODE_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class LinkServices:
    """What share links work with; `mint` gives a new id."""

    register: Register
    store: LinkStore
    guests: Guests
    on_changed: OnChanged
    mint: Callable[[], str]


class ShareLinks:
    """Everything here is checked against the claims; what is given is committed."""

    def __init__(self, services: LinkServices) -> None:
        self._services = services

    async def create(
        self, claims: Claims, name: str, role: Role, ttl_s: float
    ) -> tuple[ShareLink, str]:
        """Makes a link; gives it and its code, which is kept nowhere.

        Raises:
            Forbidden: only owners and editors may.
            Conflict: the session has too many.
            SegueError: no right to the session, or it can't be done now.
        """
        access = await self._open(claims, name)
        code = secrets.token_urlsafe(_CODE_BYTES)
        new = NewLink(self._services.mint(), access.document, _hash(code), role, claims.user, ttl_s)
        return await self._services.store.create(new), code

    async def list(self, claims: Claims, name: str) -> list[ShareLink]:
        """Gives the links that hold, the oldest first.

        Raises:
            Forbidden: only owners and editors may.
            SegueError: no right to the session, or it can't be read now.
        """
        access = await self._open(claims, name)
        return await self._services.store.list(access.document)

    async def revoke(self, claims: Claims, name: str, link: str) -> None:
        """Ends a link of the session, if there is one. Who came by it stays a member.

        Raises:
            Forbidden: only owners and editors may.
            SegueError: no right to the session, or it can't be done now.
        """
        access = await self._open(claims, name)
        await self._services.store.revoke(access.document, link)

    async def redeem(self, claims: Claims, code: str) -> Joined:
        """Makes the bearer of a token a member; repeating it is safe, and no role is lowered.

        Raises:
            Forbidden: the token is for single sessions.
            Conflict: the session has too many members.
            LinkExpired: the link has run out.
            NotFound: it opens nothing.
            SegueError: it can't be done now.
        """
        if claims.sessions is not None:
            raise Forbidden("This token is for single sessions only. Use one without `sessions`.")
        return await self._join(claims.user, claims.name, code)

    async def redeem_as_guest(self, name: str, code: str) -> tuple[Joined, Guest]:
        """Makes a new guest a member.

        Raises:
            Unauthenticated: guests aren't let in here.
            SegueError: as `redeem`.
        """
        guest = self._services.guests.new(name)
        return await self._join(guest.user, guest.name, code), guest

    async def _join(self, user: UserId, name: str, code: str) -> Joined:
        joined = await self._services.store.redeem(_hash(code), user, name)
        self._services.on_changed(joined.session, user)
        return joined

    async def _open(self, claims: Claims, name: str) -> Access:
        access = await open_session(self._services.register, claims, name, create=False)
        if not access.role.may_share:
            raise Forbidden("Only owners and editors may share a session. Ask one of them.")
        return access


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
