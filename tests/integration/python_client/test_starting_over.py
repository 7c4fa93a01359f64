"""A session that was written anew while a program holds it: the program goes on, and loses nothing."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from segue import Session
from servers import PostgresServer, SegueServer
from spoiling import spoil
from waiting import PATIENCE_S

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def server(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SegueServer]:
    """A server that proves its snapshot behind every row."""
    folder: Path = tmp_path_factory.mktemp("server")
    address = await postgres.new_database()
    async with SegueServer.started(folder, database_url=address, SEGUE_SNAPSHOT_EVERY="1") as own:
        yield own


async def cut_off(program: Session) -> None:
    program._life.cancel()
    await asyncio.wait([program._life])
    program._connection._is_flowing = False


def connect(program: Session) -> None:
    program._life = asyncio.get_running_loop().create_task(program._connection.run())


def texts(session: Session) -> list[str]:
    return [message.text for message in session.messages]


async def test_what_was_written_meanwhile_is_there_once(server: SegueServer, session: str) -> None:
    here = {"url": server.url, "token": server.token("alice")}
    async with await Session.create(session_id=session, **here) as program:
        await program.add_message("user", "saved")
        await program.write_artifact("plan", "Day 1. Day 3.")
        await program.save()
        async with program.stream() as answer:
            answer.write("begun 👋, ")
            await program.save()
            await cut_off(program)
            await program.add_message("user", "unsaved")
            await program.write_artifact("plan", "Day 1. Day 2. Day 3.")
            await program.set("budget", 900)
            answer.write("gone on")
            await spoil(server, session, first_client=10)
            async with await Session.load(session, **here) as other:
                await other.add_message("user", "of others")
            connect(program)
            old = program._replica
            await program.save()
            assert program._replica is not old
            answer.write(", ended")
        await program.save()
        assert texts(program) == ["saved", "begun 👋, gone on, ended", "of others", "unsaved"]
        assert [message.seq for message in program.messages] == [1, 2, 3, 4]
        async with await Session.load(session, **here) as again:
            assert texts(again) == texts(program)
            assert (again.artifact("plan"), again.get("budget")) == ("Day 1. Day 2. Day 3.", 900)


async def test_what_was_durable_though_nobody_said_so_is_not_written_twice(
    server: SegueServer, session: str
) -> None:
    here = {"url": server.url, "token": server.token("alice")}
    async with await Session.create(session_id=session, **here) as program:
        async with program.stream() as answer:
            answer.write("one ")
            await program.write_artifact("plan", "Day 1.")
            answer.write("two")
        await program.request("stop", "session")
        unsaved = program._unsaved
        made = (list(unsaved._changes), dict(unsaved._texts))
        await program.save()
        await cut_off(program)
        await spoil(server, session, first_client=10)
        # As if no acknowledgement had come.
        unsaved._changes, unsaved._texts = made
        program._connection._holds_unsaved = True
        connect(program)
        await program.save()
        assert texts(program) == ["one two"]
        assert program.artifact("plan") == "Day 1."


async def test_who_writes_without_a_pause_keeps_what_is_unsaved_and_little_more(
    server: SegueServer, session: str
) -> None:
    here = {"url": server.url, "token": server.token("alice")}
    async with await Session.create(session_id=session, **here) as program:
        await program.save()
        async with program.stream() as answer:
            for number in range(300):
                answer.write(f"{number} ")
                unsaved = program._connection.unsaved_edits
                assert unsaved is not None
                assert unsaved <= len(program._unsaved._changes) <= 2 * unsaved + 66
                if number % 20 == 0:
                    await program.save()


async def test_who_follows_goes_on_and_hears_all_of_it_once_more(
    server: SegueServer, session: str
) -> None:
    here = {"url": server.url, "token": server.token("alice")}
    async with await Session.create(session_id=session, **here) as program:
        before = await program.add_message("user", "before")
        await program.save()
        heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

        async def follow() -> None:
            async for event in program.events():
                if event.type.startswith("message."):
                    heard.put_nowait((event.type, event.data["id"]))

        following = asyncio.get_running_loop().create_task(follow())
        await asyncio.sleep(0)
        await spoil(server, session, first_client=10)
        async with await Session.load(session, **here) as other:
            after = await other.add_message("user", "after")
        async with asyncio.timeout(PATIENCE_S):
            assert await heard.get() == ("message.updated", before.id)
            assert await heard.get() == ("message.created", after.id)
        following.cancel()
        assert texts(program) == ["before", "after"]
