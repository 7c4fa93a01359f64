"""What `Register` promises, on real Postgres."""

import asyncio
from typing import Any

import pytest

from segue.auth.grants import Role
from segue.document.verdict import Summary
from segue.errors import Deleted, InvalidName
from segue.ids import DocumentId, UserId, home_of
from segue.storage.database import Database
from segue.storage.ports import (
    Base,
    Creation,
    ListPosition,
    Register,
    SummaryStore,
    UpdateLog,
)
from update_sources import Source

pytestmark = pytest.mark.anyio

DOCUMENT = DocumentId("0192-a-session")
ALICE, BOB = UserId("alice"), UserId("bob")


async def test_opening_an_unused_id_creates_a_session_of_ones_own(
    register: Register, update_log: UpdateLog
) -> None:
    assert await register.open_session(DOCUMENT, ALICE, create=True) is Role.OWNER
    assert await register.open_session(DOCUMENT, ALICE, create=False) is Role.OWNER
    assert await register.session_exists(DOCUMENT)
    assert (await update_log.load(DOCUMENT)).position == 0


async def test_nothing_is_created_unless_asked(register: Register) -> None:
    assert await register.open_session(DOCUMENT, ALICE, create=False) is None
    assert not await register.session_exists(DOCUMENT)


async def test_stranger_cannot_tell_a_foreign_session_from_an_unused_id(
    register: Register,
) -> None:
    await register.open_session(DOCUMENT, ALICE, create=True)
    assert await register.open_session(DOCUMENT, BOB, create=False) is None
    assert await register.open_session(DOCUMENT, BOB, create=True) is None
    await register.delete(DOCUMENT)
    assert await register.open_session(DOCUMENT, BOB, create=True) is None


async def test_of_fifty_at_once_exactly_one_creates(register: Register) -> None:
    users = [UserId(f"user-{n}") for n in range(50)]
    async with asyncio.TaskGroup() as tasks:
        opening = [
            tasks.create_task(register.open_session(DOCUMENT, user, create=True)) for user in users
        ]
    roles = [task.result() for task in opening]
    assert roles.count(Role.OWNER) == 1
    assert roles.count(None) == 49


async def test_fifty_devices_of_one_user_at_once_all_own(register: Register) -> None:
    async with asyncio.TaskGroup() as tasks:
        opening = [
            tasks.create_task(register.open_session(DOCUMENT, ALICE, create=True))
            for _ in range(50)
        ]
    assert {task.result() for task in opening} == {Role.OWNER}


async def test_deleted_session_stays_deleted(register: Register) -> None:
    await register.open_session(DOCUMENT, ALICE, create=True)
    await register.delete(DOCUMENT)
    await register.delete(DOCUMENT)
    for create in (True, False):
        with pytest.raises(Deleted):
            await register.open_session(DOCUMENT, ALICE, create=create)
    with pytest.raises(Deleted):
        await register.session_exists(DOCUMENT)


async def test_home_exists_after_opening_it_any_number_of_times(
    register: Register, update_log: UpdateLog
) -> None:
    home = home_of(ALICE)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(register.open_home(home, ALICE))
    assert await update_log.load(home) == Base(1, 0, None, ())


async def test_home_is_no_session(register: Register) -> None:
    home = home_of(ALICE)
    await register.open_home(home, ALICE)
    assert not await register.session_exists(home)
    assert await register.open_session(home, ALICE, create=False) is None


@pytest.mark.parametrize("name", ["nul\x00", "surrogate\ud800", "", "long" * 300])
async def test_name_that_postgres_cannot_store_is_refused(register: Register, name: str) -> None:
    with pytest.raises(InvalidName):
        await register.open_session(DOCUMENT, UserId(name), create=True)
    assert not await register.session_exists(DOCUMENT)


async def listed_ids(register: Register, user: UserId, **options: Any) -> list[str]:
    asked: dict[str, Any] = {"listed": None, "behind": None, "limit": 50, **options}
    return [found.document for found in await register.list_sessions(user, **asked)]


async def test_a_request_to_create_is_repeated_without_harm(register: Register) -> None:
    async with asyncio.TaskGroup() as tasks:
        creating = [
            tasks.create_task(register.create_session(DOCUMENT, ALICE, b"one")) for _ in range(20)
        ]
    outcomes = [task.result() for task in creating]
    assert outcomes.count(Creation.CREATED) == 1
    assert outcomes.count(Creation.REPEATED) == 19
    assert await register.open_session(DOCUMENT, ALICE, create=False) is Role.OWNER


async def test_an_id_in_use_is_not_created_again(register: Register) -> None:
    await register.create_session(DOCUMENT, ALICE, b"one")
    assert await register.create_session(DOCUMENT, ALICE, b"another") is Creation.TAKEN
    assert await register.create_session(DOCUMENT, BOB, b"one") is Creation.TAKEN
    await register.delete(DOCUMENT)
    assert await register.create_session(DOCUMENT, ALICE, b"one") is Creation.TAKEN


async def test_what_a_socket_opened_is_in_use(register: Register) -> None:
    await register.open_session(DOCUMENT, ALICE, create=True)
    assert await register.create_session(DOCUMENT, ALICE, b"one") is Creation.TAKEN


