"""Opening: who may open what, and what they learn when they may not."""

import pytest

from registers import FakeRegister
from segue.auth.grants import Role
from segue.auth.tokens import Claims
from segue.conversation.opening import Access, open_document
from segue.errors import Deleted, Forbidden, InvalidName
from segue.ids import DocumentId, UserId
from segue.storage.ports import Register

pytestmark = pytest.mark.anyio

TRIP = DocumentId("trip")


@pytest.fixture
def register() -> FakeRegister:
    return FakeRegister()


def user(name: str) -> Claims:
    return Claims(user=UserId(name))


def listing(name: str, **sessions: Role) -> Claims:
    return Claims(
        user=UserId(name), sessions={DocumentId(key): role for key, role in sessions.items()}
    )


async def refusal(register: Register, claims: Claims, name: str) -> str:
    with pytest.raises(Forbidden) as caught:
        await open_document(register, claims, name, create=True)
    return str(caught.value)


async def test_an_unused_id_becomes_the_session_of_whoever_opens_it(register: FakeRegister) -> None:
    assert await open_document(register, user("alice"), "trip", create=True) == Access(
        TRIP, Role.OWNER
    )
    assert await open_document(register, user("alice"), "trip", create=True) == Access(
        TRIP, Role.OWNER
    )


async def test_a_member_has_the_role_of_the_member_list(register: FakeRegister) -> None:
    register.members[TRIP] = {UserId("alice"): Role.OWNER, UserId("bob"): Role.VIEWER}
    assert await open_document(register, user("bob"), "trip", create=True) == Access(
        TRIP, Role.VIEWER
    )


async def test_a_foreign_session_is_forbidden(register: FakeRegister) -> None:
    await open_document(register, user("alice"), "trip", create=True)
    assert await refusal(register, user("mallory"), "trip")


async def test_a_deleted_session_is_gone_for_its_members(register: FakeRegister) -> None:
    await open_document(register, user("alice"), "trip", create=True)
    await register.delete(TRIP)
    with pytest.raises(Deleted):
        await open_document(register, user("alice"), "trip", create=True)
    with pytest.raises(Deleted):
        await open_document(register, listing("bob", trip=Role.VIEWER), "trip", create=True)


async def test_a_foreigner_cannot_tell_deleted_from_existing_from_unused(
    register: FakeRegister,
) -> None:
    register.members = {TRIP: {UserId("alice"): Role.OWNER}}
    register.members[DocumentId("gone")] = {UserId("alice"): Role.OWNER}
    await register.delete(DocumentId("gone"))
    claims = listing("mallory", own=Role.OWNER)
    answers = {await refusal(register, claims, name) for name in ("trip", "gone", "unused")}
    answers |= {await refusal(register, user("mallory"), name) for name in ("trip", "gone")}
    assert len(answers) == 1
    assert DocumentId("unused") not in register.members


@pytest.mark.parametrize("role", list(Role))
async def test_a_listing_token_has_the_listed_role_in_an_existing_session(
    register: FakeRegister, role: Role
) -> None:
    register.members[TRIP] = {UserId("alice"): Role.OWNER}
    assert await open_document(register, listing("bob", trip=role), "trip", create=True) == Access(
        TRIP, role
    )
    assert register.members[TRIP] == {UserId("alice"): Role.OWNER}


async def test_a_listing_token_restricts_its_own_user_too(register: FakeRegister) -> None:
    await open_document(register, user("alice"), "trip", create=True)
    claims = listing("alice", trip=Role.VIEWER)
    assert await open_document(register, claims, "trip", create=True) == Access(TRIP, Role.VIEWER)
    assert await refusal(register, listing("alice", other=Role.OWNER), "trip")


@pytest.mark.parametrize("role", [Role.OWNER, Role.EDITOR])
async def test_owner_and_editor_tokens_create_what_they_list(
    register: FakeRegister, role: Role
) -> None:
    assert await open_document(register, listing("bob", trip=role), "trip", create=True) == Access(
        TRIP, role
    )
    assert register.members[TRIP] == {UserId("bob"): Role.OWNER}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT])
async def test_viewer_and_agent_tokens_create_nothing(register: FakeRegister, role: Role) -> None:
    assert await refusal(register, listing("bob", trip=role), "trip")
    assert not register.members


async def test_a_session_created_by_another_meanwhile_is_opened_with_the_listed_role() -> None:
    class Raced(FakeRegister):
        async def session_exists(self, document: DocumentId) -> bool:
            self.members[document] = {UserId("alice"): Role.OWNER}
            return False

    register = Raced()
    claims = listing("bob", trip=Role.EDITOR)
    assert await open_document(register, claims, "trip", create=True) == Access(TRIP, Role.EDITOR)
    assert register.members[TRIP] == {UserId("alice"): Role.OWNER}


async def test_home_is_the_tokens_own(register: FakeRegister) -> None:
    alice = await open_document(register, user("alice"), "home", create=True)
    bob = await open_document(register, user("bob"), "home", create=True)
    assert (alice.role, bob.role) == (Role.OWNER, Role.OWNER)
    assert alice.document != bob.document
    assert register.homes == {alice.document: "alice", bob.document: "bob"}


async def test_home_is_closed_to_tokens_for_single_sessions(register: FakeRegister) -> None:
    assert await refusal(register, listing("alice", trip=Role.OWNER), "home")
    assert not register.homes


@pytest.mark.parametrize(
    "name", ["", "home:alice", "home:bob", "a b", "a/b", "ä", "a\0b", "a" * 129, "trip\n", "../x"]
)
async def test_what_cannot_be_a_name_opens_nothing(register: FakeRegister, name: str) -> None:
    with pytest.raises(InvalidName):
        await open_document(register, user("alice"), name, create=True)
    assert not register.members
    assert not register.homes


@pytest.mark.parametrize("claims", [user("alice"), listing("alice", trip=Role.OWNER)])
async def test_who_only_reads_creates_nothing(register: FakeRegister, claims: Claims) -> None:
    with pytest.raises(Forbidden) as caught:
        await open_document(register, claims, "trip", create=False)
    assert not register.members
    assert str(caught.value) == await refusal(register, listing("mallory"), "trip")
