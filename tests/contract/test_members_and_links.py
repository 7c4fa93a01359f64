"""What `MemberStore` and `LinkStore` promise, on real Postgres."""

import asyncio
import hashlib
import itertools
from collections.abc import Awaitable

import pytest

from segue.auth.grants import Role
from segue.errors import Conflict, Deleted, InvalidName, LinkExpired, NotFound, SegueError
from segue.ids import DocumentId, UserId
from segue.storage.database import Database
from segue.storage.ports import (
    MAX_LINKS,
    MAX_MEMBERS,
    Joined,
    LinkStore,
    MemberStore,
    NewLink,
    Register,
)

pytestmark = pytest.mark.anyio

TRIP, OTHER = DocumentId("trip"), DocumentId("other")
ALICE, BOB, CAROL = UserId("alice"), UserId("bob"), UserId("carol")
numbers = itertools.count()


@pytest.fixture(autouse=True)
async def sessions(register: Register) -> None:
    """Two sessions of alice's."""
    for session in (TRIP, OTHER):
        await register.open_session(session, ALICE, create=True)


def hash_of(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()


def link(
    code: str, role: Role = Role.EDITOR, session: DocumentId = TRIP, ttl_s: float = 60
) -> NewLink:
    return NewLink(f"link-{next(numbers)}", session, hash_of(code), role, ALICE, ttl_s)


async def join(links: LinkStore, user: UserId, role: Role = Role.EDITOR) -> None:
    code = f"for {user} {next(numbers)}"
    await links.create(link(code, role))
    await links.redeem(hash_of(code), user, user.title())


async def roles(members: MemberStore) -> dict[str, Role]:
    return {each.user: each.role for each in await members.list(TRIP)}


async def test_members_are_listed_in_the_order_they_came(
    members: MemberStore, links: LinkStore
) -> None:
    await join(links, CAROL)
    await join(links, BOB, Role.VIEWER)
    listed = [(each.user, each.role, each.name) for each in await members.list(TRIP)]
    assert listed == [
        (ALICE, Role.OWNER, ""),
        (CAROL, Role.EDITOR, "Carol"),
        (BOB, Role.VIEWER, "Bob"),
    ]
    assert [each.user for each in await members.list(OTHER)] == [ALICE]


async def test_a_changed_role_counts_for_the_next_opening(
    register: Register, members: MemberStore, links: LinkStore
) -> None:
    await join(links, BOB)
    changed = await members.set_role(TRIP, BOB, Role.VIEWER)
    assert (changed.user, changed.role) == (BOB, Role.VIEWER)
    assert await register.open_session(TRIP, BOB, create=True) is Role.VIEWER
    await members.remove(TRIP, BOB)
    await members.remove(TRIP, BOB)
    assert await register.open_session(TRIP, BOB, create=True) is None
    with pytest.raises(NotFound):
        await members.set_role(TRIP, BOB, Role.OWNER)


async def test_a_session_keeps_an_owner(members: MemberStore, links: LinkStore) -> None:
    await join(links, BOB)
    with pytest.raises(Conflict):
        await members.set_role(TRIP, ALICE, Role.EDITOR)
    with pytest.raises(Conflict):
        await members.remove(TRIP, ALICE)
    assert await roles(members) == {ALICE: Role.OWNER, BOB: Role.EDITOR}
    await members.set_role(TRIP, BOB, Role.OWNER)
    await members.remove(TRIP, ALICE)
    assert await roles(members) == {BOB: Role.OWNER}


async def test_of_owners_who_remove_each_other_at_once_one_stays(
    members: MemberStore, links: LinkStore
) -> None:
    users = [UserId(f"user-{n}") for n in range(8)]
    for user in users:
        await join(links, user)
        await members.set_role(TRIP, user, Role.OWNER)

    async def fails(work: Awaitable[object]) -> bool:
        try:
            await work
        except Conflict:
            return True
        return False

    async with asyncio.TaskGroup() as tasks:
        leaving = [
            tasks.create_task(
                fails(
                    members.remove(TRIP, user)
                    if n % 2
                    else members.set_role(TRIP, user, Role.VIEWER)
                )
            )
            for n, user in enumerate([ALICE, *users])
        ]
    assert [task.result() for task in leaving].count(True) == 1
    assert list((await roles(members)).values()).count(Role.OWNER) == 1


async def test_a_link_makes_a_member_and_never_lowers_a_role(
    members: MemberStore, links: LinkStore
) -> None:
    await links.create(link("for editors"))
    await links.create(link("for viewers", Role.VIEWER))
    assert await links.redeem(hash_of("for viewers"), BOB, "") == Joined(TRIP, Role.VIEWER)
    assert await links.redeem(hash_of("for editors"), BOB, "") == Joined(TRIP, Role.EDITOR)
    assert await links.redeem(hash_of("for viewers"), BOB, "") == Joined(TRIP, Role.EDITOR)
    assert await links.redeem(hash_of("for editors"), ALICE, "") == Joined(TRIP, Role.OWNER)
    await members.set_role(TRIP, BOB, Role.AGENT)
    assert await links.redeem(hash_of("for editors"), BOB, "") == Joined(TRIP, Role.AGENT)


async def test_a_link_that_is_unknown_or_revoked_or_of_a_deleted_session_opens_nothing(
    register: Register, links: LinkStore, members: MemberStore
) -> None:
    revoked = await links.create(link("revoked"))
    await links.create(link("deleted", session=OTHER))
    await links.revoke(OTHER, revoked.id)  # of another session: nothing of it
    assert await links.redeem(hash_of("revoked"), BOB, "") == Joined(TRIP, Role.EDITOR)
    await links.revoke(TRIP, revoked.id)
    await links.revoke(TRIP, revoked.id)
    await register.delete(OTHER)
    texts = set()
    for code in ("unknown", "revoked", "deleted"):
        with pytest.raises(NotFound) as caught:
            await links.redeem(hash_of(code), CAROL, "")
        texts.add((type(caught.value), str(caught.value)))
    assert len(texts) == 1
    assert CAROL not in await roles(members)
    assert BOB in await roles(members)


async def test_a_link_runs_out(links: LinkStore, members: MemberStore) -> None:
    made = await links.create(link("late", ttl_s=-1))
    assert made.expires_at < made.created_at
    with pytest.raises(LinkExpired):
        await links.redeem(hash_of("late"), BOB, "")
    assert await links.list(TRIP) == []
    assert BOB not in await roles(members)


async def test_links_are_listed_without_their_codes(links: LinkStore, database: Database) -> None:
    made = [await links.create(link(code, Role.VIEWER)) for code in ("one", "two")]
    await links.create(link("elsewhere", session=OTHER))
    assert await links.list(TRIP) == made
    assert [(each.role, each.created_by) for each in made] == [(Role.VIEWER, ALICE)] * 2
    stored = await database.run(
        lambda it: it.fetchval("SELECT string_agg(share_links::text, ' ') FROM share_links")
    )
    assert "one" not in stored
    assert hash_of("one").hex() in stored


async def test_creating_a_link_again_makes_no_other(links: LinkStore) -> None:
    new = link("again")
    assert await links.create(new) == await links.create(new)
    assert len(await links.list(TRIP)) == 1


async def test_links_of_one_session_are_bounded_and_those_run_out_give_way(
    links: LinkStore,
) -> None:
    await links.create(link("run out", ttl_s=-1))
    for n in range(MAX_LINKS):
        await links.create(link(f"code {n}"))
    with pytest.raises(NotFound):
        await links.redeem(hash_of("run out"), BOB, "")
    with pytest.raises(Conflict):
        await links.create(link("one more"))
    await links.create(link("elsewhere", session=OTHER))


async def test_members_of_one_session_are_bounded(
    links: LinkStore, members: MemberStore, database: Database
) -> None:
    await links.create(link("open"))
    await links.redeem(hash_of("open"), BOB, "")
    await database.run(
        lambda it: it.execute(
            "INSERT INTO members (session, user_id, role) "
            "SELECT 'trip', 'm' || n, 'viewer' FROM generate_series(1, $1) n",
            MAX_MEMBERS - 3,
        )
    )
    await links.redeem(hash_of("open"), CAROL, "")
    with pytest.raises(Conflict):
        await links.redeem(hash_of("open"), UserId("dora"), "")
    assert await links.redeem(hash_of("open"), BOB, "") == Joined(TRIP, Role.EDITOR)
    assert len(await members.list(TRIP)) == MAX_MEMBERS


@pytest.mark.parametrize("role", [Role.VIEWER, None])
async def test_who_may_share_no_more_leaves_no_link_behind(
    links: LinkStore, members: MemberStore, role: Role | None
) -> None:
    await join(links, BOB)
    await links.create(NewLink("of bob", TRIP, hash_of("back door"), Role.EDITOR, BOB, 60))
    await members.set_role(TRIP, BOB, Role.EDITOR)
    assert "of bob" in [each.id for each in await links.list(TRIP)]
    await (members.set_role(TRIP, BOB, role) if role else members.remove(TRIP, BOB))
    with pytest.raises(NotFound):
        await links.redeem(hash_of("back door"), BOB, "")
    assert len(await links.list(TRIP)) == 1


async def test_a_deleted_session_has_no_links_and_names_nobody(
    register: Register, links: LinkStore, database: Database
) -> None:
    await join(links, BOB)
    await register.delete(TRIP)
    with pytest.raises(Deleted):
        await links.create(link("late"))
    assert await database.run(lambda it: it.fetchval("SELECT count(*) FROM share_links")) == 0
    named = "SELECT count(*) FROM members WHERE name <> ''"
    assert await database.run(lambda it: it.fetchval(named)) == 0


async def test_no_link_or_member_outlives_a_deletion_at_the_same_time(
    register: Register, links: LinkStore, database: Database
) -> None:
    await links.create(link("open"))

    async def try_to(work: Awaitable[object]) -> None:
        try:
            await work
        except SegueError as error:
            assert isinstance(error, NotFound | Deleted), error  # noqa: PT017 - or nothing

    async with asyncio.TaskGroup() as tasks:
        for n in range(6):
            tasks.create_task(try_to(links.create(link(f"at once {n}"))))
            tasks.create_task(try_to(links.redeem(hash_of("open"), UserId(f"u{n}"), "Name")))
            if n == 3:
                tasks.create_task(try_to(register.delete(TRIP)))
    assert await database.run(lambda it: it.fetchval("SELECT count(*) FROM share_links")) == 0
    named = "SELECT count(*) FROM members WHERE name <> ''"
    assert await database.run(lambda it: it.fetchval(named)) == 0


@pytest.mark.parametrize("name", ["nul \x00", "x" * 2000, ""])
async def test_names_that_cannot_be_stored_are_refused(
    links: LinkStore, members: MemberStore, name: str
) -> None:
    await links.create(link("open"))
    with pytest.raises(InvalidName):
        await links.redeem(hash_of("open"), UserId(name), "")
    if "\x00" in name:
        with pytest.raises(InvalidName):
            await members.remove(TRIP, UserId(name))