async def test_sessions_are_listed_with_the_newest_activity_first(
    register: Register, update_log: UpdateLog
) -> None:
    for name in ("a", "b", "c"):
        await register.create_session(DocumentId(name), ALICE, b"")
    await register.create_session(DocumentId("foreign"), BOB, b"")
    assert await listed_ids(register, ALICE) == ["c", "b", "a"]
    source = Source(update_log, DocumentId("a"))
    source.write(b"news")
    await source.settled()
    assert await listed_ids(register, ALICE) == ["a", "c", "b"]


async def test_a_list_goes_on_behind_a_position(register: Register) -> None:
    for n in range(5):
        await register.create_session(DocumentId(f"s{n}"), ALICE, b"")
    pages, behind = [], None
    for _ in range(3):
        page = await register.list_sessions(ALICE, None, behind, 2)
        pages.append([found.document for found in page])
        behind = ListPosition(page[-1].last_active_at, page[-1].document)
    assert pages == [["s4", "s3"], ["s2", "s1"], ["s0"]]


async def test_equal_times_are_told_apart_by_id(register: Register, database: Database) -> None:
    for n in range(4):
        await register.create_session(DocumentId(f"s{n}"), ALICE, b"")
    await database.run(lambda it: it.execute("UPDATE documents SET last_active_at = now()"))
    first = await register.list_sessions(ALICE, None, None, 2)
    behind = ListPosition(first[-1].last_active_at, first[-1].document)
    second = await register.list_sessions(ALICE, None, behind, 2)
    assert [found.document for found in first + second] == ["s3", "s2", "s1", "s0"]


async def test_a_listing_token_sees_what_it_lists_with_its_roles(register: Register) -> None:
    for name, user in (("a", ALICE), ("b", BOB), ("c", ALICE)):
        await register.create_session(DocumentId(name), user, b"")
    listed = {
        DocumentId("b"): Role.VIEWER,
        DocumentId("c"): Role.AGENT,
        DocumentId("no"): Role.OWNER,
    }
    found = await register.list_sessions(ALICE, listed, None, 50)
    assert [(each.document, each.role) for each in found] == [("c", Role.AGENT), ("b", Role.VIEWER)]
    assert await register.list_sessions(ALICE, {}, None, 50) == []


async def test_a_home_is_never_listed(register: Register) -> None:
    await register.open_home(home_of(ALICE), ALICE)
    assert await listed_ids(register, ALICE, listed={home_of(ALICE): Role.OWNER}) == []


async def test_members_of_sessions_are_named_once(register: Register) -> None:
    for name, user in (("a", ALICE), ("b", BOB), ("c", ALICE)):
        await register.create_session(DocumentId(name), user, b"")
    both = await register.members_of([DocumentId("a"), DocumentId("c"), DocumentId("no")])
    assert both == [ALICE]
    assert set(await register.members_of([DocumentId("a"), DocumentId("b")])) == {ALICE, BOB}
    assert await register.members_of([]) == []


async def test_what_a_crash_may_have_cut_off_is_found(
    register: Register, summaries: SummaryStore, database: Database
) -> None:
    for name in ("open", "quiet", "recent", "deleted", "empty"):
        await register.create_session(DocumentId(name), ALICE, b"")
    await database.run(
        lambda it: it.execute(
            "UPDATE documents SET last_active_at = now() - interval '1 day', position = 1"
        )
    )
    await database.run(
        lambda it: it.execute("UPDATE documents SET last_active_at = now() WHERE id = 'recent'")
    )
    await database.run(
        lambda it: it.execute("UPDATE documents SET position = 0 WHERE id = 'empty'")
    )
    running = Summary("", 1, open_runs=1)
    await summaries.save_summaries([(DocumentId(name), running) for name in ("open", "deleted")])
    await register.delete(DocumentId("deleted"))
    assert set(await summaries.sessions_in_doubt()) == {"open", "recent"}
    await summaries.save_summaries([(DocumentId("open"), Summary("", 1))])
    assert await summaries.sessions_in_doubt() == ["recent"]


async def test_summaries_show_in_the_list(register: Register, summaries: SummaryStore) -> None:
    await register.create_session(DOCUMENT, ALICE, b"")
    await summaries.save_summaries([(DOCUMENT, Summary("Lisbon", 3))])
    await summaries.save_summaries(
        [(DOCUMENT, Summary("Porto", 4)), (DocumentId("no"), Summary("", 0))]
    )
    (found,) = await register.list_sessions(ALICE, None, None, 50)
    assert (found.title, found.last_seq) == ("Porto", 4)


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("a\x00b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("x" * 300, "x" * 200),
        ("\u202eabc", "\u202eabc"),
    ],
)
async def test_any_title_can_be_listed(
    register: Register, summaries: SummaryStore, title: str, shown: str
) -> None:
    await register.create_session(DOCUMENT, ALICE, b"")
    await summaries.save_summaries([(DOCUMENT, Summary(title, 1))])
    (found,) = await register.list_sessions(ALICE, None, None, 50)
    assert found.title == shown


async def test_the_title_of_a_deleted_session_is_gone_for_good(
    register: Register, summaries: SummaryStore, database: Database
) -> None:
    await register.create_session(DOCUMENT, ALICE, b"")
    await summaries.save_summaries([(DOCUMENT, Summary("private", 1))])
    await register.delete(DOCUMENT)
    await summaries.save_summaries([(DOCUMENT, Summary("private", 2))])
    assert await listed_ids(register, ALICE) == []
    assert await listed_ids(register, ALICE, listed={DOCUMENT: Role.OWNER}) == []
    assert await database.run(lambda it: it.fetchval("SELECT title FROM sessions")) is None
