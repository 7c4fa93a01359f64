"""A session shared on a real server: links, guests, roles that change under open sockets, removal."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from devices import Device, DeviceHost, Dialect
from http_client import HttpAnswer, HttpClient
from segue.auth.grants import Role
from servers import PostgresServer, SegueServer, new_session
from waiting import until_it_is

pytestmark = pytest.mark.anyio

REDEEM = "/v1/links/redeem"
DIALECTS: tuple[Dialect, ...] = ("y-websocket", "hocuspocus")


@pytest.fixture(scope="module")
async def server(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SegueServer]:
    """A server that lets guests in."""
    address, folder = await postgres.new_database(), tmp_path_factory.mktemp("server")
    async with SegueServer.started(folder, database_url=address, SEGUE_GUESTS="on") as started:
        yield started


@pytest.fixture
async def trip(alice: HttpClient, session: str) -> str:
    """The path of a session of alice's."""
    assert (await alice.ask("POST", "/v1/sessions", {"id": session})).status == 201
    return f"/v1/sessions/{session}"


def code(answer: HttpAnswer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


async def new_link(client: HttpClient, trip: str, role: str = "editor") -> Mapping[str, Any]:
    made = await client.ask("POST", f"{trip}/links", {"role": role})
    assert made.status == 201, made.body
    link: Mapping[str, Any] = made.json
    return link


async def redeem(server: SegueServer, link: str, token: str = "", name: str = "") -> HttpAnswer:
    """Comes by a link; without a token as a guest."""
    return await HttpClient(server, token).ask("POST", REDEEM, {"code": link, "name": name})


async def assert_removed(device: Device) -> None:
    stop = (await device.wait(stopped=True))["stop"]
    assert "4403" in f"{stop.get('code')} {stop.get('reason')}"


async def test_a_guest_writes_along_reads_only_and_is_removed(
    host: DeviceHost, server: SegueServer, alice: HttpClient, session: str, trip: str
) -> None:
    link = await new_link(alice, trip)
    assert link["url"] == f"http://127.0.0.1:{server.port}/#join={link['link']}"
    guest = (await redeem(server, link["link"], name="Zoe")).json
    assert (guest["session"], guest["role"]) == (session, "editor")
    owner = await host.open("hocuspocus", server.url, session, alice.token)
    devices = await host.open_all(DIALECTS, server.url, session, guest["token"])
    home = await host.open("hocuspocus", server.url, "home", guest["token"])
    await host.wait_all([owner, home, *devices], synced=True)
    await devices[0].edit((0, 0, "from a guest"))
    await owner.wait(contains={"root": "text", "text": "from a guest"})
    listed = (await alice.ask("GET", f"{trip}/members")).json["members"]
    assert [(each["role"], each["name"]) for each in listed] == [("owner", ""), ("editor", "Zoe")]

    path = f"{trip}/members/{guest['user']}"
    assert (await alice.ask("PATCH", path, {"role": "viewer"})).json["role"] == "viewer"
    await devices[1].wait(scope="readonly")
    await devices[1].edit((0, 0, "not any more: "))
    as_guest = HttpClient(server, guest["token"])
    refused = await as_guest.ask("POST", f"{trip}/messages", {"text": "nor so"})
    assert code(refused) == (403, "forbidden")
    await owner.edit((0, 0, "still read: "))
    await devices[0].wait(contains={"root": "text", "text": "still read: from a guest"})
    assert await owner.text() == "still read: from a guest"

    assert (await alice.ask("DELETE", path)).status == 204
    for device in devices:
        await assert_removed(device)
    assert code(await as_guest.ask("GET", trip)) == (403, "forbidden")
    back = await host.open("y-websocket", server.url, session, guest["token"])
    await assert_removed(back)
    summary = await home.summary()
    assert (summary["stop"], summary["opened"]) == (None, 1), "what is theirs goes on"


async def test_who_joins_by_a_link_finds_it_in_their_list_until_they_leave(
    host: DeviceHost, server: SegueServer, alice: HttpClient, session: str, trip: str
) -> None:
    dora = HttpClient(server, server.token(f"dora {session}"))
    home = await host.open("hocuspocus", server.url, "home", dora.token)
    await home.wait(synced=True)
    link = await new_link(alice, trip, "viewer")
    joined = await redeem(server, link["link"], dora.token)
    assert joined.json == {"session": session, "role": "viewer"}
    await home.wait(key={"root": "sessions", "key": session})
    device = await host.open("hocuspocus", server.url, session, dora.token)
    await device.wait(synced=True, scope="readonly")
    better = await new_link(alice, trip, "editor")
    assert (await redeem(server, better["link"], dora.token)).json["role"] == "editor"
    await device.wait(scope="read-write")
    assert (await redeem(server, link["link"], dora.token)).json["role"] == "editor"

    left = await dora.ask("DELETE", f"{trip}/members/dora%20{session}")
    assert left.status == 204
    await assert_removed(device)

    async def is_gone() -> bool:
        return session not in ((await home.roots()).get("sessions") or {})

    await until_it_is(is_gone)


async def test_links_that_open_nothing_are_told_apart_by_nobody(
    server: SegueServer, alice: HttpClient, session: str, trip: str
) -> None:
    revoked, deleted = await new_link(alice, trip), await new_link(alice, trip)
    assert (await alice.ask("DELETE", f"{trip}/links/{revoked['id']}")).status == 204
    listed = (await alice.ask("GET", f"{trip}/links")).json["links"]
    assert [each["id"] for each in listed] == [deleted["id"]]
    answers = [await redeem(server, revoked["link"])]
    assert (await alice.ask("DELETE", trip)).status == 204
    answers += [await redeem(server, each) for each in (deleted["link"], "unknown")]
    assert {(answer.status, answer.body) for answer in answers} == {(404, answers[0].body)}
    assert server.log.read_text().count(revoked["link"]) == 0


async def test_foreign_ids_tell_nothing(server: SegueServer, alice: HttpClient, trip: str) -> None:
    """On every route the same answer whether the session is foreign, was deleted, or never was."""
    link = await new_link(alice, trip)
    deleted = f"/v1/sessions/{new_session()}"
    assert (await alice.ask("PATCH", deleted, {"title": "x"})).status == 403
    await alice.ask("POST", "/v1/sessions", {"id": deleted.rpartition("/")[2]})
    await alice.ask("DELETE", deleted)
    mallory = HttpClient(server, server.token("mallory"))
    editor = {f"{new_session()}": Role.OWNER}
    listed_elsewhere = HttpClient(server, server.token("mallory", sessions=editor))
    for method, path, body in (
        ("GET", "/members", None),
        ("PATCH", "/members/alice", {"role": "viewer"}),
        ("DELETE", "/members/alice", None),
        ("DELETE", "/members/mallory", None),
        ("POST", "/links", {"role": "viewer"}),
        ("GET", "/links", None),
        ("DELETE", f"/links/{link['id']}", None),
    ):
        answers = [
            await client.ask(method, place + path, body)
            for client in (mallory, listed_elsewhere)
            for place in (trip, deleted, f"/v1/sessions/{new_session()}")
        ]
        assert {(answer.status, answer.body) for answer in answers} == {(403, answers[0].body)}
    assert (await alice.ask("GET", f"{trip}/links")).json["links"][0]["id"] == link["id"]
    other = HttpClient(server, server.token("bob"))
    elsewhere = f"/v1/sessions/{new_session()}"
    await other.ask("POST", "/v1/sessions", {"id": elsewhere.rpartition("/")[2]})
    await other.ask("DELETE", f"{elsewhere}/links/{link['id']}")
    assert len((await alice.ask("GET", f"{trip}/links")).json["links"]) == 1


async def test_a_role_of_a_token_needs_no_membership_and_outlives_one(
    host: DeviceHost, server: SegueServer, alice: HttpClient, session: str, trip: str
) -> None:
    token = server.token("eve", sessions={session: Role.EDITOR})
    device = await host.open("hocuspocus", server.url, session, token)
    await device.wait(synced=True)
    assert (await alice.ask("DELETE", f"{trip}/members/eve")).status == 204
    await device.edit((0, 0, "still here"))
    await device.wait(saved=True)
    assert (await device.summary())["stop"] is None


async def test_where_guests_are_not_let_in_and_links_are_tried_without_end(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    address = await postgres.new_database()
    async with SegueServer.started(tmp_path, database_url=address) as server:
        alice = HttpClient(server, server.token("alice"))
        await alice.ask("POST", "/v1/sessions", {"id": "trip"})
        link = await new_link(alice, "/v1/sessions/trip")
        assert code(await redeem(server, link["link"])) == (401, "unauthenticated")
        assert (await redeem(server, link["link"], server.token("bob"))).status == 200
        tried = [code(await redeem(server, "guess", alice.token)) for _ in range(60)]
        assert tried == [(404, "not_found")] * 58 + [(429, "too_many")] * 2
        elsewhere = {"x_forwarded_for": "198.51.100.7"}  # as a proxy on this machine says
        answer = await alice.ask("POST", REDEEM, {"code": "guess"}, **elsewhere)
        assert code(answer) == (404, "not_found")
        await server.restart()
        assert (await redeem(server, link["link"], server.token("carol"))).status == 200
