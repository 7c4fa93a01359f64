"""Sessions and messages over HTTP: what comes back, and that repeating is safe."""

import asyncio
from typing import Any

import pytest
from api_scene import NOW_MS, Scene, token

from asgi import Answer
from segue.auth.grants import Role
from segue.document.views import RunView
from segue.errors import Deleted, RefusedUpdate
from segue.ids import DocumentId

pytestmark = pytest.mark.anyio

TRIP = "/v1/sessions/trip"
MESSAGES = f"{TRIP}/messages"


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    assert (await scene.ask("POST", "/v1/sessions", {"id": "trip"})).status == 201
    scene.join("trip", "carol", Role.EDITOR)
    scene.join("trip", "vic", Role.VIEWER)
    return scene


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


async def test_a_session_is_created_with_an_id_of_its_own() -> None:
    scene = Scene()
    made = await scene.ask("POST", "/v1/sessions", {"title": "Lisbon", "settings": {"a": [1]}})
    assert made.status == 201
    assert made.headers["location"] == "/v1/sessions/id-1"
    assert made.headers["cache-control"] == "no-store"
    created_ms = made.json["created_at"]
    assert made.json == {
        "id": "id-1",
        "title": "Lisbon",
        "role": "owner",
        "last_seq": 0,
        "created_at": created_ms,
        "last_active_at": created_ms,
        "head": None,
        "settings": {"a": [1]},
    }
    assert (await scene.ask("GET", "/v1/sessions/id-1")).json == made.json


async def test_sessions_are_listed_in_pages() -> None:
    scene = Scene()
    for n in range(5):
        await scene.ask("POST", "/v1/sessions", {"id": f"s{n}"})
    pages, path = [], "/v1/sessions?limit=2"
    while path:
        page = (await scene.ask("GET", path)).json
        pages.append([each["id"] for each in page["sessions"]])
        path = page["next"] and f"/v1/sessions?limit=2&before={page['next']}"
    assert pages == [["s4", "s3"], ["s2", "s1"], ["s0"]]
    assert (await scene.ask("GET", "/v1/sessions", user="bob")).json["sessions"] == []


@pytest.mark.parametrize(
    "cursor", ["", "x", "MQ", "a.b", "%FF", "9" * 400, "OTk5OTk5OTk5OTk5OTk5OTk5OTk5LmE"]
)
async def test_a_cursor_that_is_none_is_refused(scene: Scene, cursor: str) -> None:
    assert code(await scene.ask("GET", f"/v1/sessions?before={cursor}")) == (400, "invalid_request")


async def test_title_and_settings_are_set_apart(scene: Scene) -> None:
    assert (await scene.ask("PATCH", TRIP, {"title": "Porto"})).json["title"] == "Porto"
    changed = (await scene.ask("PATCH", TRIP, {"settings": {"b": None}})).json
    assert (changed["title"], changed["settings"]) == ("Porto", {"b": None})
    assert (await scene.ask("PATCH", TRIP, {"title": ""})).json["title"] == ""
    assert code(await scene.ask("PATCH", TRIP, {})) == (400, "invalid_request")


async def test_a_deleted_session_is_gone_and_its_devices_are_told(scene: Scene) -> None:
    assert (await scene.ask("DELETE", TRIP)).status == 204
    assert [(document, type(error)) for document, error in scene.documents.ended] == [
        ("trip", Deleted)
    ]
    assert scene.summaries.told == ["trip"]
    assert code(await scene.ask("GET", TRIP)) == (410, "deleted")
    assert (await scene.ask("DELETE", TRIP)).status == 204
    assert code(await scene.ask("POST", "/v1/sessions", {"id": "trip"})) == (410, "deleted")


async def test_only_the_owner_deletes(scene: Scene) -> None:
    for user in ("carol", "vic"):
        assert code(await scene.ask("DELETE", TRIP, user=user)) == (403, "forbidden")
    assert not scene.register.deleted
    assert not scene.documents.ended


async def test_a_message_comes_back_as_stored(scene: Scene) -> None:
    made = await scene.ask("POST", MESSAGES, {"text": "Hello", "metadata": {"n": 1}})
    assert made.status == 201
    assert made.headers["location"] == MESSAGES
    assert made.json == {
        "id": "id-1",
        "role": "user",
        "author": {"kind": "user", "id": "alice"},
        "created_at": NOW_MS,
        "seq": 1,
        "parent": None,
        "status": "complete",
        "parts": [{"state": "done", "type": "text", "text": "Hello"}],
        "metadata": {"n": 1},
    }
    page = (await scene.ask("GET", MESSAGES)).json
    assert page == {"messages": [made.json], "has_more": False}


