"""Members and share links over HTTP: what comes back, and who may what."""

import asyncio

import pytest
from api_scene import MAX_ATTEMPTS, NOW_MS, SECRET, Scene, token

from asgi import Answer
from segue.auth.grants import Role
from segue.auth.tokens import verify
from segue.http.operations import MAX_IN_FLIGHT
from segue.ids import DocumentId, UserId

pytestmark = pytest.mark.anyio

TRIP = "/v1/sessions/trip"
MEMBERS, LINKS, REDEEM = f"{TRIP}/members", f"{TRIP}/links", "/v1/links/redeem"
WEEK_MS = 7 * 24 * 3600 * 1000


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    assert (await scene.ask("POST", "/v1/sessions", {"id": "trip"})).status == 201
    scene.join("trip", "carol", Role.EDITOR)
    scene.join("trip", "vic", Role.VIEWER)
    scene.join("trip", "bot", Role.AGENT)
    return scene


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


async def code_of_link(scene: Scene, role: str = "editor") -> str:
    made = await scene.ask("POST", LINKS, {"role": role})
    assert made.status == 201
    given: str = made.json["link"]
    return given


async def test_every_member_sees_the_members(scene: Scene) -> None:
    seen = [(await scene.ask("GET", MEMBERS, user=user)).json for user in ("alice", "vic")]
    assert seen[0] == seen[1]
    assert [(each["user"], each["role"]) for each in seen[0]["members"]] == [
        ("alice", "owner"),
        ("carol", "editor"),
        ("vic", "viewer"),
        ("bot", "agent"),
    ]
    assert seen[0]["members"][0].keys() == {"user", "role", "name", "joined_at"}


async def test_only_owners_give_roles_and_remove_others(scene: Scene) -> None:
    for user in ("carol", "vic", "bot"):
        raised = await scene.ask("PATCH", f"{MEMBERS}/{user}", {"role": "owner"}, user=user)
        assert code(raised) == (403, "forbidden")
        assert code(await scene.ask("DELETE", f"{MEMBERS}/alice", user=user)) == (403, "forbidden")
        # Nor is it told whether there is such a member.
        assert code(await scene.ask("DELETE", f"{MEMBERS}/none", user=user)) == (403, "forbidden")
    assert scene.changed == []
    changed = await scene.ask("PATCH", f"{MEMBERS}/vic", {"role": "editor"})
    assert (changed.status, changed.json["role"]) == (200, "editor")
    assert (await scene.ask("DELETE", f"{MEMBERS}/carol")).status == 204
    assert scene.changed == [("trip", "vic"), ("trip", "carol")]
    assert code(await scene.ask("GET", TRIP, user="carol")) == (403, "forbidden")
    unknown = await scene.ask("PATCH", f"{MEMBERS}/carol", {"role": "editor"})
    assert code(unknown) == (404, "not_found")


async def test_everybody_may_leave_but_the_last_owner(scene: Scene) -> None:
    assert (await scene.ask("DELETE", f"{MEMBERS}/vic", user="vic")).status == 204
    assert code(await scene.ask("DELETE", f"{MEMBERS}/alice")) == (409, "conflict")
    stepping_down = await scene.ask("PATCH", f"{MEMBERS}/alice", {"role": "editor"})
    assert code(stepping_down) == (409, "conflict")
    await scene.ask("PATCH", f"{MEMBERS}/carol", {"role": "owner"})
    assert (await scene.ask("DELETE", f"{MEMBERS}/alice")).status == 204
    assert code(await scene.ask("GET", MEMBERS)) == (403, "forbidden")


async def test_the_name_of_a_user_may_have_anything_in_it(scene: Scene) -> None:
    name = "https://id.example/u?x=1 \u00e9%2F"
    scene.join("trip", name, Role.VIEWER)
    # As a server hands the path over: decoded.
    changed = await scene.ask("PATCH", f"{MEMBERS}/https://id.example/u", {"role": "editor"})
    assert code(changed) == (404, "not_found")
    scene.join("trip", "a/b c\u00e9%2F", Role.VIEWER)
    changed = await scene.ask("PATCH", f"{MEMBERS}/a/b c\u00e9%2F", {"role": "editor"})
    assert (changed.status, changed.json["user"]) == (200, "a/b c\u00e9%2F")


@pytest.mark.parametrize("user", ["alice", "carol"])
async def test_owners_and_editors_share(scene: Scene, user: str) -> None:
    made = await scene.ask("POST", LINKS, {"role": "viewer", "expires_in_s": 3600}, user=user)
    assert made.status == 201
    assert made.headers["cache-control"] == "no-store"
    shown = dict(made.json)
    given, url = shown.pop("link"), shown.pop("url")
    assert len(given) >= 32
    assert url == f"http://test/#join={given}"
    assert (shown["role"], shown["created_by"]) == ("viewer", user)
    assert shown["expires_at"] - shown["created_at"] == 3600 * 1000
    listed = await scene.ask("GET", LINKS, user=user)
    assert listed.json == {"links": [shown]}
    assert given not in listed.body.decode()
    assert (await scene.ask("DELETE", f"{LINKS}/{shown['id']}", user=user)).status == 204
    assert (await scene.ask("GET", LINKS, user=user)).json == {"links": []}
    assert code(await scene.ask("POST", REDEEM, {"code": given}, user="dora")) == (404, "not_found")


async def test_a_link_holds_for_a_week_unless_told_otherwise(scene: Scene) -> None:
    made = (await scene.ask("POST", LINKS, {"role": "editor"})).json
    assert made["expires_at"] - made["created_at"] == WEEK_MS


