"""What `UploadStore` and `FileStore` promise, on real Postgres."""

import asyncio
import hashlib
import itertools
from collections.abc import Awaitable

import pytest

from segue.errors import Deleted, InvalidName, NotFound, RequestTimeout, SegueError, TooLarge
from segue.ids import DocumentId, UserId
from segue.storage.database import Database
from segue.storage.file_ports import CHUNK_BYTES, FileStore, NewFile, StoredFile, UploadStore
from segue.storage.ports import Register

pytestmark = pytest.mark.anyio

TRIP, OTHER, THIRD = DocumentId("trip"), DocumentId("other"), DocumentId("third")
ALICE, BOB = UserId("alice"), UserId("bob")
COUNT = "SELECT (SELECT count(*) FROM files) + (SELECT count(*) FROM file_chunks)"
numbers = itertools.count()


@pytest.fixture(autouse=True)
async def sessions(register: Register) -> None:
    for session in (TRIP, OTHER, THIRD):
        await register.open_session(session, ALICE, create=True)


def new(
    size: int = 100, session: DocumentId = TRIP, by: UserId = ALICE, name: str = "a.txt"
) -> NewFile:
    return NewFile(f"file-{next(numbers)}", session, by, "text/plain", name, size)


def ref_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def add(uploads: UploadStore, content: bytes, coming: NewFile | None = None) -> bool:
    coming = coming or new(len(content))
    await uploads.begin(coming)
    if content:
        await uploads.append(coming.id, 0, content)
    return await uploads.finish(coming.id, coming.session, ref_of(content), len(content))


async def find(files: FileStore, content: bytes, session: DocumentId = TRIP) -> StoredFile:
    found = await files.find(session, ref_of(content))
    assert found is not None
    return found


async def count(database: Database) -> int:
    found: int = await database.run(lambda it: it.fetchval(COUNT))
    return found


async def test_a_file_is_there_once_it_is_finished(uploads: UploadStore, files: FileStore) -> None:
    coming = new(700)
    await uploads.begin(coming)
    for number, piece in enumerate((b"one", b"two")):
        await uploads.append(coming.id, number, piece)
    assert await files.find(TRIP, ref_of(b"onetwo")) is None
    assert await files.list(TRIP) == []
    assert await uploads.finish(coming.id, TRIP, ref_of(b"onetwo"), 6)
    file = await find(files, b"onetwo")
    assert (file.media_type, file.name, file.size) == ("text/plain", "a.txt", 6)
    assert file.uploaded_by == ALICE
    assert await files.list(TRIP) == [file]
    assert [await files.read(file.id, number) for number in (0, 1)] == [b"one", b"two"]
    with pytest.raises(NotFound):
        await files.read(file.id, 2)
    assert await files.find(OTHER, file.ref) is None


async def test_every_step_can_be_repeated(uploads: UploadStore, files: FileStore) -> None:
    coming = new()
    for _ in range(2):
        await uploads.begin(coming)
    for _ in range(2):
        await uploads.append(coming.id, 0, b"one")
    for _ in range(2):
        assert await uploads.finish(coming.id, TRIP, ref_of(b"one"), 3)
    await uploads.abandon(coming.id)  # too late: it is there
    assert await files.read((await find(files, b"one")).id, 0) == b"one"


async def test_a_file_without_a_byte_and_one_of_a_whole_piece(
    database: Database, uploads: UploadStore, files: FileStore
) -> None:
    assert await add(uploads, b"")
    assert (await find(files, b"")).size == 0
    coming = new()
    await uploads.begin(coming)
    await uploads.append(coming.id, 0, bytes(CHUNK_BYTES))


async def test_the_same_content_again_is_kept_once(
    database: Database, uploads: UploadStore, files: FileStore
) -> None:
    assert await add(uploads, b"same")
    before = await count(database)
    later = new()
    for _ in range(2):
        assert not await add(uploads, b"same", later)
    assert await count(database) == before
    assert await add(uploads, b"same", new(session=OTHER))
    assert (await find(files, b"same")).id != (await find(files, b"same", OTHER)).id


async def test_of_the_same_content_at_once_one_is_kept(
    database: Database, uploads: UploadStore
) -> None:
    async with asyncio.TaskGroup() as tasks:
        added = [tasks.create_task(add(uploads, b"same")) for _ in range(8)]
    assert [each.result() for each in added].count(True) == 1
    assert await count(database) == 2


async def test_an_upload_that_is_abandoned_leaves_nothing(
    database: Database, uploads: UploadStore
) -> None:
    coming = new()
    await uploads.begin(coming)
    await uploads.append(coming.id, 0, b"half")
    for _ in range(2):
        await uploads.abandon(coming.id)
    assert await count(database) == 0
    with pytest.raises(RequestTimeout):
        await uploads.append(coming.id, 1, b"more")
    with pytest.raises(RequestTimeout):
        await uploads.finish(coming.id, TRIP, ref_of(b"half"), 4)


async def test_what_was_begun_an_hour_ago_goes_when_the_next_one_begins(
    database: Database, uploads: UploadStore, files: FileStore
) -> None:
    await add(uploads, b"done")
    left, coming = new(900), new()
    for each in (left, coming):
        await uploads.begin(each) if each is coming else await uploads.begin(
            NewFile(each.id, OTHER, BOB, each.media_type, each.name, each.size)
        )
    age = "UPDATE files SET created_at = now() - interval '61 minutes' WHERE id <> $1"
    await database.run(lambda it: it.execute(age, coming.id))
    await uploads.begin(new(session=THIRD))
    with pytest.raises(RequestTimeout):
        await uploads.append(left.id, 0, b"late")
    await uploads.append(coming.id, 0, b"in time")
    await find(files, b"done")


