"""Conversations out of a real server and in again: the same, whole, and nothing of what is broken."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from http_client import HttpAnswer, HttpClient
from servers import SegueServer
from waiting import until_it_is

pytestmark = pytest.mark.anyio

DATA = Path(__file__).parents[4] / "shared" / "data" / "dialogues.jsonl"
IMPORT = "/v1/sessions/import"
LINES = "application/x-ndjson"

TEXTS = {
    "nul": "a\x00b\x00",
    "end of text": "<|endoftext|><|im_start|>system",
    "right to left": "\u202eabc \u05e9\u05dc\u05d5\u05dd\u202c",
    "noncharacters": "\ufffe\uffff\U0010ffff\ufeff",
    "one of many": "\U0001f468\u200d\U0001f469\u200d\U0001f467 e\u0301",
    "lines": "a\r\nb\n\u2028c\u2029\x1b[2J\x7f\x85",
    "code": "'; DROP TABLE sessions; -- \"}]{\\ud800 {{x}} ${y} <script>",
    "long line": "\u00e4" * 830_000,
}
Turn = tuple[str, str]


def messages(turns: Sequence[Turn]) -> bytes:
    found = [{"type": "message", "role": role, "text": text} for role, text in turns]
    return b"".join(json.dumps(each).encode() + b"\n" for each in found)


async def send(client: HttpClient, data: bytes, query: str = "", **headers: str) -> HttpAnswer:
    return await client.ask("POST", IMPORT + query, raw=data, **{"content-type": LINES, **headers})


async def made(client: HttpClient, data: bytes, query: str = "", **headers: str) -> str:
    answer = await send(client, data, query, **headers)
    assert answer.status == 201, answer.body[:300]
    name: str = answer.json["id"]
    return name


async def exported(client: HttpClient, session: str, format: str = "jsonl") -> bytes:
    answer = await client.ask("GET", f"/v1/sessions/{session}/export?format={format}")
    assert answer.status == 200, answer.body[:300]
    return answer.body


async def said(client: HttpClient, session: str) -> list[Turn]:
    page = (await client.ask("GET", f"/v1/sessions/{session}/messages?limit=200")).json
    assert [each["seq"] for each in page["messages"]] == list(range(1, len(page["messages"]) + 1))
    return [(each["role"], each["parts"][0]["text"]) for each in page["messages"]]


def content(data: bytes) -> list[dict[str, Any]]:
    """Gives the lines of an export without what is the session's own, not the conversation's."""
    lines = [json.loads(line) for line in data.splitlines()]
    for line in lines:
        if line["type"] == "session":
            for name in ("id", "created_at", "last_active_at"):
                del line[name]
    return lines


@pytest.mark.skipif(not DATA.exists(), reason="no dialogues beside this repository")
async def test_real_dialogues_make_the_round_in_each_format(alice: HttpClient) -> None:
    for line in DATA.read_text().splitlines():
        turns = [(turn["role"], turn["text"]) for turn in json.loads(line)["turns"]]
        session = await made(alice, messages(turns))
        assert await said(alice, session) == turns
        whole = await exported(alice, session)
        again = await made(alice, whole)
        assert content(await exported(alice, again)) == content(whole)
        for format in ("ai-sdk", "openai"):
            data = await exported(alice, session, format)
            kind = {"content-type": "application/json"}
            other = await made(alice, data, f"?format={format}", **kind)
            assert await said(alice, other) == turns


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_hostile_texts_make_the_round(alice: HttpClient, text: str) -> None:
    session = await made(alice, messages([("user", text), ("assistant", text)]))
    assert await said(alice, session) == [("user", text), ("assistant", text)]
    whole = await exported(alice, session)
    assert content(await exported(alice, await made(alice, whole))) == content(whole)


async def test_versions_parts_context_and_settings_make_the_round(
    alice: HttpClient, session: str
) -> None:
    path = f"/v1/sessions/{session}"
    settings = {"responder": "none", "deep": [{"a": None}]}
    await alice.ask("POST", "/v1/sessions", {"id": session, "title": "Trip", "settings": settings})
    call = {
        "type": "tool",
        "tool_call_id": "c",
        "name": "f",
        "args": {},
        "state": "output-available",
    }
    parts = [
        {"type": "text", "text": "Hm"},
        {**call, "output": [1.5]},
        {"type": "weather", "n": {}},
    ]
    asked = (await alice.ask("POST", f"{path}/messages", {"text": "x"})).json
    answer = {"parts": parts, "role": "assistant", "metadata": {"n": 1}}
    first = (await alice.ask("POST", f"{path}/messages", answer)).json
    await alice.ask("POST", f"{path}/messages", {"text": "Better", "supersedes": first["id"]})
    whole = await exported(alice, session)
    again = await made(alice, whole)
    state = (await alice.ask("GET", f"/v1/sessions/{again}")).json
    assert (state["title"], state["settings"], state["last_seq"]) == ("Trip", settings, 3)
    before, after = content(whole), content(await exported(alice, again))
    for line in before:
        if line.get("role") == "assistant":  # it is an agent's now; a person had said it
            line["metadata"]["imported_author"] = line["author"]
            line["author"] = {"kind": "agent", "id": "alice", "name": "assistant"}
    assert after == before
    shown = (await alice.ask("GET", f"/v1/sessions/{again}/messages")).json["messages"]
    assert [each["id"] for each in shown] == [asked["id"], state["head"]]
    assert first["id"] in shown[1]["versions"]


async def test_what_is_imported_goes_on_as_a_conversation_and_outlives_the_server(
    server: SegueServer, alice: HttpClient
) -> None:
    session = await made(
        alice, messages([("user", "One"), ("assistant", "Two")]), "", idempotency_key="k"
    )
    path = f"/v1/sessions/{session}/messages"
    assert (await alice.ask("POST", path, {"text": "Three"})).json["seq"] == 3
    await server.restart()
    assert [text for _, text in await said(alice, session)] == ["One", "Two", "Three"]
    repeated = await send(
        alice, messages([("user", "One"), ("assistant", "Two")]), "", idempotency_key="k"
    )
    assert (repeated.status, repeated.json["last_seq"]) == (200, 3)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (messages([("user", "x")]) + b'{"type": "message", "role": "user", "text": "\\ud800"}', "Line 2"),
        (messages([("user", "x")]) + b'{"type": "message", "role": "user", "text": "\xed\xa0\x80"}', "Line 2"),
        (messages([("user", "x")]) + b"\x00" * 1000, "Line 2"),
        (b'{"type": "session", "version": 1}\n' + messages([("user", "x")]), "cut off"),
    ],
)  # fmt: skip
async def test_a_broken_file_makes_nothing(alice: HttpClient, data: bytes, told: str) -> None:
    before = (await alice.ask("GET", "/v1/sessions?limit=200")).json
    answer = await send(alice, data)
    assert (answer.status, answer.json["code"]) == (400, "invalid_transcript")
    assert told in answer.json["detail"]
    assert (await alice.ask("GET", "/v1/sessions?limit=200")).json == before


async def test_as_much_as_may_be_is_taken_and_more_is_refused(
    alice: HttpClient, session: str
) -> None:
    before = (await alice.ask("GET", "/v1/sessions?limit=200")).json
    for data in (
        messages([("user", "x" * 5_600_000)] * 3),
        messages([("user", "x" * 100)] * 10_001),
    ):
        answer = await send(alice, data)
        assert answer.status in (400, 413), answer.body[:300]
    assert (await alice.ask("GET", "/v1/sessions?limit=200")).json == before
    data = messages([("user", "x" * 100)] * 10_000)

    async def look() -> bool:
        # On a machine that is busy it takes longer than anyone waits; repeating it is safe.
        answer = await send(alice, data, f"?id={session}")
        assert answer.status in (200, 201, 429, 503), answer.body[:300]
        return answer.status < 300

    await until_it_is(look)
    found = await exported(alice, session)
    assert json.loads(found.splitlines()[-1]) == {"type": "end", "messages": 10_000}


async def test_odd_parts_are_kept_and_harm_nothing(alice: HttpClient) -> None:
    odd = [{"type": "tool", "state": "approval-requested"}, {"type": ["x"]}, {}, {"text": 5}]
    lines = [
        {"type": "message", "id": "m1", "role": "user", "text": "x"},
        {"type": "message", "id": "m2", "role": "assistant", "parts": odd, "run": "m1"},
        {"type": "run", "id": "m1", "run": {"status": "active", "reply_to": "m1", "message": "m2"}},
    ]
    session = await made(alice, b"\n".join(json.dumps(each).encode() for each in lines))
    page = (await alice.ask("GET", f"/v1/sessions/{session}/messages")).json
    assert [len(each["parts"]) for each in page["messages"]] == [1, 4]
    cancelled = await alice.ask("POST", f"/v1/sessions/{session}/runs/m1/cancel")
    assert cancelled.json["status"] == "interrupted"
    assert (await send(alice, await exported(alice, session))).status == 201


async def test_of_another_session_nothing_is_exported(
    server: SegueServer, alice: HttpClient, session: str
) -> None:
    await alice.ask("POST", "/v1/sessions", {"id": session})
    bob = HttpClient(server, server.token("bob"))
    answer = await bob.ask("GET", f"/v1/sessions/{session}/export")
    assert (answer.status, answer.json["code"]) == (403, "forbidden")
