"""A session that a program holds: written at once, saved when the server is there, clear when it can't be."""

import asyncio
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from devices import DeviceHost
from http_client import HttpClient
from segue import Agent, Profile, Session
from segue.auth.grants import Role
from segue.errors import (
    ConfigurationError,
    Deleted,
    Forbidden,
    InvalidName,
    InvalidRequest,
    RefusedUpdate,
    Unauthenticated,
    Unreachable,
)
from servers import PostgresServer, SegueServer
from waiting import until

pytestmark = pytest.mark.anyio


def texts(session: Session) -> list[str]:
    return [message.text for message in session.messages]


async def test_the_plain_story(server: SegueServer) -> None:
    here = {"url": server.url, "token": server.token("harsh")}
    async with await Session.create(user_id="harsh", **here) as session:
        await session.add_message("user", "Find flights to Berlin")
        await session.add_message("agent", "When would you like to travel?")
        assert [(m.role, m.author) for m in session.get_history()] == [
            ("user", "harsh"),
            ("assistant", "harsh"),
        ]
        await session.save()
        assert session.is_saved
        name = session.id
    async with await Session.load(session_id=name, **here) as again:
        assert texts(again) == ["Find flights to Berlin", "When would you like to travel?"]
        assert [message.seq for message in again.messages] == [1, 2]
        assert again.token_count() == 6 + 8 + 8


async def test_it_is_on_the_phone_and_the_phone_is_here(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    token = server.token("alice")
    async with await Session.create(
        "alice", session_id=session, url=server.url, token=token
    ) as ours:
        await ours.add_message("user", "from a program 👩‍👩‍👧")
        await ours.save()
        phone = await host.open("hocuspocus", server.url, session, token)
        await phone.wait(synced=True)
        (shown,) = (await phone.roots())["messages"].values()
        assert shown["parts"]["0"]["text"] == "from a program 👩‍👩‍👧"
        events = ours.events()
        author = {"$json": {"kind": "user", "id": "alice"}}
        part = {"type": "text", "text": {"$text": "from the phone"}}
        await phone.put(
            "messages", ["m2"], {"role": "user", "author": author, "parts": {"0": part}}
        )
        # They are told from the call on, however late they are asked for.
        await until(lambda: len(ours.messages) == 2)
        with anyio.fail_after(20):
            async for event in events:
                if event.type == "message.created":
                    assert event.data["parts"][0]["text"] == "from the phone"
                    break
        assert texts(ours) == ["from a program 👩‍👩‍👧", "from the phone"]


async def test_without_a_server_one_writes_on_and_save_waits(
    postgres: PostgresServer, tmp_path: Path, session: str
) -> None:
    async with SegueServer.started(tmp_path, database_url=await postgres.new_database()) as server:
        token = server.token("alice")
        server.kill()
        ours = await Session.create("alice", session_id=session, url=server.url, token=token)
        await ours.add_message("user", "one")
        with pytest.raises(Unreachable, match="Is it running"):
            await ours.save(timeout_s=0.3)
        await server.start()
        await ours.save(timeout_s=30)
        server.kill()
        await ours.add_message("user", "two")
        assert not ours.is_saved
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ours.save())
            await server.start()
        await ours.close()
        async with await Session.load(session, url=server.url, token=token) as again:
            assert texts(again) == ["one", "two"]


async def test_a_kill_between_writing_and_saving_loses_nothing(
    postgres: PostgresServer, tmp_path: Path, session: str
) -> None:
    async with SegueServer.started(tmp_path, database_url=await postgres.new_database()) as server:
        token = server.token("alice")
        ours = await Session.create("alice", session_id=session, url=server.url, token=token)
        for number in range(60):
            await ours.add_message("user", f"{number}")
            if number % 20 == 10:
                await asyncio.sleep(0.01)
                await server.restart()
        await ours.save(timeout_s=60)
        await ours.close()
        async with await Session.load(session, url=server.url, token=token) as again:
            assert sorted(texts(again), key=int) == [f"{number}" for number in range(60)]
            assert [message.seq for message in again.messages] == list(range(1, 61))