async def test_messages_are_read_in_pages_backwards(scene: Scene) -> None:
    for n in range(5):
        await scene.ask("POST", MESSAGES, {"text": str(n)})
    page = (await scene.ask("GET", f"{MESSAGES}?limit=2")).json
    assert ([each["seq"] for each in page["messages"]], page["has_more"]) == ([4, 5], True)
    page = (await scene.ask("GET", f"{MESSAGES}?limit=3&before=4")).json
    assert ([each["seq"] for each in page["messages"]], page["has_more"]) == ([1, 2, 3], False)


async def test_who_writes_is_who_the_token_says(scene: Scene) -> None:
    agent = f"Bearer {token('bot', 'server-1', trip=Role.AGENT)}"
    made = (await scene.ask("POST", MESSAGES, {"text": "x"}, authorization=agent)).json
    assert (made["role"], made["author"]) == (
        "assistant",
        {"kind": "agent", "id": "bot", "device": "server-1"},
    )
    for role, stored in (("system", "system"), ("agent", "assistant"), ("assistant", "assistant")):
        made = (await scene.ask("POST", MESSAGES, {"text": "x", "role": role}, user="carol")).json
        assert (made["role"], made["author"]) == (stored, {"kind": "user", "id": "carol"})


async def test_parts_of_any_type_are_kept(scene: Scene) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "chart", "ref": "x", "size": 3}]
    made = (await scene.ask("POST", MESSAGES, {"parts": parts})).json
    assert made["parts"] == [{"state": "done", **parts[0]}, parts[1]]