@pytest.mark.parametrize("user", ["vic", "bot"])
async def test_others_do_not_share(scene: Scene, user: str) -> None:
    made = (await scene.ask("POST", LINKS, {"role": "viewer"})).json
    for method, path, body in (
        ("POST", LINKS, {"role": "viewer"}),
        ("GET", LINKS, None),
        ("DELETE", f"{LINKS}/{made['id']}", None),
    ):
        assert code(await scene.ask(method, path, body, user=user)) == (403, "forbidden")
    assert len((await scene.ask("GET", LINKS)).json["links"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"role": "owner"},
        {"role": "agent"},
        {"role": "editor", "expires_in_s": 59},
        {"role": "editor", "expires_in_s": 366 * 24 * 3600},
        {"role": "editor", "expires_in_s": None},
        {"role": "editor", "code": "of my own"},
    ],
)
async def test_a_link_that_cannot_be_meant_is_refused(scene: Scene, body: object) -> None:
    assert code(await scene.ask("POST", LINKS, body)) == (400, "invalid_request")
    assert (await scene.ask("GET", LINKS)).json == {"links": []}


async def test_who_has_a_token_joins_as_themselves(scene: Scene) -> None:
    given = await code_of_link(scene)
    for _ in range(2):
        answer = await scene.ask("POST", REDEEM, {"code": given, "name": "X"}, user="dora")
        assert (answer.status, answer.json) == (200, {"session": "trip", "role": "editor"})
    assert (await scene.ask("GET", TRIP, user="dora")).json["role"] == "editor"
    assert scene.changed == [("trip", "dora")] * 2
    owner = await scene.ask("POST", REDEEM, {"code": given})
    assert owner.json == {"session": "trip", "role": "owner"}


async def test_who_has_none_joins_as_a_guest(scene: Scene) -> None:
    given = await code_of_link(scene, "viewer")
    body = {"code": given, "name": " Zoe\u202e\n "}
    answer = await scene.ask("POST", REDEEM, body, user=None)
    assert answer.status == 200
    guest = answer.json
    assert (guest["session"], guest["role"], guest["name"]) == ("trip", "viewer", "Zoe")
    claims = verify(SECRET, guest["token"], now=NOW_MS / 1000)
    assert (claims.user, claims.name, claims.sessions) == (guest["user"], "Zoe", None)
    assert guest["expires_at"] == claims.expires_at * 1000
    again = (await scene.ask("POST", REDEEM, {"code": given}, user=None)).json
    assert again["user"] != guest["user"]
    header = f"Bearer {guest['token']}"
    assert (await scene.ask("GET", TRIP, user=None, authorization=header)).status == 200
    # What a link opens is the session alone.
    await scene.ask("POST", "/v1/sessions", {"id": "other"})
    other = await scene.ask("GET", "/v1/sessions/other", user=None, authorization=header)
    assert code(other) == (403, "forbidden")


async def test_where_guests_are_not_let_in_a_token_is_asked_for() -> None:
    scene = Scene(guests=False)
    await scene.ask("POST", "/v1/sessions", {"id": "trip"})
    given = await code_of_link(scene)
    for tried in (given, "unknown"):
        answer = await scene.ask("POST", REDEEM, {"code": tried}, user=None)
        assert code(answer) == (401, "unauthenticated")
    assert (await scene.ask("POST", REDEEM, {"code": given}, user="dora")).status == 200


async def test_a_bad_token_is_not_taken_for_none(scene: Scene) -> None:
    given = await code_of_link(scene)
    answer = await scene.ask("POST", REDEEM, {"code": given}, user=None, authorization="Bearer x")
    assert code(answer) == (401, "unauthenticated")
    restricted = f"Bearer {token('dora', trip=Role.EDITOR)}"
    answer = await scene.ask("POST", REDEEM, {"code": given}, user=None, authorization=restricted)
    assert code(answer) == (403, "forbidden")
    assert scene.changed == []


async def test_strangers_of_one_address_cannot_keep_all_hands_busy(scene: Scene) -> None:
    given = await code_of_link(scene)
    async with asyncio.TaskGroup() as tasks:
        waiting = [
            tasks.create_task(scene.ask("POST", REDEEM, user=None, raw=b"{", is_whole=False))
            for _ in range(MAX_IN_FLIGHT)
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        answer = await scene.ask("POST", REDEEM, {"code": given}, user=None)
        assert code(answer) == (429, "too_many")
        assert (await scene.ask("POST", REDEEM, {"code": given}, user="dora")).status == 200
        for task in waiting:
            task.cancel()
    assert (await scene.ask("POST", REDEEM, {"code": given}, user=None)).status == 200


async def test_links_of_a_deleted_session_open_nothing(scene: Scene) -> None:
    given = await code_of_link(scene)
    assert (await scene.ask("DELETE", TRIP)).status == 204
    answer = await scene.ask("POST", REDEEM, {"code": given}, user="dora")
    assert code(answer) == (404, "not_found")


async def test_an_address_may_not_try_links_without_end(scene: Scene) -> None:
    given = await code_of_link(scene)
    for _ in range(MAX_ATTEMPTS):
        answer = await scene.ask("POST", REDEEM, {"code": "guess"}, user=None)
        assert code(answer) == (404, "not_found")
    for user in (None, "dora"):
        answer = await scene.ask("POST", REDEEM, {"code": given}, user=user)
        assert code(answer) == (429, "too_many")
    assert UserId("dora") not in scene.register.members[DocumentId("trip")]
