"""What holds for every operation: a token first, bounds, a clear answer to whatever comes."""

import asyncio
import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from api_scene import MAX_BODY, Scene
from starlette.routing import Route, WebSocketRoute

from asgi import Answer
from segue.auth.grants import Role
from segue.document.kept import MAX_DEPTH
from segue.errors import Overloaded, Quarantined, StorageUnavailable
from segue.http import incoming
from segue.http.file_body import FileBody
from segue.http.operations import MAX_IN_FLIGHT, AnyOperation, Nothing
from segue.http.pace import Writes
from segue.http.pages import page_routes
from segue.http.session_operations import OPERATIONS
from segue.node import Node
from segue.settings import Settings

pytestmark = pytest.mark.anyio

BODIES: dict[str, object] = {
    "create_session": {"id": "trip"},
    "change_session": {"title": "x"},
    "add_message": {"text": "x"},
    "change_member": {"role": "editor"},
    "create_link": {"role": "editor"},
    "redeem_link": {"code": "x"},
    "add_file": "a file",
    "import_session": [{"role": "user", "content": "x"}],
}
QUERIES = {"import_session": "?format=openai&id=trip"}
REF = hashlib.sha256(b"kept").hexdigest()
# A field that takes a text and one that takes an object, if there is one.
FIELDS = {
    "create_session": ("title", "settings"),
    "change_session": ("title", "settings"),
    "add_message": ("text", "metadata"),
    "change_member": ("role", None),
    "create_link": ("role", None),
    "redeem_link": ("code", None),
}
PUBLIC = {"/openapi.json", "/v1/links/redeem"}


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.ask("POST", "/v1/sessions", {"id": "trip"})
    scene.join("trip", "vic", Role.VIEWER)
    assert (await scene.ask("POST", "/v1/sessions/trip/files", raw=b"kept")).status == 201
    return scene


async def call(scene: Scene, operation: AnyOperation, **options: str | None) -> Answer:
    return await scene.ask(
        operation.method, path_of(operation), BODIES.get(operation.name), **options
    )


def path_of(operation: AnyOperation) -> str:
    path = operation.path.format(id="trip", user="vic", link="none", run="none", ref=REF)
    return path + QUERIES.get(operation.name, "")


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


async def test_every_route_asks_who_is_there_and_what_they_may(scene: Scene) -> None:
    """Lists the routes themselves: one that is added and checks nothing fails here."""
    names = {(each.method, each.path): each.name for each in OPERATIONS}
    for route in scene.app.routes:
        assert isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}:
            pattern = re.sub(r":\w+\}", "}", route.path)
            if pattern not in PUBLIC:
                path = pattern.format(id="trip", user="alice", link="none", run="none", ref=REF)
                name = names[method, pattern]
                await check_roles(scene, method, path + QUERIES.get(name, ""), BODIES.get(name))
    assert scene.documents.edits == []
    assert not scene.register.deleted
    assert scene.register.members == {"trip": {"alice": Role.OWNER, "vic": Role.VIEWER}}
    assert scene.changed == []
    assert list(scene.files.stored) == [("trip", REF)]
    assert not scene.files.uploads


async def check_roles(scene: Scene, method: str, path: str, body: object) -> None:
    assert code(await scene.ask(method, path, body, user=None)) == (401, "unauthenticated")
    foreign = await scene.ask(method, path, body, user="mallory")
    # A stream has no end to wait for.
    asked = "HEAD" if path.endswith("/events") else method
    viewer = await scene.ask(asked, path, body, user="vic")
    if (method, path) == ("GET", "/v1/sessions"):
        assert foreign.json["sessions"] == []
        assert [each["id"] for each in viewer.json["sessions"]] == ["trip"]
        return
    assert code(foreign) == (403, "forbidden"), (method, path)
    if method == "GET" and not path.endswith("/links"):
        assert viewer.status == 200, (method, path)
    else:
        assert code(viewer) in ((403, "forbidden"), (409, "conflict")), (method, path)


async def test_without_a_token_only_the_code_of_a_link_is_taken(scene: Scene) -> None:
    (is_open,) = [each for each in OPERATIONS if each.is_open]
    assert code(await call(scene, is_open, user=None)) == (404, "not_found")


