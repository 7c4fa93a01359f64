"""A program that only speaks HTTP sees an answer being written, also across cuts of its stream."""

import pytest

from event_reader import EventReader, Told
from http_client import HttpClient
from servers import SegueServer

pytestmark = pytest.mark.anyio


def put(known: dict[str, str], told: Told) -> None:
    """Does with an event what the README says."""
    match told.type:
        case "message.created" | "message.updated":
            parts = told.data["parts"]
            known[told.data["id"]] = parts[0]["text"] if parts else ""
        case "message.delta":
            assert len(known[told.data["id"]]) == told.data["at"]
            known[told.data["id"]] += told.data["text"]


async def test_an_answer_comes_as_text_that_is_appended(server: SegueServer, session: str) -> None:
    alice = HttpClient(server, server.token("alice"))
    await alice.ask("POST", "/v1/sessions", {"id": session})
    known: dict[str, str] = {}
    kinds: list[str] = []
    last_id, is_done = "", False
    await alice.ask("POST", f"/v1/sessions/{session}/messages", {"text": "100"})
    while not is_done:
        async with EventReader.opened(server, alice.token, session, last_id) as reader:
            for _ in range(12):
                told = await reader.next()
                put(known, told)
                kinds.append(told.type)
                if told.type == "run.updated" and told.data["value"]["status"] == "done":
                    is_done = True
                    break
            last_id = reader.last_id
    assert "".join(f"{number} " for number in range(100)) in known.values()
    assert kinds.count("message.delta") > 5
    assert "context.updated" in kinds
