"""Sessions over HTTP, on a real server: made, listed, repeated, deleted, whatever happens between."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest

from devices import DeviceHost
from http_client import HttpAnswer, HttpClient
from segue.auth.grants import Role
from servers import PostgresServer, SegueServer
from stored import frozen_log
from waiting import until_a_commit_waits

pytestmark = pytest.mark.anyio

SESSIONS = "/v1/sessions"


def messages(session: str) -> str:
    return f"{SESSIONS}/{session}/messages"


async def transcript(client: HttpClient, session: str) -> list[tuple[int, str]]:
    """Gives seq and text of every message, page by page."""
    found: list[dict[str, Any]] = []
    page = (await client.ask("GET", f"{messages(session)}?limit=3")).json
    found = page["messages"]
    while page["has_more"]:
        path = f"{messages(session)}?limit=3&before={found[0]['seq']}"
        page = (await client.ask("GET", path)).json
        found = page["messages"] + found
    return [(each["seq"], each["parts"][0]["text"]) for each in found]


async def test_a_conversation_over_http_alone(alice: HttpClient) -> None:
    made = await alice.ask("POST", SESSIONS, {"title": "Lisbon"})
    assert made.status == 201
    assert uuid.UUID(made.json["id"]).version == 7
    session = made.json["id"]
    for n in range(1, 8):
        answer = await alice.ask("POST", messages(session), {"text": f"message {n}"})
        assert answer.status == 201, answer.body
        assert answer.json["seq"] == n
    assert await transcript(alice, session) == [(n, f"message {n}") for n in range(1, 8)]
    shown = (await alice.ask("GET", f"{SESSIONS}/{session}")).json
    assert (shown["title"], shown["last_seq"], shown["head"]) == ("Lisbon", 7, answer.json["id"])


async def test_a_list_shows_what_was_just_written(server: SegueServer) -> None:
    carol = HttpClient(server, server.token("carol"))
    ids = [(await carol.ask("POST", SESSIONS, {"title": f"s{n}"})).json["id"] for n in range(3)]
    await carol.ask("POST", messages(ids[0]), {"text": "x"})
    await carol.ask("PATCH", f"{SESSIONS}/{ids[1]}", {"title": "new\x00"})
    page = (await carol.ask("GET", SESSIONS)).json
    listed = [(each["id"], each["title"], each["last_seq"]) for each in page["sessions"]]
    assert listed == [(ids[1], "new\ufffd", 0), (ids[0], "s0", 1), (ids[2], "s2", 0)]
    assert page["next"] is None


async def test_titles_and_counts_follow_what_devices_write(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    dora = HttpClient(server, server.token("dora"))
    device = await host.open("hocuspocus", server.url, session, server.token("dora"))
    await device.put("session", ["title"], "From a phone")
    await device.wait(saved=True, settled=True)
    (listed,) = (await dora.ask("GET", SESSIONS)).json["sessions"]
    assert (listed["id"], listed["title"], listed["role"]) == (session, "From a phone", "owner")


async def test_reading_creates_nothing(alice: HttpClient, session: str) -> None:
    for path in (f"{SESSIONS}/{session}", messages(session)):
        answer = await alice.ask("GET", path)
        assert (answer.status, answer.json["code"]) == (403, "forbidden")
    assert (await alice.ask("POST", SESSIONS, {"id": session})).status == 201


async def test_deleting_tells_devices_and_leaves_nothing_to_read(
    host: DeviceHost, alice: HttpClient, server: SegueServer, session: str
) -> None:
    await alice.ask("POST", SESSIONS, {"id": session})
    viewer = HttpClient(server, server.token("bob", sessions={session: Role.EDITOR}))
    device = await host.open("y-websocket", server.url, session, alice.token)
    await device.wait(synced=True)
    assert (await viewer.ask("DELETE", f"{SESSIONS}/{session}")).status == 403
    assert (await alice.ask("DELETE", f"{SESSIONS}/{session}")).status == 204
    await device.wait(closed=1)
    for client in (alice, viewer):
        for path in (f"{SESSIONS}/{session}", messages(session)):
            answer = await client.ask("GET", path)
            assert (answer.status, answer.json["code"]) == (410, "deleted")
    assert (await alice.ask("POST", messages(session), {"text": "late"})).status == 410
    assert session not in (await alice.ask("GET", SESSIONS)).body.decode()


async def test_a_repeated_request_is_one_message_also_at_once_and_after_a_restart(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    address = await postgres.new_database()
    async with SegueServer.started(tmp_path, database_url=address) as server:
        client = HttpClient(server, server.token("alice"))

        async def create() -> HttpAnswer:
            return await client.ask("POST", SESSIONS, {"title": "x"}, idempotency_key="create")

        made = [answer.json for answer in await all_of([create() for _ in range(10)])]
        assert len({each["id"] for each in made}) == 1
        path = messages(made[0]["id"])

        async def add(text: str) -> HttpAnswer:
            return await client.ask("POST", path, {"text": text}, idempotency_key="add")

        answers = await all_of([add("once") for _ in range(20)])
        assert {answer.status for answer in answers} <= {200, 201}
        assert all(answer.json == answers[0].json for answer in answers)
        await server.restart()
        again = await add("once")
        assert (again.status, again.json) == (200, answers[0].json)
        assert (await create()).json["id"] == made[0]["id"]
        other = await add("something else")
        assert (other.status, other.json["code"]) == (422, "idempotency_mismatch")
        assert await transcript(client, made[0]["id"]) == [(1, "once")]


async def all_of(requests: list[Any]) -> list[HttpAnswer]:
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(request) for request in requests]
    return [task.result() for task in running]


async def test_what_is_not_committed_is_shown_to_nobody(
    host: DeviceHost, alice: HttpClient, server: SegueServer, session: str
) -> None:
    await alice.ask("POST", SESSIONS, {"id": session, "title": "committed"})
    await alice.ask("POST", messages(session), {"text": "committed"})
    device = await host.open("hocuspocus", server.url, session, alice.token)
    await device.wait(saved=True, synced=True)
    async with frozen_log(server.dsn, session):
        await device.put("session", ["title"], "uncommitted")
        await until_a_commit_waits(server.dsn)
        async with asyncio.TaskGroup() as tasks:
            reading = [
                tasks.create_task(alice.ask("GET", path))
                for path in (f"{SESSIONS}/{session}", messages(session))
            ]
            adding = tasks.create_task(
                alice.ask("POST", messages(session), {"text": "late"}, idempotency_key="k")
            )
            # They wait for the commit that they build on, and give up in time.
            for answer in [await task for task in (*reading, adding)]:
                assert (answer.status, answer.json["code"]) == (503, "storage_unavailable")
                assert answer.headers["retry-after"]
                assert b"uncommitted" not in answer.body
            listed = (await alice.ask("GET", SESSIONS)).body
            assert b"uncommitted" not in listed
    await device.wait(saved=True)
    again = await alice.ask("POST", messages(session), {"text": "late"}, idempotency_key="k")
    assert again.status in (200, 201)
    assert await transcript(alice, session) == [(1, "committed"), (2, "late")]
    assert (await alice.ask("GET", f"{SESSIONS}/{session}")).json["title"] == "uncommitted"


async def test_who_answers_an_old_view_overwrites_nothing(
    host: DeviceHost, alice: HttpClient, server: SegueServer, session: str
) -> None:
    """Row 6, over HTTP: B has seen three messages, ten are there when B writes."""
    await alice.ask("POST", SESSIONS, {"id": session})
    stale = HttpClient(server, server.token("bob", sessions={session: Role.EDITOR}))
    for n in range(1, 4):
        await alice.ask("POST", messages(session), {"text": str(n)})
    assert len(await transcript(stale, session)) == 3
    for n in range(4, 11):
        await alice.ask("POST", messages(session), {"text": str(n)})
    late = await stale.ask("POST", messages(session), {"text": "from an old view"})
    assert late.json["seq"] == 11
    expected = [*((n, str(n)) for n in range(1, 11)), (11, "from an old view")]
    assert await transcript(alice, session) == expected
    assert await transcript(stale, session) == expected
    device = await host.open("y-websocket", server.url, session, alice.token)
    await device.wait(synced=True)
    shown = (await device.roots())["messages"]
    texts = [(each["seq"], each["parts"]["0"]["text"]) for each in shown.values()]
    assert sorted(texts) == expected