async def test_the_node_has_these_routes_and_no_others() -> None:
    """What is served beside the table of operations is named here, and why it needs no token."""
    web_app = Node(Settings()).web_app()
    by_socket = {route.path for route in web_app.routes if isinstance(route, WebSocketRoute)}
    others = {
        route.path.replace("{user:path}", "{user}")
        for route in web_app.routes
        if isinstance(route, Route)
    }
    assert len(by_socket) + len(others) == len(web_app.routes)
    assert by_socket == {  # theirs comes in-band
        "/v1/sync/{document:path}",
        "/v1/collab",
        "/v1/agents",
    }
    pages = {route.path for route in page_routes()}  # the same for everybody
    assert others - pages == {operation.path for operation in OPERATIONS} | {
        "/livez",  # supervisors
        "/readyz",  # and load balancers have none
        "/openapi.json",  # the same in every installation
        "/docs",  # and so is this
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
async def test_a_bad_token_reads_nothing(scene: Scene, operation: AnyOperation) -> None:
    for header in ("", "Bearer", "Bearer x.y.z", "Basic YTpi", "bearer \xff"):
        answer = await call(scene, operation, user=None, authorization=header)
        assert code(answer) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
    if operation.is_open:
        return
    # Nor is a body looked at before.
    nothing = await scene.ask(operation.method, operation.path, user=None, raw=b"{" * 9000)
    assert code(nothing) == (401, "unauthenticated")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
async def test_a_node_that_starts_says_when_to_come_back(operation: AnyOperation) -> None:
    scene = Scene()
    scene.api.services = None
    answer = await call(scene, operation)
    assert code(answer) == (503, "restarting")
    assert answer.headers["retry-after"] == "1"


async def test_a_wrong_method_is_told_the_right_ones(scene: Scene) -> None:
    answer = await scene.ask("PUT", "/v1/sessions/trip")
    assert code(answer) == (405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "PATCH", "DELETE"}
    assert (await scene.ask("HEAD", "/v1/sessions/trip")).status == 200


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StorageUnavailable("for sockets"), (503, "storage_unavailable")),
        (Overloaded("full"), (503, "overloaded")),
        (Quarantined("ill"), (503, "quarantined")),
    ],
)
async def test_what_fails_for_now_says_so(
    scene: Scene, operation: AnyOperation, error: Exception, expected: tuple[int, str]
) -> None:
    scene.documents.failing = error
    scene.register.failing = error
    answer = await call(scene, operation)
    assert code(answer) == expected
    assert answer.headers["retry-after"] == "1"
    if isinstance(error, StorageUnavailable):
        may_be_saved = "may still be saved" in answer.json["detail"]
        assert may_be_saved is operation.writes
        assert ("Idempotency-Key" in answer.json["detail"]) is operation.repeatable


async def test_a_document_that_does_not_answer_is_not_waited_for_for_ever(scene: Scene) -> None:
    services = scene.api.services
    assert services is not None
    scene.api.services = replace(services, patience_s=0.01)
    scene.documents.stuck = True
    answer = await scene.ask("POST", "/v1/sessions/trip/messages", {"text": "x"})
    assert code(answer) == (503, "storage_unavailable")