@pytest.mark.parametrize("user", ["vic", "mallory"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PATCH", TRIP, {"title": "x"}), ("POST", MESSAGES, {"text": "x"}), ("DELETE", TRIP, None)],
)
async def test_who_may_not_write_changes_nothing(
    scene: Scene, user: str, method: str, path: str, body: object
) -> None:
    assert code(await scene.ask(method, path, body, user=user)) == (403, "forbidden")
    assert scene.documents.edits == []
    assert not scene.register.deleted


async def test_foreign_unknown_and_unlisted_sessions_read_alike(scene: Scene) -> None:
    answers = [
        await scene.ask("GET", TRIP, user="mallory"),
        await scene.ask("GET", "/v1/sessions/unknown"),
        await scene.ask("GET", TRIP, authorization=f"Bearer {token('alice', other=Role.OWNER)}"),
        await scene.ask("POST", "/v1/sessions", {"id": "trip"}, user="mallory"),
    ]
    assert {code(answer) for answer in answers} == {(403, "forbidden")}
    assert len({answer.json["detail"] for answer in answers}) == 1
    assert DocumentId("unknown") not in scene.register.members


async def test_a_token_for_single_sessions_lists_and_creates_only_those(scene: Scene) -> None:
    listing = f"Bearer {token('alice', trip=Role.VIEWER, plan=Role.EDITOR)}"
    page = (await scene.ask("GET", "/v1/sessions", authorization=listing)).json
    assert [(each["id"], each["role"]) for each in page["sessions"]] == [("trip", "viewer")]
    for body in ({}, {"id": "trip"}, {"id": "other"}):
        answer = await scene.ask("POST", "/v1/sessions", body, authorization=listing)
        assert code(answer) == (403, "forbidden")
    made = await scene.ask("POST", "/v1/sessions", {"id": "plan"}, authorization=listing)
    assert (made.status, made.json["role"]) == (201, "editor")


# -- repeating -------------------------------------------------------------------------------------


async def test_a_repeated_key_gives_the_same_session(scene: Scene) -> None:
    body = {"title": "Lisbon"}
    first = await scene.ask("POST", "/v1/sessions", body, idempotency_key="k1")
    again = await scene.ask("POST", "/v1/sessions", body, idempotency_key="k1")
    assert (first.status, again.status, again.json) == (201, 200, first.json)
    for user, key in (("alice", "k2"), ("bob", "k1")):
        other = await scene.ask("POST", "/v1/sessions", body, user=user, idempotency_key=key)
        assert other.status == 201
        assert other.json["id"] != first.json["id"]


async def test_a_key_is_not_for_two_sessions(scene: Scene) -> None:
    await scene.ask("POST", "/v1/sessions", {"title": "Lisbon"}, idempotency_key="k1")
    for body in ({"title": "Porto"}, {}, {"title": "Lisbon", "settings": {}}):
        answer = await scene.ask("POST", "/v1/sessions", body, idempotency_key="k1")
        assert code(answer) == (422, "idempotency_mismatch")


async def test_repeating_a_creation_undoes_no_later_change(scene: Scene) -> None:
    body = {"title": "Lisbon", "settings": {"a": 1}}
    made = await scene.ask("POST", "/v1/sessions", body, idempotency_key="k1")
    await scene.ask("PATCH", made.headers["location"], {"title": "Porto"})
    again = await scene.ask("POST", "/v1/sessions", body, idempotency_key="k1")
    assert (again.status, again.json["title"]) == (200, "Porto")


async def test_repeating_completes_a_creation_that_died_halfway(scene: Scene) -> None:
    scene.documents.failing = RefusedUpdate("died")
    body = {"title": "Lisbon", "settings": {"a": 1}}
    assert (await scene.ask("POST", "/v1/sessions", body, idempotency_key="k1")).status == 422
    scene.documents.failing = None
    again = await scene.ask("POST", "/v1/sessions", body, idempotency_key="k1")
    assert (again.json["title"], again.json["settings"]) == ("Lisbon", {"a": 1})


async def test_an_id_in_use_is_a_conflict_but_for_the_same_request(scene: Scene) -> None:
    assert (await scene.ask("POST", "/v1/sessions", {"id": "trip"})).status == 200
    other = {"id": "trip", "title": "x"}
    assert code(await scene.ask("POST", "/v1/sessions", other)) == (409, "conflict")
    assert code(await scene.ask("POST", "/v1/sessions", other, user="carol")) == (409, "conflict")


async def test_a_repeated_key_gives_the_same_message(scene: Scene) -> None:
    body = {"text": "Hello", "metadata": {"n": 1.5}, "role": "system"}
    first = await scene.ask("POST", MESSAGES, body, idempotency_key="k1")
    again = await scene.ask("POST", MESSAGES, body, idempotency_key="k1")
    assert (first.status, again.status, again.json) == (201, 200, first.json)
    other = await scene.ask("POST", MESSAGES, body, user="carol", idempotency_key="k1")
    assert other.status == 201
    assert len(scene.documents.open[DocumentId("trip")].messages) == 2


async def test_duplicates_at_the_same_time_are_one_message(scene: Scene) -> None:
    async with asyncio.TaskGroup() as tasks:
        asking = [
            tasks.create_task(scene.ask("POST", MESSAGES, {"text": "x"}, idempotency_key="k"))
            for _ in range(20)
        ]
    answers = [task.result() for task in asking]
    assert {answer.status for answer in answers} <= {200, 201}
    assert len({answer.body for answer in answers}) == 1
    assert len(scene.documents.open[DocumentId("trip")].messages) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"text": "Bye"},
        {"text": "Hello", "role": "system"},
        {"text": "Hello", "metadata": {}},
        {"text": "Hello", "supersedes": "x"},
        {"parts": [{"type": "text", "text": "Hello"}] * 2},
        {"parts": [{"type": "data", "text": "Hello"}]},
    ],
)
async def test_a_key_is_not_for_two_messages(scene: Scene, other: dict[str, Any]) -> None:
    await scene.ask("POST", MESSAGES, {"text": "Hello"}, idempotency_key="k1")
    answer = await scene.ask("POST", MESSAGES, other, idempotency_key="k1")
    assert code(answer) == (422, "idempotency_mismatch")


async def test_an_id_makes_a_message_repeatable_too(scene: Scene) -> None:
    body = {"id": "m1", "text": "Hello"}
    assert (await scene.ask("POST", MESSAGES, body)).status == 201
    assert (await scene.ask("POST", MESSAGES, body)).status == 200
    for text, user in (("Bye", "alice"), ("Hello", "carol")):
        answer = await scene.ask("POST", MESSAGES, {"id": "m1", "text": text}, user=user)
        assert code(answer) == (409, "conflict")


async def test_a_run_is_cancelled_by_who_may_write(scene: Scene) -> None:
    run = RunView("m1", "demo", "active", "m1", message="a1")
    scene.documents.open[DocumentId("trip")].runs["m1"] = run
    path = f"{TRIP}/runs/m1/cancel"
    assert code(await scene.ask("POST", path, user="vic")) == (403, "forbidden")
    assert code(await scene.ask("POST", path, user="mallory")) == (403, "forbidden")
    cancelled = await scene.ask("POST", path, user="carol")
    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
    unknown = await scene.ask("POST", f"{TRIP}/runs/m2/cancel")
    assert code(unknown) == (404, "not_found")
