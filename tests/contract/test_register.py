"""What `Register` promises, on real Postgres."""

import asyncio

import pytest

from segue.auth.grants import Role
from segue.errors import Deleted, InvalidName
from segue.ids import DocumentId, UserId, home_of
from segue.storage.ports import Base, Register, UpdateLog

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