async def test_one_user_cannot_keep_all_hands_busy(scene: Scene) -> None:
    scene.documents.stuck = True
    async with asyncio.TaskGroup() as tasks:
        waiting = [
            tasks.create_task(scene.ask("GET", "/v1/sessions/trip")) for _ in range(MAX_IN_FLIGHT)
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert code(await scene.ask("GET", "/v1/sessions")) == (429, "too_many")
        assert (await scene.ask("GET", "/v1/sessions", user="vic")).status == 200
        for task in waiting:
            task.cancel()
    assert (await scene.ask("GET", "/v1/sessions")).status == 200


async def test_a_bug_shows_nothing_of_the_inside(scene: Scene) -> None:
    scene.documents.failing = RuntimeError("secret inside")
    answer = await scene.ask("GET", "/v1/sessions/trip", raising=RuntimeError)
    assert code(answer) == (500, "internal")
    assert b"secret inside" not in answer.body


# -- bodies ----------------------------------------------------------------------------------------

WITH_BODY = [each for each in OPERATIONS if each.body not in (Nothing, FileBody)]


MISFITS = [
    (b"", "invalid_json", "no JSON"),
    (b"{", "invalid_json", "no JSON"),
    (b'{"$text": "viewer"}{}', "invalid_json", "no JSON"),
    (b'{"$text": NaN}', "invalid_json", "no JSON"),
    (b'\xef\xbb\xbf{"$text": "x"}', "invalid_json", "no JSON"),
    (b'{"$text": "\xff"}', "invalid_json", "UTF-8"),
    (b'{"$text": "\xed\xa0\x80"}', "invalid_json", "UTF-8"),
    (b'{"$text": "\\ud800"}', "invalid_json", "half a character"),
    (b'{"$text": "\\udc00x"}', "invalid_json", "half a character"),
    (b'{"$object": {"\\ud800": 1}}', "invalid_json", "half a character"),
    (b"[]", "invalid_request", "Expected `object`"),
    (b"null", "invalid_request", "Expected `object`"),
    (b'{"$text x": 1}', "invalid_request", " x`. It takes "),
    (b'{"$text": null}', "invalid_request", "got `null`"),
    (b'{"$text": 1}', "invalid_request", "got `int`"),
    (b'{"$object": []}', "invalid_request", "got `array`"),
    (b'{"$object": {"a": 1e400}}', "invalid_request", "out of range"),
    (
        b'{"$object": {"a": ' + b"[" * 2000 + b"]" * 2000 + b"}}",
        "invalid_request",
        "nested too deeply",
    ),
]


def misfits() -> Iterator[tuple[AnyOperation, bytes, str, str]]:
    for operation, (raw, expected, told) in itertools.product(WITH_BODY, MISFITS):
        text, value = FIELDS[operation.name]
        if value is not None or b"$object" not in raw:
            raw = raw.replace(b"$text", text.encode()).replace(b"$object", (value or "").encode())
            yield operation, raw, expected, told


@pytest.mark.parametrize(("operation", "raw", "expected", "told"), list(misfits()))
async def test_what_is_no_fitting_body_is_refused_clearly(
    scene: Scene, operation: AnyOperation, raw: bytes, expected: str, told: str
) -> None:
    answer = await scene.ask(operation.method, path_of(operation), raw=raw)
    assert code(answer) == (400, expected)
    assert told in answer.json["detail"]
    assert scene.documents.edits == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "x", "parts": [{"type": "text", "text": "x"}]},
        {"parts": []},
        {"parts": [{}]},
        {"parts": [{"type": 1}]},
        {"parts": [{"type": "text"}]},
        {"parts": [{"type": "file", "ref": REF, "media_type": "a/b", "name": "x"}]},
        {"parts": [{"type": "file", "ref": "../x", "media_type": "a/b", "name": "x", "size": 1}]},
        {"parts": [{"type": "file", "ref": REF, "media_type": "a/b", "name": "", "size": 1}]},
        {"parts": [{"type": "file", "ref": REF, "media_type": "a/b", "name": "x", "size": -1}]},
        {"parts": [{"type": "text", "text": {"a": 1}}]},
        {"text": "x", "role": "robot"},
        {"text": "x", "id": "a b"},
        {"text": "x", "id": ""},
        {"text": "x", "id": "x" * 129},
        {"text": "x", "supersedes": "a\x00"},
        {"text": "x", "metadata": {"n": 2**53 + 1}},
        {"text": "x", "metadata": {"n": [{"m": -(2**64)}]}},
        {"parts": [{"type": "data", "n": 10**30}]},
        {"text": "x", "author": {"id": "bob"}},
        {"text": "x", "seq": 1},
    ],
)
async def test_a_message_that_cannot_be_meant_is_refused(scene: Scene, body: object) -> None:
    answer = await scene.ask("POST", "/v1/sessions/trip/messages", body)
    assert code(answer) == (400, "invalid_request")
    assert scene.documents.edits == []