async def test_context_artifacts_and_titles_are_shared(server: SegueServer, session: str) -> None:
    here = {"url": server.url, "token": server.token("alice")}
    async with (
        await Session.create("alice", session_id=session, title="Trip", **here) as one,
        await Session.load(session, **here) as two,
    ):
        await one.set("city", {"name": "Lisbon", "days": 14}, ttl=60)
        await one.write_artifact("plan", "Day 1: Alfama 🏰\n")
        await one.save()
        await until(lambda: two.artifact("plan"))
        await two.write_artifact("plan", "Day 1: Alfama 🏰\nDay 2: Belém\n")
        await one.write_artifact("plan", "Day 1: Alfama 🏰, early\n")
        await one.save()
        await two.save()
        await until(lambda: one.artifact("plan") == two.artifact("plan"))
        assert one.artifact("plan") == "Day 1: Alfama 🏰, early\nDay 2: Belém\n"
        await until(lambda: two.get("city") == {"name": "Lisbon", "days": 14})
        assert two.context["city"]["max_age"] == 60_000
        assert two.title == "Trip"


async def test_a_session_goes_into_a_file_and_a_new_session_comes_of_it(
    server: SegueServer, session: str
) -> None:
    token = server.token("alice")
    here = {"url": server.url, "token": token}
    async with await Session.create(session_id=session, title="Berlin", **here) as ours:
        await ours.add_message("user", "Find flights")
        await ours.set("budget", 900)
        await ours.write_artifact("plan", "Day 1: museums\n")
        file = await ours.export()
        assert b"Find flights" in await ours.export("openai")
    answer = await HttpClient(server, token).ask("POST", "/v1/sessions/import", raw=file)
    assert answer.status == 201, answer.body
    async with await Session.load(answer.json["id"], **here) as again:
        assert [message.text for message in again.messages] == ["Find flights"]
        assert (again.title, again.get("budget")) == ("Berlin", 900)
        assert again.artifact("plan") == "Day 1: museums\n"


async def test_the_profile_is_the_users_own(server: SegueServer) -> None:
    async with await Profile.load(url=server.url, token=server.token("nora")) as profile:
        assert profile.get("home_airport") is None
        await profile.set("home_airport", "OSL")
    async with await Profile.load(url=server.url, token=server.token("nora")) as again:
        assert again.get("home_airport") == "OSL"
    async with await Profile.load(url=server.url, token=server.token("olaf")) as other:
        assert other.get("home_airport") is None


async def test_an_agent_answers_and_all_see_it_grow(server: SegueServer, session: str) -> None:
    here = {"url": server.url, "token": server.token("alice")}
    agent = Agent("demo")
    async with (
        await Session.create("alice", session_id=session, **here) as ours,
        await Session.load(session, **here) as theirs,
    ):
        await ours.add_message("user", "Plan a week in Lisbon in May")
        assert "Lisbon" in await agent.generate(ours.get_history())
        kinds = []

        async def watch() -> None:
            async for event in theirs.events():
                kinds.append(event.type)
                if event.type == "message.updated" and event.data["status"] == "complete":
                    if event.data["role"] == "assistant":
                        return

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch())
            answer = await agent.resume(ours)
        assert kinds.count("message.delta") > 3
        assert theirs.messages[-1].text == answer != ""
        assert await agent.resume(ours) == answer
        assert len(ours.messages) == 2


async def test_an_answer_that_was_cut_off_is_taken_up(server: SegueServer, session: str) -> None:
    here = {"url": server.url, "token": server.token("alice")}
    async with await Session.create("alice", session_id=session, **here) as ours:
        await ours.add_message("user", "Plan a week in Lisbon in May")
        whole = await Agent("demo").generate(ours.get_history())
        with pytest.raises(RuntimeError):  # noqa: PT012 - what is raised ends the block
            async with ours.stream() as answer:
                answer.write(whole[:20])
                raise RuntimeError("the program dies")
        await ours.save()
        assert ours.messages[-1].status == "interrupted"
    async with await Session.load(session, **here) as again:
        assert await Agent("demo").resume(again) == whole
        assert again.messages[-1].status == "complete"


