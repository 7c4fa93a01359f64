"""Files in programs: added, named in messages, read by others, refused in words."""

import asyncio
import os
from pathlib import Path

import pytest

import segue.sync
from segue import File, Session
from segue.auth.grants import Role
from segue.errors import Forbidden, NotFound, TooLarge, Unreachable
from servers import SegueServer

pytestmark = pytest.mark.anyio


def address(server: SegueServer) -> str:
    return server.url.replace("ws:", "http:")


async def opened(
    server: SegueServer, session: str, user: str = "alice", role: Role | None = None
) -> Session:
    listed = None if role is None else {session: role}
    token = server.token(user, sessions=listed)
    return await Session.load(session, url=address(server), token=token)


async def test_one_program_adds_a_file_and_another_reads_it(
    server: SegueServer, session: str, tmp_path: Path
) -> None:
    content = os.urandom(700_000)
    (tmp_path / "harbour.jpg").write_bytes(content)
    async with await opened(server, session) as phone:
        picture = await phone.add_file(tmp_path / "harbour.jpg")
        notes = await phone.add_file(b"Ferry at nine", name="notes.txt")
        assert (picture.name, picture.media_type, picture.size) == (
            "harbour.jpg",
            "image/jpeg",
            700_000,
        )
        assert (notes.name, notes.media_type) == ("notes.txt", "text/plain")
        said = await phone.add_message("user", "Look", files=[picture, notes])
        assert said.files == (picture, notes)
        await phone.add_message("user", "", files=[notes])
        await phone.save()
        async with await opened(server, session) as laptop:
            first, second = laptop.messages
            assert (first.text, first.files) == ("Look", (picture, notes))
            assert (second.text, second.files) == ("", (notes,))
            assert await laptop.read_file(first.files[0]) == content
            assert await laptop.read_file(notes.ref) == b"Ferry at nine"


async def test_a_new_session_is_made_for_its_first_file(server: SegueServer) -> None:
    created = await Session.create(url=address(server), token=server.token("alice"))
    async with created as session:
        assert (await session.add_file(b"")).size == 0


async def test_without_await_it_is_the_same(server: SegueServer, session: str) -> None:
    def use() -> bytes:
        held = segue.sync.Session.load(session, url=address(server), token=server.token("alice"))
        file = held.add_file(b"bytes", name="a.bin")
        held.add_message("user", "Here", files=[file])
        held.save()
        (message,) = held.messages
        content = held.read_file(message.files[0])
        held.close()
        return content

    assert await asyncio.to_thread(use) == b"bytes"


async def test_what_cannot_be_done_says_so(
    server: SegueServer, session: str, tmp_path: Path
) -> None:
    async with await opened(server, session) as owner:
        with pytest.raises(TooLarge, match="SEGUE_MAX_FILE"):
            await owner.add_file(bytes(26 << 20))
        with pytest.raises(NotFound):
            await owner.read_file("0" * 64)
        with pytest.raises(NotFound):
            await owner.read_file("../../sessions?")
        with pytest.raises(FileNotFoundError):
            await owner.add_file(tmp_path / "none")
        viewer = await opened(server, session, "vic", Role.VIEWER)
        with pytest.raises(Forbidden):
            await viewer.add_file(b"x")
        await viewer.close()
    nowhere = await Session.create(url="http://127.0.0.1:9", token=server.token("alice"))
    with pytest.raises(Unreachable):
        await nowhere.read_file("0" * 64)
    await nowhere.close()


async def test_what_others_wrote_in_place_of_a_file_is_none(
    server: SegueServer, session: str
) -> None:
    async with await opened(server, session) as held:
        odd = File("not a ref", "a", "b", 1)
        message = await held.add_message("user", "x", files=[odd])
        assert message.files == (odd,)  # a name like any other, which leads to nothing
        with pytest.raises(NotFound):
            await held.read_file(odd)
        await held.save()
