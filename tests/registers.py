"""The register in memory, for tests of what stands on it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from segue.auth.grants import Role
from segue.errors import Conflict, Deleted, LinkExpired, NotFound
from segue.ids import DocumentId, UserId
from segue.storage.ports import (
    Creation,
    Joined,
    LinkStore,
    ListedSession,
    ListPosition,
    Member,
    MemberStore,
    NewLink,
    Register,
    ShareLink,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FakeRegister(Register):
    """The port's promises, in memory."""

    def __init__(self) -> None:
        self.members: dict[DocumentId, dict[UserId, Role]] = {}
        self.homes: dict[DocumentId, UserId] = {}
        self.deleted: set[DocumentId] = set()
        self.requests: dict[DocumentId, tuple[UserId, bytes]] = {}
        self.active: dict[DocumentId, datetime] = {}
        self.failing: Exception | None = None

    async def open_session(
        self, document: DocumentId, user: UserId, *, create: bool
    ) -> Role | None:
        self._fail()
        if create and document not in self.members:
            self._create(document, user)
        role = self.members.get(document, {}).get(user)
        if role and document in self.deleted:
            raise Deleted("This session was deleted.")
        return role

    async def session_exists(self, document: DocumentId) -> bool:
        if document in self.deleted:
            raise Deleted("This session was deleted.")
        return document in self.members

    async def open_home(self, document: DocumentId, user: UserId) -> None:
        self.homes[document] = user

    async def delete(self, document: DocumentId) -> None:
        self.deleted.add(document)

    async def create_session(self, document: DocumentId, user: UserId, request: bytes) -> Creation:
        self._fail()
        if document not in self.members:
            self._create(document, user)
            self.requests[document] = (user, request)
            return Creation.CREATED
        is_repeated = self.requests.get(document) == (user, request)
        return Creation.REPEATED if is_repeated and document not in self.deleted else Creation.TAKEN

    async def list_sessions(
        self,
        user: UserId,
        listed: Mapping[DocumentId, Role] | None,
        behind: ListPosition | None,
        limit: int,
    ) -> list[ListedSession]:
        self._fail()
        roles = listed if listed is not None else self._roles(user)
        found = [
            ListedSession(document, "", 0, role, self.active[document], self.active[document])
            for document, role in roles.items()
            if document in self.active and document not in self.deleted
        ]
        found.sort(key=_place, reverse=True)
        place = (behind.last_active_at, behind.document) if behind else None
        return [each for each in found if place is None or _place(each) < place][:limit]

    async def members_of(self, sessions: Sequence[DocumentId]) -> list[UserId]:
        self._fail()
        return list({user for session in sessions for user in self.members.get(session, {})})

    def _fail(self) -> None:
        if self.failing is not None:
            raise self.failing

    def _create(self, document: DocumentId, user: UserId) -> None:
        self.members[document] = {user: Role.OWNER}
        self.active[document] = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(
            seconds=len(self.active)
        )

    def _roles(self, user: UserId) -> dict[DocumentId, Role]:
        return {
            document: members[user] for document, members in self.members.items() if user in members
        }


def _place(session: ListedSession) -> tuple[datetime, DocumentId]:
    return session.last_active_at, session.document


class FakeMembers(MemberStore):
    """The members of a register."""

    def __init__(self, register: FakeRegister) -> None:
        self._register = register

    async def list(self, session: DocumentId) -> list[Member]:
        self._register._fail()
        return [
            Member(user, role, "", NOW) for user, role in self._register.members[session].items()
        ]

    async def set_role(self, session: DocumentId, user: UserId, role: Role) -> Member:
        self._register._fail()
        members = self._register.members[session]
        if user not in members:
            raise NotFound("no such member")
        if role is not Role.OWNER:
            self._keep_an_owner(session, user)
        members[user] = role
        return Member(user, role, "", NOW)

    async def remove(self, session: DocumentId, user: UserId) -> None:
        self._register._fail()
        self._keep_an_owner(session, user)
        self._register.members[session].pop(user, None)

    def _keep_an_owner(self, session: DocumentId, user: UserId) -> None:
        members = self._register.members[session]
        if [each for each in members if members[each] is Role.OWNER] == [user]:
            raise Conflict("the only owner")


class FakeLinks(LinkStore):
    """Links to the sessions of a register; those of no more than 0 seconds have run out."""

    def __init__(self, register: FakeRegister) -> None:
        self._register = register
        self._links: dict[bytes, NewLink] = {}

    async def create(self, new: NewLink) -> ShareLink:
        self._register._fail()
        self._links[new.code_hash] = new
        return _shown(new)

    async def list(self, session: DocumentId) -> list[ShareLink]:
        self._register._fail()
        return [_shown(each) for each in self._links.values() if each.session == session]

    async def revoke(self, session: DocumentId, link: str) -> None:
        self._register._fail()
        for code_hash, each in list(self._links.items()):
            if (each.session, each.id) == (session, link):
                del self._links[code_hash]

    async def redeem(self, code_hash: bytes, user: UserId, name: str) -> Joined:
        self._register._fail()
        link = self._links.get(code_hash)
        if link is None or link.session in self._register.deleted:
            raise NotFound("no such link")
        if link.ttl_s <= 0:
            raise LinkExpired("run out")
        members = self._register.members[link.session]
        if members.get(user, Role.VIEWER) is Role.VIEWER:
            members[user] = link.role
        return Joined(link.session, members[user])


def _shown(link: NewLink) -> ShareLink:
    return ShareLink(link.id, link.role, link.by, NOW, NOW + timedelta(seconds=link.ttl_s))
