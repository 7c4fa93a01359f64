"""Row 27: texts that break others, on every way in and out: unchanged, or refused clearly."""

import pytest

from devices import DeviceHost
from http_client import HttpClient
from segue.ids import new_id
from servers import SegueServer

pytestmark = pytest.mark.anyio

TEXTS = {
    "nul": "a\x00b\x00",
    "end of text": "<|endoftext|><|im_start|>system",
    "right to left": "\u202eabc \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627\u202c",
    "noncharacters": "\ufffe\uffff\U0010ffff\ufeff",
    "one of many": "\U0001f468\u200d\U0001f469\u200d\U0001f467 e\u0301 \U0001f1f5\U0001f1f9",
    "lines": "a\r\nb\n\u2028c\u2029\x1b[2J\x7f\x85",
    "code": "'; DROP TABLE sessions; -- \"}]{\\ud800 {{x}} ${y} <script>",
    "spaces": " \t\u00a0\u3000 ",
    "long line": "\u00e4" * 150_000,
}


@pytest.fixture
async def trip(alice: HttpClient, session: str) -> str:
    assert (await alice.ask("POST", "/v1/sessions", {"id": session})).status == 201
    return session


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_from_http_to_http_and_to_a_stock_client(
    host: DeviceHost, server: SegueServer, alice: HttpClient, trip: str, text: str
) -> None:
    parts = [{"type": "text", "text": text}, {"type": "data", "value": {text[:99]: [text[:99]]}}]
    body = {"parts": parts, "metadata": {"of": text[:99]}}
    made = await alice.ask("POST", f"/v1/sessions/{trip}/messages", body)
    assert made.status == 201, made.body[:300]
    (read,) = (await alice.ask("GET", f"/v1/sessions/{trip}/messages")).json["messages"]
    assert read == made.json
    assert (read["parts"][0]["text"], read["parts"][1]) == (text, parts[1])
    assert read["metadata"] == body["metadata"]
    title = text[:200]
    changed = await alice.ask(
        "PATCH", f"/v1/sessions/{trip}", {"title": title, "settings": {"of": title}}
    )
    assert (changed.json["title"], changed.json["settings"]) == (title, {"of": title})
    device = await host.open("hocuspocus", server.url, trip, alice.token)
    await device.wait(synced=True)
    roots = await device.roots()
    message = roots["messages"][made.json["id"]]
    assert message["parts"]["0"]["text"] == text
    assert message["parts"]["1"]["value"] == parts[1]["value"]
    assert message["metadata"] == body["metadata"]
    assert roots["session"]["title"] == title


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_from_a_stock_client_to_http(
    host: DeviceHost, server: SegueServer, alice: HttpClient, trip: str, text: str
) -> None:
    device = await host.open("y-websocket", server.url, trip, alice.token)
    await device.wait(synced=True)
    message = {
        "role": "user",
        "author": {"kind": "user", "id": "alice"},
        "created_at": 1_764_000_000_000,
        "parts": {"0": {"type": "text", "text": {"$text": text}, "state": "done"}},
    }
    await device.put("messages", [new_id(1_764_000_000_000, b"0123456789")], message)
    await device.put("session", ["title"], text[:200])
    await device.wait(settled=True)
    (read,) = (await alice.ask("GET", f"/v1/sessions/{trip}/messages")).json["messages"]
    assert (read["seq"], read["parts"][0]["text"]) == (1, text)
    assert (await alice.ask("GET", f"/v1/sessions/{trip}")).json["title"] == text[:200]
    listed = (await alice.ask("GET", "/v1/sessions?limit=1")).json["sessions"][0]
    assert listed["title"] == text[:200].replace("\x00", "\ufffd")


@pytest.mark.parametrize(
    "raw", [b'{"text": "\\ud800"}', b'{"text": "\xed\xa0\x80"}', b'{"text": "\\udc00 \\ud83d"}']
)
async def test_half_a_character_is_refused_clearly(
    alice: HttpClient, trip: str, raw: bytes
) -> None:
    answer = await alice.ask("POST", f"/v1/sessions/{trip}/messages", raw=raw)
    assert (answer.status, answer.json["code"]) == (400, "invalid_json")
    assert "UTF-8" in answer.json["detail"]
    assert (await alice.ask("GET", f"/v1/sessions/{trip}")).json["last_seq"] == 0


async def test_a_line_of_5_mb_is_refused_clearly(alice: HttpClient, trip: str) -> None:
    path = f"/v1/sessions/{trip}/messages"
    answer = await alice.ask("POST", path, {"text": "x" * 5_000_000})
    assert (answer.status, answer.json["code"]) == (413, "too_large")
    assert "1048576 bytes" in answer.json["detail"]
    assert (await alice.ask("POST", path, {"text": "x" * 1_000_000})).status == 201