def nested(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = {"a": value}
    return value


async def test_json_is_kept_down_to_a_depth(scene: Scene) -> None:
    path = "/v1/sessions/trip"
    kept = await scene.ask("PATCH", path, {"settings": nested(MAX_DEPTH)})
    assert kept.json["settings"] == nested(MAX_DEPTH)
    answer = await scene.ask("PATCH", path, {"settings": nested(MAX_DEPTH + 1)})
    assert code(answer) == (400, "invalid_request")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "json"])
async def test_a_body_of_another_type_is_refused(scene: Scene, kind: str) -> None:
    answer = await scene.ask("POST", "/v1/sessions", {}, content_type=kind)
    assert code(answer) == (415, "unsupported_media_type")


async def test_a_body_over_the_limit_is_refused(scene: Scene) -> None:
    def body(size: int) -> bytes:
        return json.dumps({"text": "x" * (size - len('{"text": ""}'))}).encode()

    path = "/v1/sessions/trip/messages"
    assert (await scene.ask("POST", path, raw=body(MAX_BODY))).status == 201
    answer = await scene.ask("POST", path, raw=body(MAX_BODY + 1))
    assert code(answer) == (413, "too_large")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "\xe9", "\t"])
async def test_an_idempotency_key_that_is_none_is_refused(scene: Scene, key: str) -> None:
    for path, body in (("/v1/sessions", {}), ("/v1/sessions/trip/messages", {"text": "x"})):
        answer = await scene.ask("POST", path, body, idempotency_key=key)
        assert code(answer) == (400, "invalid_request")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=", "page=2", "limit=1.5"]
)
async def test_a_query_that_does_not_fit_is_refused(scene: Scene, query: str) -> None:
    for path in ("/v1/sessions", "/v1/sessions/trip/messages"):
        assert code(await scene.ask("GET", f"{path}?{query}")) == (400, "invalid_request")


@pytest.mark.parametrize("before", ["-1", "x", str(2**53 + 1), "9" * 40, "1e400"])
async def test_a_seq_that_is_none_is_refused(scene: Scene, before: str) -> None:
    answer = await scene.ask("GET", f"/v1/sessions/trip/messages?before={before}")
    assert code(answer) == (400, "invalid_request")


HOSTILE = [
    "nul \x00",
    "<|endoftext|>",
    "\u202eright to left \u0639\u0631\u0628",
    "\ufffe\uffff",
    "\U0001f468\u200d\U0001f469",
    "a\r\nb\u2028",
    "",
]


@pytest.mark.parametrize(("text", "field"), [*itertools.product(HOSTILE, ("title", "text"))])
async def test_any_text_is_kept_unchanged(scene: Scene, text: str, field: str) -> None:
    if field == "title":
        answer = await scene.ask("PATCH", "/v1/sessions/trip", {"title": text})
        assert answer.json["title"] == text
    else:
        answer = await scene.ask("POST", "/v1/sessions/trip/messages", {"text": text})
        assert answer.json["parts"][0]["text"] == text


async def test_a_body_that_does_not_come_is_not_waited_for_for_ever(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "_BODY_S", 0.01)
    answer = await scene.ask("POST", "/v1/sessions", raw=b'{"title":', is_whole=False)
    assert code(answer) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"


async def test_a_body_that_is_far_too_long_is_not_read_to_its_end(scene: Scene) -> None:
    """`ask` would wait for the rest, which never comes."""
    raw = b" " * (incoming.MAX_DRAINED + 1)
    answer = await scene.ask("POST", "/v1/sessions", raw=raw, is_whole=False)
    assert code(answer) == (413, "too_large")


async def test_a_user_writes_so_often_a_second_and_reads_on(scene: Scene) -> None:
    services = scene.api.services
    assert services is not None
    scene.api.services = replace(services, writes=Writes(1, 3))
    told = [await scene.ask("PATCH", "/v1/sessions/trip", {"title": "x"}) for _ in range(4)]
    assert [each.status for each in told] == [200, 200, 200, 429]
    assert (told[-1].json["code"], told[-1].headers["retry-after"]) == ("too_many", "1")
    assert "SEGUE_FRAME_RATE" in told[-1].json["detail"]
    assert (await scene.ask("GET", "/v1/sessions/trip")).status == 200
    other = await scene.ask("POST", "/v1/sessions", {"id": "others"}, user="bob")
    assert other.status == 201