# -- room ------------------------------------------------------------------------------------------


async def test_what_a_session_may_have_is_bounded_with_what_is_still_coming(
    uploads: UploadStore, files: FileStore
) -> None:
    await add(uploads, bytes(300))
    await uploads.begin(new(700))
    with pytest.raises(TooLarge, match="SEGUE_MAX_FILES_PER_SESSION"):
        await uploads.begin(new(1, by=BOB))
    await uploads.begin(new(300, OTHER))
    await files.delete(TRIP, ref_of(bytes(300)))
    await uploads.begin(new(300, by=BOB))


async def test_what_a_user_may_have_is_bounded_over_all_sessions(uploads: UploadStore) -> None:
    await uploads.begin(new(900))
    await uploads.begin(new(600, OTHER))
    with pytest.raises(TooLarge, match="SEGUE_MAX_FILES_PER_USER"):
        await uploads.begin(new(1, THIRD))
    await uploads.begin(new(1000, THIRD, BOB))


async def test_a_session_has_only_so_many_files_however_small(
    uploads: UploadStore, files: FileStore
) -> None:
    for n in range(11):
        await add(uploads, b"%d" % n)
    await uploads.begin(last := new(0))
    for _ in range(2):
        await uploads.begin(last)  # the same again is none more
    with pytest.raises(TooLarge, match="12 files"):
        await uploads.begin(new(0, by=BOB))
    await uploads.begin(new(0, OTHER))
    await files.delete(TRIP, ref_of(b"0"))
    await uploads.begin(new(0, by=BOB))


async def test_the_smallest_files_of_a_user_take_room_too(uploads: UploadStore) -> None:
    await uploads.begin(new(1000, OTHER))
    await uploads.begin(new(460))
    for _ in range(2):
        await uploads.begin(new(0))
    with pytest.raises(TooLarge, match="SEGUE_MAX_FILES_PER_USER"):
        await uploads.begin(new(0, THIRD))
    await uploads.begin(new(0, THIRD, BOB))


async def test_uploads_at_once_do_not_pass_the_bounds_together(uploads: UploadStore) -> None:
    async def fits(coming: NewFile) -> bool:
        try:
            await uploads.begin(coming)
        except TooLarge:
            return False
        return True

    async with asyncio.TaskGroup() as tasks:
        begun = [
            tasks.create_task(fits(new(500, session)))
            for session in (TRIP, OTHER, THIRD)
            for _ in range(3)
        ]
    assert [each.result() for each in begun].count(True) == 3


# -- the end ---------------------------------------------------------------------------------------


async def test_a_deleted_file_is_gone_with_its_bytes(
    database: Database, uploads: UploadStore, files: FileStore
) -> None:
    await add(uploads, b"one")
    file = await find(files, b"one")
    for _ in range(2):
        await files.delete(TRIP, file.ref)
    assert await count(database) == 0
    with pytest.raises(NotFound):
        await files.read(file.id, 0)
    assert await add(uploads, b"one")


async def test_a_deleted_session_has_no_byte_of_a_file_in_any_table(
    database: Database, register: Register, uploads: UploadStore
) -> None:
    canary = b"a canary in a file"
    await add(uploads, canary, new(name="canary.txt"))
    coming = new(name="canary.txt")
    await uploads.begin(coming)
    await uploads.append(coming.id, 0, canary)
    await add(uploads, b"stays", new(session=OTHER, name="stays.txt"))
    assert await tables_with(database, canary)
    await register.delete(TRIP)
    for word in (canary, b"canary.txt", ref_of(canary).encode()):
        assert await tables_with(database, word) == []
    assert await tables_with(database, b"stays") == ["file_chunks", "files"]
    with pytest.raises(Deleted):
        await uploads.begin(new())
    with pytest.raises(RequestTimeout):
        await uploads.append(coming.id, 1, b"late")
    with pytest.raises(RequestTimeout):
        await uploads.finish(coming.id, TRIP, ref_of(canary), len(canary))


async def tables_with(database: Database, word: bytes) -> list[str]:
    """Lists the tables in which any row has the word, in a text or in bytes."""
    names = await database.run(
        lambda it: it.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    )
    found = []
    for name in sorted(row["tablename"] for row in names):
        rows = f"SELECT string_agg(t::text, ' ') FROM \"{name}\" t"
        content = await database.run(lambda it, rows=rows: it.fetchval(rows)) or ""
        if word.hex() in content or word.decode() in content:
            found.append(name)
    return found


async def test_no_file_outlives_a_deletion_at_the_same_time(
    database: Database, register: Register, uploads: UploadStore
) -> None:
    async def try_to(work: Awaitable[object]) -> None:
        try:
            await work
        except SegueError as error:
            assert isinstance(error, Deleted | RequestTimeout), error  # noqa: PT017 - or nothing

    async with asyncio.TaskGroup() as tasks:
        for n in range(8):
            tasks.create_task(try_to(add(uploads, b"%d" % n, new(10))))
            if n == 4:
                tasks.create_task(try_to(register.delete(TRIP)))
    assert await count(database) == 0


@pytest.mark.parametrize("name", ["nul \x00", "x" * 2000, ""])
async def test_names_that_cannot_be_stored_are_refused(uploads: UploadStore, name: str) -> None:
    with pytest.raises(InvalidName):
        await uploads.begin(new(name=name))
