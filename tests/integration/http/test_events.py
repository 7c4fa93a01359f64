"""Events over HTTP, on a real server: each change once, whatever happens to the stream or the server."""

from pathlib import Path

import anyio
import pytest

from event_reader import EventReader, Told
from http_client import HttpClient
from segue.auth.grants import Role
from servers import PostgresServer, SegueServer
from stored import frozen_log
from waiting import until_a_commit_waits

pytestmark = pytest.mark.anyio


async def say(client: HttpClient, session: str, text: str) -> str:
    answer = await client.ask("POST", f"/v1/sessions/{session}/messages", {"text": text})
    assert answer.status == 201, answer.body
    created: str = answer.json["id"]
    return created


@pytest.fixture
async def ours(alice: HttpClient, session: str) -> str:
    assert (await alice.ask("POST", "/v1/sessions", {"id": session})).status == 201
    return session


def texts(told: list[Told]) -> list[str]:
    return [each.data["parts"][0]["text"] for each in told if each.type == "message.created"]


def order(event_id: str) -> tuple[int, str]:
    number, _, name = event_id.partition("-")
    return int(number), name


async def test_a_stream_tells_what_is_and_then_what_comes(alice: HttpClient, ours: str) -> None:
    first = await say(alice, ours, "one")
    async with EventReader.opened(alice.server, alice.token, ours) as reader:
        told = await reader.until("session.updated")
        assert [each.type for each in told] == ["message.created", "session.updated"]
        assert told[0].data["id"] == first
        assert (told[0].data["seq"], told[1].data["head"]) == (1, first)
        second = await say(alice, ours, "two\nlines \x00 \u2028")
        told = await reader.until("session.updated")
        assert told[0].data["parts"][0]["text"] == "two\nlines \x00 \u2028"
        assert told[1].data["head"] == second
        await alice.ask("PATCH", f"/v1/sessions/{ours}", {"title": "Lisbon"})
        assert (await reader.next()).data["title"] == "Lisbon"


async def test_now_leaves_out_what_has_been(alice: HttpClient, ours: str) -> None:
    await say(alice, ours, "before")
    async with EventReader.opened(alice.server, alice.token, ours, since="now") as reader:
        await say(alice, ours, "after")
        assert texts(await reader.until("session.updated")) == ["after"]


async def test_resuming_anywhere_loses_and_repeats_nothing(
    postgres: PostgresServer, tmp_path: Path, session: str
) -> None:
    """The stream is cut behind every event in turn, the server killed and its log folded meanwhile."""
    async with SegueServer.started(
        tmp_path,
        database_url=await postgres.new_database(),
        SEGUE_SNAPSHOT_EVERY="5",
        SEGUE_ROOM_GRACE="10ms",
    ) as server:
        alice = HttpClient(server, server.token("alice"))
        await alice.ask("POST", "/v1/sessions", {"id": session})
        last_id, told = "", []
        for number in range(12):
            await say(alice, session, f"{number}")
            if number % 4 == 3:
                await server.restart()
            async with EventReader.opened(server, alice.token, session, last_id) as reader:
                told.append(await reader.next())
                last_id = reader.last_id
        async with EventReader.opened(server, alice.token, session, last_id) as reader:
            while len(texts(told)) < 12:
                told.append(await reader.next())
    assert texts(told) == [f"{number}" for number in range(12)]
    ids = [order(each.id) for each in told]
    assert sorted(set(ids)) == ids


async def test_nothing_is_told_before_it_is_committed(alice: HttpClient, ours: str) -> None:
    async with EventReader.opened(alice.server, alice.token, ours, since="now") as reader:
        async with anyio.create_task_group() as tasks:
            async with frozen_log(alice.server.dsn, ours):
                tasks.start_soon(say, alice, ours, "kept")
                await until_a_commit_waits(alice.server.dsn)
                with anyio.move_on_after(0.3) as waited:
                    await reader.next()
                assert waited.cancelled_caught
            assert texts(await reader.until("session.updated")) == ["kept"]


