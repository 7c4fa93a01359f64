"""Homes are refreshed when they open or a list changes, and only while somebody has them open."""

import asyncio
from collections.abc import Callable

import pytest

from registers import FakeRegister
from segue.auth.grants import Role
from segue.conversation import homes
from segue.conversation.homes import kept_homes
from segue.document.edits import Edit, ListSessions
from segue.errors import StorageUnavailable
from segue.ids import DocumentId, UserId, home_of

ALICE, BOB = UserId("alice"), UserId("bob")
TRIP = DocumentId("trip")

pytestmark = pytest.mark.anyio


class Hub:
    def __init__(self) -> None:
        self.open = {home_of(ALICE)}
        self.edits: list[tuple[DocumentId, Edit]] = []
        self.changed = asyncio.Event()
        self.stuck: set[DocumentId] = set()

    def is_open(self, document: DocumentId) -> bool:
        return document in self.open

    async def edit(self, document: DocumentId, edit: Edit) -> None:
        self.edits.append((document, edit))
        self.changed.set()
        if document in self.stuck:
            await asyncio.Event().wait()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
async def register() -> FakeRegister:
    made = FakeRegister()
    await made.create_session(TRIP, ALICE, b"")
    made.members[TRIP][BOB] = Role.VIEWER
    return made


async def test_one_that_opens_is_written(register: FakeRegister) -> None:
    hub = Hub()
    async with kept_homes(register, hub) as kept:
        kept.on_opened(TRIP)
        kept.on_opened(home_of(ALICE))
        await hub.until(lambda: hub.edits)
    ((document, edit),) = hub.edits
    assert document == home_of(ALICE)
    assert isinstance(edit, ListSessions)
    assert edit.sessions.keys() == {"trip"}


async def test_a_change_reaches_the_open_homes_of_its_members(register: FakeRegister) -> None:
    hub = Hub()
    hub.open |= {home_of(BOB), home_of(UserId("carol"))}
    async with kept_homes(register, hub) as kept:
        await kept.on_listed([TRIP])
        await hub.until(lambda: len(hub.edits) == 2)
        hub.open = {home_of(BOB)}
        await kept.on_listed([TRIP])
        await hub.until(lambda: len(hub.edits) == 3)
    assert {document for document, _ in hub.edits[:2]} == {home_of(ALICE), home_of(BOB)}
    assert hub.edits[2][0] == home_of(BOB)


async def test_an_outage_is_outlived(
    register: FakeRegister, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "_RETRY_S", 0.01)
    hub = Hub()
    register.failing = StorageUnavailable("away")
    async with kept_homes(register, hub) as kept:
        kept.on_opened(home_of(ALICE))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not hub.edits
        register.failing = None
        await hub.until(lambda: hub.edits)


async def test_a_home_that_is_slow_keeps_no_other_waiting(register: FakeRegister) -> None:
    hub = Hub()
    hub.open.add(home_of(BOB))
    hub.stuck.add(home_of(ALICE))
    async with kept_homes(register, hub) as kept:
        kept.on_opened(home_of(ALICE))
        await hub.until(lambda: hub.edits)
        kept.refresh([ALICE, BOB])
        await hub.until(lambda: len(hub.edits) == 2)
    assert [document for document, _ in hub.edits] == [home_of(ALICE), home_of(BOB)]


async def test_what_becomes_due_meanwhile_is_written_once_more(register: FakeRegister) -> None:
    hub = Hub()
    async with kept_homes(register, hub) as kept:
        for _ in range(3):
            kept.on_opened(home_of(ALICE))
        await hub.until(lambda: hub.edits)
        for _ in range(3):
            kept.on_opened(home_of(ALICE))
        await hub.until(lambda: len(hub.edits) == 2)
    assert len(hub.edits) == 2


async def test_one_that_closes_is_not_written_again(
    register: FakeRegister, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "_RETRY_S", 0)
    hub = Hub()
    register.failing = StorageUnavailable("away")
    async with kept_homes(register, hub) as kept:
        kept.on_opened(home_of(ALICE))
        hub.open = set()
        register.failing = None
        hub.open.add(home_of(BOB))
        kept.refresh([BOB])
        await hub.until(lambda: hub.edits)
    assert [document for document, _ in hub.edits] == [home_of(BOB)]


async def test_what_comes_after_the_end_is_ignored(register: FakeRegister) -> None:
    """Rooms are closed later, and tell of what they still save."""
    hub = Hub()
    async with kept_homes(register, hub) as kept:
        pass
    kept.on_opened(home_of(ALICE))
    assert not hub.edits
