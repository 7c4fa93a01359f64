"""Files in and out over HTTP: who the authors are, what is refused, and that nothing is half made."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import anyio
import msgspec
import pytest
from api_scene import MAX_FILE, NOW_MS, Scene, token
from starlette.types import Message

from asgi import Answer
from segue.auth.grants import Role
from segue.conversation import transfers
from segue.document.edits import ImportTranscript
from segue.errors import Overloaded, RefusedUpdate, StorageUnavailable, TooLarge, TooMany
from segue.http import piece_stream, transfer_operations
from segue.ids import DocumentId, UserId
from segue.transcripts.model import Format
from waiting import until

pytestmark = pytest.mark.anyio

IMPORT = "/v1/sessions/import"


@pytest.fixture
def scene() -> Scene:
    return Scene()


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def lines(*messages: dict[str, Any]) -> bytes:
    return b"".join(json.dumps({"type": "message", **each}).encode() + b"\n" for each in messages)


async def send(scene: Scene, data: bytes, query: str = "", **options: Any) -> Answer:
    options.setdefault("content_type", "application/x-ndjson")
    return await scene.ask("POST", IMPORT + query, raw=data, **options)


def last(scene: Scene) -> ImportTranscript:
    edit = scene.documents.edits[-1]
    assert isinstance(edit, ImportTranscript)
    return edit


HELLO = lines({"role": "user", "text": "Hello"})


async def test_a_file_becomes_a_session_of_who_sends_it(scene: Scene) -> None:
    made = await send(scene, HELLO)
    assert made.status == 201
    assert made.headers["location"] == f"/v1/sessions/{made.json['id']}"
    assert (made.json["role"], made.json["last_seq"]) == ("owner", 1)
    (message,) = last(scene).messages
    assert (message.author.kind, message.author.id, message.created_at) == ("user", "alice", NOW_MS)


async def test_nobody_can_be_made_to_say_anything(scene: Scene) -> None:
    bob = {"kind": "user", "id": "bob", "name": "Bob"}
    bot = {"kind": "agent", "id": "demo"}
    await send(
        scene,
        lines(
            {"role": "user", "text": "x", "author": bob, "metadata": {"n": 1}},
            {"role": "user", "text": "x", "author": {"kind": "user", "id": "alice"}},
            {"role": "assistant", "text": "x", "author": bot},
            {"role": "agent", "text": "x", "author": bob},
            {"role": "system", "text": "x", "author": bob, "metadata": {"imported_author": 7}},
        ),
    )
    found = [
        (each.role, each.author.kind, each.author.id, json.loads(each.metadata or b"null"))
        for each in last(scene).messages
    ]
    assert found == [
        ("user", "user", "alice", {"n": 1, "imported_author": bob}),
        ("user", "user", "alice", None),
        ("assistant", "agent", "alice", {"imported_author": bot}),
        ("assistant", "agent", "alice", {"imported_author": bob}),
        ("system", "user", "alice", {"imported_author": 7}),
    ]


async def test_entries_of_the_context_are_the_importers(scene: Scene) -> None:
    entry = {"type": "context", "key": "budget", "entry": {"value": 9, "by": "bob"}}
    await send(scene, HELLO + json.dumps(entry).encode())
    assert json.loads(last(scene).context["budget"]) == {
        "value": 9, "by": "alice", "imported_by": "bob",
    }  # fmt: skip


async def test_ids_are_kept_where_they_can_be(scene: Scene) -> None:
    await send(
        scene,
        lines(
            {"role": "user", "text": "x", "id": "m1"},
            {"role": "assistant", "text": "x", "id": "not an id"},
            {"role": "user", "text": "x", "parent": "not an id", "supersedes": "nobody's"},
        ),
    )
    first, second, third = last(scene).messages
    assert first.id == "m1"
    assert (second.parent, third.parent, third.supersedes) == ("m1", second.id, None)
    assert second.id != "not an id"


async def test_nothing_is_under_way_in_a_file(scene: Scene) -> None:
    call = {"type": "tool", "tool_call_id": "c", "name": "f", "state": "approval-requested"}
    run = {
        "type": "run",
        "id": "m1",
        "run": {"status": "active", "reply_to": "m1", "message": "m2"},
    }
    other = {"type": "run", "id": "m9", "run": {"status": "done", "reply_to": "m9"}}
    text = {"type": "text", "text": "x", "state": "streaming"}
    answer = {
        "role": "assistant",
        "id": "m2",
        "run": "m1",
        "parts": [text, call],
        "status": "suspended",
    }
    question = {"role": "user", "id": "m1", "text": "x", "status": "queued"}
    await send(
        scene, lines(question, answer) + b"\n".join(json.dumps(x).encode() for x in (run, other))
    )
    edit = last(scene)
    assert [each.status for each in edit.messages] == ["complete", "interrupted"]
    assert [json.loads(part)["state"] for part in edit.messages[1].parts] == [
        "done",
        "output-denied",
    ]
    assert {name: json.loads(value) for name, value in edit.runs.items()} == {
        "m1": {"agent": "", "status": "interrupted", "reply_to": "m1", "message": "m2"}
    }


async def test_whatever_a_file_holds_a_worker_can_read_the_edit(scene: Scene) -> None:
    tool = {"type": "tool", "state": "approval-requested"}
    odd = [tool, {"type": ["tool"], "state": {}}, {}, {**tool, "tool_call_id": 7}, {"type": "text"}]
    about = {"author": [], "created_at": True, "status": 5}
    sdk = [{"id": 7, "role": "user", "metadata": {"segue": about}, "parts": []}]
    for query, data in (
        ("", lines({"role": "assistant", "parts": odd, "author": {"id": [], "kind": {}}})),
        ("?format=ai-sdk", json.dumps(sdk).encode()),
        ("?format=openai", json.dumps([{"role": "user", "content": None}]).encode()),
    ):
        answer = await send(scene, data, query)
        assert answer.status == 201, answer.body
        edit = last(scene)
        again = msgspec.msgpack.decode(msgspec.msgpack.encode(edit), type=ImportTranscript)
        assert again == edit
        assert edit.messages[0].created_at is not True
        for part in edit.messages[0].parts:
            assert b"approval-requested" not in part


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (HELLO + b"{", "Line 2"),
        (lines({"role": "user", "text": "x", "id": "m"}, {"role": "user", "text": "x", "id": "m"}), "Line 2"),
        (lines({"role": "user", "text": "x", "parent": "m"}), "Line 1 has a parent"),
        (lines({"role": "user", "text": "x", "id": "m", "parent": "m"}), "Line 1 has a parent"),
    ],
)  # fmt: skip
async def test_a_wrong_file_makes_nothing(scene: Scene, data: bytes, told: str) -> None:
    answer = await send(scene, data)
    assert code(answer) == (400, "invalid_transcript")
    assert told in answer.json["detail"]
    assert scene.register.members == {}
    assert scene.documents.edits == []


@pytest.mark.parametrize("size", [MAX_FILE, MAX_FILE + 1])
async def test_a_file_that_is_too_large_makes_nothing(scene: Scene, size: int) -> None:
    """The first could come, and no document could hold it."""
    data = HELLO[:-3] + b"x" * (size - len(HELLO)) + HELLO[-3:]
    assert len(data) == size
    answer = await send(scene, data)
    assert code(answer) == (413, "too_large")
    assert scene.register.members == {}


async def test_parts_and_entries_cost_something_however_small_they_are(scene: Scene) -> None:
    """240,000 of them took a worker ten seconds, from a file of 3 MiB."""
    few = [{"type": "a"}] * 8_000
    entries = b"".join(
        json.dumps({"type": "context", "key": str(n), "entry": {}}).encode() + b"\n"
        for n in range(10_000)
    )
    for data in (lines({"role": "user", "parts": few * 2}), HELLO + entries):
        assert len(data) < MAX_FILE
        assert code(await send(scene, data)) == (413, "too_large")
    assert (await send(scene, lines({"role": "user", "parts": few}))).status == 201


async def test_of_parts_and_entries_there_are_not_too_many(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "_MAX_PARTS", 3)
    entry = json.dumps({"type": "context", "key": "k", "entry": {}}).encode()
    data = lines({"role": "user", "parts": [{}, {}]})
    answer = await send(scene, data + HELLO + entry)
    assert code(answer) == (400, "invalid_transcript")
    assert "4 parts" in answer.json["detail"]
    assert scene.register.members == {}
    assert (await send(scene, data + entry)).status == 201


async def test_repeating_is_safe(scene: Scene) -> None:
    first = await send(scene, HELLO, idempotency_key="k1")
    again = await send(scene, HELLO, idempotency_key="k1")
    assert (first.status, again.status, again.json) == (201, 200, first.json)
    assert scene.documents.edits[0] == scene.documents.edits[1]
    other = await send(scene, HELLO + HELLO, idempotency_key="k1")
    assert code(other) == (422, "idempotency_mismatch")
    named = [await send(scene, HELLO, "?id=trip") for _ in range(2)]
    assert [each.status for each in named] == [201, 200]
    assert code(await send(scene, HELLO + HELLO, "?id=trip")) == (409, "conflict")


async def test_what_a_document_refuses_leaves_no_session(scene: Scene) -> None:
    for error in (RefusedUpdate("no"), TooLarge("no")):
        scene.documents.failing = error
        answer = await send(scene, HELLO, idempotency_key=f"k{error.code}")
        assert answer.json["code"] == error.code
    scene.documents.failing = Overloaded("later")
    assert code(await send(scene, HELLO)) == (503, "overloaded")
    scene.documents.failing = None
    assert (await scene.ask("GET", "/v1/sessions")).json["sessions"] == []


@pytest.mark.parametrize("error", [Overloaded("later"), StorageUnavailable("away")])
async def test_what_could_not_be_done_is_completed_when_it_is_repeated(
    scene: Scene, error: Exception
) -> None:
    scene.documents.failing = error
    assert (await send(scene, HELLO, idempotency_key="k1")).status == 503
    scene.documents.failing = None
    again = await send(scene, HELLO, idempotency_key="k1")
    assert (again.status, again.json["last_seq"]) == (200, 1)


async def test_one_import_of_a_user_at_a_time(scene: Scene) -> None:
    scene.documents.stuck = True
    async with asyncio.TaskGroup() as tasks:
        under_way = tasks.create_task(send(scene, HELLO))
        await until(lambda: scene.register.members)
        assert code(await send(scene, HELLO)) == (429, "too_many")
        under_way.cancel()
    scene.documents.stuck = False
    assert (await send(scene, HELLO)).status == 201


async def test_of_one_user_one_file_at_a_time_is_held(scene: Scene) -> None:
    services = scene.api.services
    assert services is not None
    with services.transfers.alone(UserId("alice")):  # whose file is still on its way
        assert code(await send(scene, HELLO)) == (429, "too_many")
        assert (await send(scene, HELLO, user="bob")).status == 201
    assert (await send(scene, HELLO)).status == 201


async def test_a_token_for_single_sessions_imports_only_those(scene: Scene) -> None:
    listing = f"Bearer {token('alice', plan=Role.EDITOR, seen=Role.VIEWER)}"
    for query in ("", "?id=seen", "?id=other"):
        assert code(await send(scene, HELLO, query, authorization=listing)) == (403, "forbidden")
    assert (await send(scene, HELLO, "?id=plan", authorization=listing)).status == 201


async def test_a_session_is_written_to_a_file(scene: Scene) -> None:
    await send(scene, HELLO, "?id=trip")
    scene.join("trip", "vic", Role.VIEWER)
    answer = await scene.ask("GET", "/v1/sessions/trip/export", user="vic")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"] == 'attachment; filename="trip.jsonl"'
    assert answer.headers["cache-control"] == "no-store"
    found = [json.loads(line) for line in answer.body.splitlines()]
    assert [each["type"] for each in found] == ["session", "message", "end"]
    for format, kind in (("ai-sdk", "application/json"), ("openai", "application/json")):
        answer = await scene.ask("GET", f"/v1/sessions/trip/export?format={format}")
        assert answer.headers["content-type"] == kind
        assert len(answer.json) == 1
    assert code(await scene.ask("GET", "/v1/sessions/trip/export?format=pdf")) == (
        400, "invalid_request",
    )  # fmt: skip


async def test_few_exports_of_a_user_at_a_time(scene: Scene) -> None:
    await send(scene, HELLO, "?id=trip")
    services = scene.api.services
    assert services is not None
    claims = services.verify(token("alice"))
    for _ in range(5):  # none is forgotten
        assert (await scene.ask("HEAD", "/v1/sessions/trip/export")).status == 200
        assert code(await scene.ask("GET", "/v1/sessions/none/export")) == (403, "forbidden")
    exports = [await services.transfers.export(claims, "trip", Format.JSONL) for _ in range(4)]
    assert code(await scene.ask("GET", "/v1/sessions/trip/export")) == (429, "too_many")
    exports[0].end()
    assert (await scene.ask("GET", "/v1/sessions/trip/export")).status == 200


async def test_of_many_exports_at_once_no_more_pass(scene: Scene) -> None:
    await send(scene, HELLO, "?id=trip")
    services = scene.api.services
    assert services is not None
    exports, claims = services.transfers, services.verify(token("alice"))

    async def passes() -> bool:
        try:
            await exports.export(claims, "trip", Format.JSONL)
        except TooMany:
            return False
        return True

    async with asyncio.TaskGroup() as tasks:
        found = [tasks.create_task(passes()) for _ in range(32)]
    assert [each.result() for each in found].count(True) == 4


async def test_a_reader_of_an_export_who_takes_nothing_is_let_go(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piece_stream, "STALL_S", 0.01)
    await send(scene, HELLO, "?id=trip")
    services = scene.api.services
    assert services is not None
    claims = services.verify(token("alice"))
    export = await services.transfers.export(claims, "trip", Format.JSONL)
    ended, sent = [], list[Message]()

    async def take(message: Message) -> None:
        sent.append(message)
        if message.get("body"):
            await anyio.sleep_forever()

    counted = replace(export, end=lambda: ended.append(1))
    answer = transfer_operations.download("trip", counted)
    await answer({"type": "http", "method": "GET"}, anyio.sleep_forever, take)
    assert ended == [1]
    assert sent[-1].get("more_body")  # cut off, not ended


async def test_who_is_removed_reads_no_further(scene: Scene) -> None:
    await send(scene, HELLO, "?id=trip")
    scene.join("trip", "vic", Role.VIEWER)
    services = scene.api.services
    assert services is not None
    export = await services.transfers.export(services.verify(token("vic")), "trip", Format.JSONL)
    pieces = aiter(export.pieces)
    assert b'"session"' in await anext(pieces)
    del scene.register.members[DocumentId("trip")][UserId("vic")]
    with pytest.raises(Exception, match="no access"):
        await anext(pieces)