async def test_an_agent_by_token_writes_as_an_agent(server: SegueServer, session: str) -> None:
    async with await Session.create(
        "alice", session_id=session, url=server.url, token=server.token("alice")
    ) as ours:
        await ours.save()
        bot = server.token("bot", sessions={session: Role.AGENT})
        async with await Session.load(session, url=server.url, token=bot) as remote:
            async with remote.stream() as answer:
                answer.write("Hello")
                answer.write(", Alice")
            await remote.save()
        await until(lambda: "Hello, Alice" in texts(ours))
        assert ours.messages[-1].author_id == "bot"


@pytest.mark.parametrize(
    ("token", "error", "text"),
    [
        ("nonsense", Unauthenticated, "damaged"),
        ("a.eyJzdWIiOiJhbGljZSJ9.c", Unauthenticated, "Get a new one"),
        (lambda: 1 / 0, Unauthenticated, "Mend it"),
    ],
)
async def test_a_bad_token_is_told_clearly(
    server: SegueServer, session: str, token: object, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        await Session.load(session, url=server.url, token=token)


async def test_what_can_go_wrong_is_told_clearly(
    server: SegueServer, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, url = server.token("alice"), server.url
    with pytest.raises(Forbidden, match="of 'alice', not of 'bob'"):
        await Session.create("bob", url=url, token=alice)
    with pytest.raises(ConfigurationError, match="SEGUE_URL"):
        await Session.create(url="localhost", token=alice)
    with pytest.raises(InvalidName):
        await Session.create(session_id="my trip", url=url, token=alice)
    monkeypatch.delenv("SEGUE_TOKEN", raising=False)
    with pytest.raises(Unauthenticated, match="SEGUE_TOKEN"):
        await Session.load(session, url=url)
    with pytest.raises(Unreachable):
        await Session.load(session, url="http://127.0.0.1:9", token=alice, timeout_s=0.3)
    async with await Session.create(session_id=session, url=url, token=alice) as ours:
        for role, text in (("robot", "hi"), ("user", "\ud800")):
            with pytest.raises(InvalidRequest):
                await ours.add_message(role, text)
        with pytest.raises(InvalidRequest, match="plain JSON"):
            await ours.set("key", object())
        await ours.add_message("user", "NUL \x00 and <|endoftext|>")
    with pytest.raises(Forbidden):
        await Session.load(session, url=url, token=server.token("mallory"))


async def test_a_viewer_reads_and_is_told_that_it_can_t_write(
    server: SegueServer, session: str
) -> None:
    async with await Session.create(
        session_id=session, url=server.url, token=server.token("alice")
    ) as ours:
        await ours.add_message("user", "hi")
    viewer = server.token("eve", sessions={session: Role.VIEWER})
    eve = await Session.load(session, url=server.url, token=viewer)
    assert texts(eve) == ["hi"]
    with pytest.raises(Forbidden, match="read"):
        await eve.add_message("user", "let me in")
    await eve.close()


async def test_a_deleted_session_ends_for_those_who_hold_it(
    server: SegueServer, session: str
) -> None:
    token = server.token("alice")
    ours = await Session.create(session_id=session, url=server.url, token=token)
    await ours.save()
    await HttpClient(server, token).ask("DELETE", f"/v1/sessions/{session}")
    with pytest.raises(Deleted):
        async for _ in ours.events():
            pass
    with pytest.raises(Deleted):
        await ours.add_message("user", "too late")
    await ours.close()


async def test_an_update_that_is_refused_is_told_to_who_saves(
    server: SegueServer, session: str
) -> None:
    token = server.token("alice")
    ours = await Session.create(session_id=session, url=server.url, token=token)
    await ours.save()
    await ours.add_message("user", "x" * (2 << 20))
    with pytest.raises(RefusedUpdate, match="load the session again"):
        await ours.save(timeout_s=20)
    await ours.close()


def test_importing_it_costs_nothing_and_pulls_in_no_server() -> None:
    code = (
        "import sys, segue\n"
        "assert not {'pycrdt', 'starlette', 'websockets', 'msgspec'} & set(sys.modules)\n"
        "from segue import Session, Agent, Profile\n"
        "import segue.sync\n"
        "servers = {'starlette', 'uvicorn', 'asyncpg', 'psutil', 'segue.app', 'segue.http', 'segue.hub'}\n"
        "assert not servers & set(sys.modules), servers & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