async def test_a_slow_reader_is_caught_up(alice: HttpClient, ours: str) -> None:
    text = "x" * 200_000
    async with EventReader.opened(alice.server, alice.token, ours) as reader:
        for number in range(40):
            await say(alice, ours, f"{number} {text}")
        told: list[Told] = []
        while len(texts(told)) < 40:
            told.append(await reader.next())
    assert [each.partition(" ")[0] for each in texts(told)] == [f"{n}" for n in range(40)]


async def test_a_stream_says_why_it_ends(alice: HttpClient, ours: str) -> None:
    server = alice.server
    short = server.token("alice", ttl_s=1)
    async with (
        EventReader.opened(server, alice.token, ours) as reader,
        EventReader.opened(server, short, ours) as expiring,
    ):
        (*_, end) = await expiring.until("end")
        assert (end.data["code"], end.data["status"]) == ("token_expired", 401)
        await alice.ask("DELETE", f"/v1/sessions/{ours}")
        (*_, end) = await reader.until("end")
        assert (end.data["code"], end.data["status"]) == ("deleted", 410)


async def test_who_is_removed_is_told_no_more(alice: HttpClient, ours: str) -> None:
    server = alice.server
    bob = HttpClient(server, server.token("bob"))
    link = (await alice.ask("POST", f"/v1/sessions/{ours}/links", {"role": "viewer"})).json["link"]
    assert (await bob.ask("POST", "/v1/links/redeem", {"code": link})).status == 200
    async with EventReader.opened(server, bob.token, ours, since="now") as reader:
        # At once, well before a right is looked at again by itself.
        with anyio.fail_after(10):
            await alice.ask("DELETE", f"/v1/sessions/{ours}/members/bob")
            await say(alice, ours, "secret")
            (*told, end) = await reader.until("end")
    assert texts(told) == []
    assert (end.data["code"], end.data["status"]) == ("forbidden", 403)


async def test_a_stopping_server_says_so_and_stops(
    postgres: PostgresServer, tmp_path: Path, session: str
) -> None:
    async with SegueServer.started(tmp_path, database_url=await postgres.new_database()) as server:
        alice = HttpClient(server, server.token("alice"))
        await alice.ask("POST", "/v1/sessions", {"id": session})
        async with EventReader.opened(server, alice.token, session) as reader:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(server.terminate)
                (*_, end) = await reader.until("end")
                assert (end.data["code"], end.data["status"]) == ("restarting", 503)


async def test_who_may_not_follow_is_told_so(alice: HttpClient, ours: str) -> None:
    server, path = alice.server, f"/v1/sessions/{ours}/events"
    bob = HttpClient(server, server.token("bob"))
    nobody = HttpClient(server, "nonsense")
    viewer = server.token("eve", sessions={ours: Role.VIEWER})
    for client, status, code in (
        (bob, 403, "forbidden"),
        (nobody, 401, "unauthenticated"),
    ):
        answer = await client.ask("GET", path)
        assert (answer.status, answer.json["code"]) == (status, code)
    for since in ("yesterday", "1", "1-xyz", "-1-0", "9" * 40, "99-", "5-" + "a" * 40):
        answer = await alice.ask("GET", path, last_event_id=since)
        assert (answer.status, answer.json["code"]) == (400, "invalid_request"), since
    async with EventReader.opened(server, viewer, ours) as reader:
        assert reader.status == 200
    await alice.ask("DELETE", f"/v1/sessions/{ours}")
    answer = await alice.ask("GET", path)
    assert (answer.status, answer.json["code"]) == (410, "deleted")


async def test_streams_of_one_user_are_bounded_and_given_back(alice: HttpClient, ours: str) -> None:
    path = f"/v1/sessions/{ours}/events"
    async with anyio.create_task_group() as tasks:
        opened = [anyio.Event() for _ in range(32)]
        done = anyio.Event()

        async def hold(number: int) -> None:
            async with EventReader.opened(alice.server, alice.token, ours) as reader:
                assert reader.status == 200
                opened[number].set()
                await done.wait()

        for number in range(32):
            tasks.start_soon(hold, number)
        for each in opened:
            await each.wait()
        answer = await alice.ask("GET", path)
        assert (answer.status, answer.json["code"]) == (429, "too_many")
        done.set()
    head = await alice.ask("HEAD", path)
    assert (head.status, head.body) == (200, b"")
