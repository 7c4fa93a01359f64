"""What `UpdateLog` promises, on real Postgres."""

import pytest

from segue.errors import Deleted, Forbidden
from segue.ids import DocumentId, UserId
from segue.storage.ports import Base, Register, UpdateLog
from update_sources import CONFLICT, Source, update

pytestmark = pytest.mark.anyio

DOCUMENT = DocumentId("0192-a-session")
ALICE = UserId("alice")


@pytest.fixture(autouse=True)
async def _session(register: Register) -> None:
    await register.open_session(DOCUMENT, ALICE, create=True)


async def test_new_document_is_empty(update_log: UpdateLog) -> None:
    assert await update_log.load(DOCUMENT) == Base(1, 0, None, ())


async def test_committed_updates_are_loaded_in_order_byte_for_byte(update_log: UpdateLog) -> None:
    source = Source(update_log, DOCUMENT)
    source.write(b"one", b"\x00\xff")
    assert await source.settled() == 1
    source.write(b"")
    assert await source.settled() == 2
    expected = (update(b"one"), update(b"\x00\xff"), update(b""))
    assert await update_log.load(DOCUMENT) == Base(1, 2, None, expected)


async def test_one_batch_is_one_row(update_log: UpdateLog) -> None:
    source = Source(update_log, DOCUMENT)
    source.write(*(bytes([n]) for n in range(50)))
    assert await source.settled() == 1


async def test_of_two_writers_at_one_position_one_is_refused(update_log: UpdateLog) -> None:
    first, second = Source(update_log, DOCUMENT), Source(update_log, DOCUMENT)
    first.write(b"first")
    second.write(b"second")
    assert sorted(map(str, (await first.settled(), await second.settled()))) == ["1", CONFLICT]
    winner = first if first.outcomes == [1] else second
    assert (await update_log.load(DOCUMENT)).updates == tuple(winner.committed)


async def test_writer_goes_on_after_loading_what_it_missed(update_log: UpdateLog) -> None:
    first, second = Source(update_log, DOCUMENT), Source(update_log, DOCUMENT)
    first.write(b"first")
    await first.settled()
    second.write(b"second")
    assert await second.settled() == CONFLICT
    second.reload(await update_log.load(DOCUMENT))
    second.write(b"second")
    assert await second.settled() == 2


async def test_another_generation_is_refused(update_log: UpdateLog) -> None:
    source = Source(update_log, DOCUMENT, generation=2)
    source.write(b"old")
    assert await source.settled() == CONFLICT


async def test_unregistered_document_is_refused(update_log: UpdateLog) -> None:
    source = Source(update_log, "nobody-knows-it")
    source.write(b"lost")
    assert await source.settled() == CONFLICT
    with pytest.raises(Forbidden):
        await update_log.load(DocumentId("nobody-knows-it"))


async def test_snapshot_stands_for_the_rows_it_covers(update_log: UpdateLog) -> None:
    source = Source(update_log, DOCUMENT)
    for data in (b"1", b"2", b"3"):
        source.write(data)
        await source.settled()
    assert await update_log.save_snapshot(DOCUMENT, 1, 2, b"merged 1 and 2", 0)
    assert await update_log.load(DOCUMENT) == Base(1, 3, b"merged 1 and 2", (update(b"3"),), 2)


@pytest.mark.parametrize(("generation", "position"), [(1, 1), (1, 2), (2, 3), (0, 3), (1, 4)])
async def test_snapshot_that_is_older_or_of_the_future_changes_nothing(
    update_log: UpdateLog, generation: int, position: int
) -> None:
    source = Source(update_log, DOCUMENT)
    for data in (b"1", b"2", b"3"):
        source.write(data)
        await source.settled()
    await update_log.save_snapshot(DOCUMENT, 1, 2, b"newest", 0)
    assert not await update_log.save_snapshot(DOCUMENT, generation, position, b"other", 2)
    assert await update_log.load(DOCUMENT) == Base(1, 3, b"newest", (update(b"3"),), 2)


async def test_writer_behind_a_compaction_is_refused_and_nothing_is_lost(
    update_log: UpdateLog,
) -> None:
    """Row 36: the position it would claim is gone from the log, so the log alone can't refuse it."""
    ahead, behind = Source(update_log, DOCUMENT), Source(update_log, DOCUMENT)
    for n in range(50):
        ahead.write(b"row %d" % n)
        await ahead.settled()
    assert await update_log.save_snapshot(DOCUMENT, 1, 50, b"all fifty", 0)
    behind.write(b"late")
    assert await behind.settled() == CONFLICT
    assert await update_log.load(DOCUMENT) == Base(1, 50, b"all fifty", (), 50)
    behind.reload(await update_log.load(DOCUMENT))
    behind.write(b"late")
    assert await behind.settled() == 51
    assert await update_log.load(DOCUMENT) == Base(1, 51, b"all fifty", (update(b"late"),), 50)


async def test_deleted_document_takes_and_gives_nothing(
    update_log: UpdateLog, register: Register
) -> None:
    source = Source(update_log, DOCUMENT)
    source.write(b"before")
    await source.settled()
    await register.delete(DOCUMENT)
    source.write(b"after")
    assert await source.settled() == CONFLICT
    with pytest.raises(Deleted):
        await update_log.load(DOCUMENT)
    assert not await update_log.save_snapshot(DOCUMENT, 1, 1, b"after", 0)


async def test_a_rewriting_takes_the_place_of_all_there_is(update_log: UpdateLog) -> None:
    source = Source(update_log, DOCUMENT)
    for data in (b"1", b"2", b"3"):
        source.write(data)
        await source.settled()
    await update_log.save_snapshot(DOCUMENT, 1, 2, b"12", 0)
    assert await update_log.rewrite(DOCUMENT, 1, 3, b"all anew")
    assert await update_log.load(DOCUMENT) == Base(2, 4, b"all anew", (), 4)
    source.write(b"of the old generation")
    assert await source.settled() == CONFLICT
    source.reload(await update_log.load(DOCUMENT))
    source.write(b"of the new one")
    assert await source.settled() == 5
    assert not await update_log.save_snapshot(DOCUMENT, 1, 5, b"old", 0)
    assert await update_log.save_snapshot(DOCUMENT, 2, 5, b"new", 4)


@pytest.mark.parametrize(("generation", "position"), [(1, 2), (1, 4), (2, 3), (0, 3)])
async def test_a_rewriting_of_another_state_changes_nothing(
    update_log: UpdateLog, generation: int, position: int
) -> None:
    source = Source(update_log, DOCUMENT)
    for data in (b"1", b"2", b"3"):
        source.write(data)
        await source.settled()
    before = await update_log.load(DOCUMENT)
    assert not await update_log.rewrite(DOCUMENT, generation, position, b"other")
    assert await update_log.load(DOCUMENT) == before


async def test_a_deleted_document_is_not_rewritten(
    update_log: UpdateLog, register: Register
) -> None:
    await register.delete(DOCUMENT)
    assert not await update_log.rewrite(DOCUMENT, 1, 0, b"anew")
