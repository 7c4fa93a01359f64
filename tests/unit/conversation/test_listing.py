"""The listing: the latest of each session, bounded, through outages, and what a reader waits for."""

import asyncio
from collections.abc import Sequence

import pytest

from segue.conversation.listing import Listing, listing
from segue.document.verdict import Summary
from segue.errors import StorageUnavailable
from segue.ids import DocumentId, UserId, home_of
from segue.storage.ports import SummaryStore
from waiting import until

pytestmark = pytest.mark.anyio

A, B, C = DocumentId("a"), DocumentId("b"), DocumentId("c")
FOR_EVER_S = 3600


class FakeStore(SummaryStore):
    """Stores in memory; closed `gate`: it waits; `failing`: it raises."""

    def __init__(self) -> None:
        self.stored: dict[DocumentId, Summary] = {}
        self.calls: list[list[DocumentId]] = []
        self.failing: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def save_summaries(self, summaries: Sequence[tuple[DocumentId, Summary]]) -> None:
        self.calls.append([document for document, _ in summaries])
        await self.gate.wait()
        if self.failing is not None:
            raise self.failing
        self.stored.update(summaries)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


async def test_only_the_latest_of_a_session_is_stored(store: FakeStore) -> None:
    async with listing(store, pause_s=FOR_EVER_S) as kept:
        for n in range(100):
            kept.note(A, Summary("a", n))
        kept.note(B, Summary("b", 1))
        await kept.flush()
        assert store.stored == {A: Summary("a", 99), B: Summary("b", 1)}
        assert store.calls == [[A, B]]


async def test_what_is_noted_is_stored_without_being_asked_for(store: FakeStore) -> None:
    async with listing(store, pause_s=0) as kept:
        kept.note(A, Summary("a", 1))
        await until(lambda: store.stored)
        assert store.stored == {A: Summary("a", 1)}


async def test_news_that_come_while_storing_are_not_lost(store: FakeStore) -> None:
    async with listing(store, pause_s=FOR_EVER_S) as kept:
        store.gate.clear()
        kept.note(A, Summary("old", 1))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(kept.flush())
            await until(lambda: store.calls)
            kept.note(A, Summary("new", 2))
            tasks.create_task(kept.flush())
            store.gate.set()
        assert store.stored == {A: Summary("new", 2)}


async def test_a_reader_waits_for_nothing_if_nothing_waits(store: FakeStore) -> None:
    async with listing(store, pause_s=FOR_EVER_S) as kept:
        await kept.flush()
    assert store.calls == []


async def test_an_outage_keeps_nobody_waiting_and_loses_nothing(store: FakeStore) -> None:
    store.failing = StorageUnavailable("away")
    async with listing(store, pause_s=0.001) as kept:
        kept.note(A, Summary("a", 1))
        await kept.flush()
        assert store.stored == {}
        store.failing = None
        await until(lambda: store.stored)
    assert store.stored == {A: Summary("a", 1)}


async def test_a_summary_that_cannot_be_stored_does_not_end_the_node(store: FakeStore) -> None:
    store.failing = RuntimeError("a damaged page")
    async with listing(store, pause_s=0) as kept:
        kept.note(A, Summary("a", 1))
        await kept.flush()
        store.failing = None
        kept.note(B, Summary("b", 1))
        await kept.flush()
    assert store.stored == {B: Summary("b", 1)}


async def test_what_waits_is_bounded(store: FakeStore) -> None:
    kept = Listing(store, max_waiting=2)
    for document in (A, B, C, A):
        kept.note(document, Summary("", 1))
    kept.note(A, Summary("latest", 2))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(kept.run())
        await kept.flush()
        running.cancel()
    assert store.stored == {A: Summary("latest", 2), B: Summary("", 1)}


async def test_a_home_is_in_no_list(store: FakeStore) -> None:
    async with listing(store, pause_s=0) as kept:
        kept.note(home_of(UserId("alice")), Summary("", 1))
        await kept.flush()
    assert store.calls == []


async def test_the_end_stores_what_waits(store: FakeStore) -> None:
    async with listing(store, pause_s=FOR_EVER_S) as kept:
        kept.note(A, Summary("a", 1))
    assert store.stored == {A: Summary("a", 1)}


async def test_whoever_shows_lists_is_told_of_what_was_stored_and_of_what_changed(
    store: FakeStore,
) -> None:
    told: list[Sequence[DocumentId]] = []

    async def on_stored(sessions: Sequence[DocumentId]) -> None:
        told.append(sessions)

    async with listing(store, pause_s=FOR_EVER_S) as kept:
        kept.on_stored = on_stored
        kept.note(A, Summary("a", 1))
        await kept.flush()
        await kept.changed(B)
    assert told == [[A], [B]]


async def test_an_outage_is_met_with_growing_pauses(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def pause(_kept: Listing, pause_s: float) -> None:
        pauses.append(pause_s)
        store.failing = StorageUnavailable("away") if len(pauses) < 8 else None
        await asyncio.sleep(0)

    monkeypatch.setattr(Listing, "_pause", pause)
    async with listing(store, pause_s=0.25) as kept:
        kept.note(A, Summary("a", 1))
        await until(lambda: store.stored)
        kept.note(B, Summary("b", 1))
        await until(lambda: B in store.stored)
    assert pauses[:9] == [0.25, 0.5, 1, 2, 4, 5, 5, 5, 0.25]
