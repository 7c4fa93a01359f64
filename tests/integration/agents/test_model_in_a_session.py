"""A session whose agent is a model: all devices see its answers, what they cost, and what went wrong."""

import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from talking import answer_to, ask, open_two, say, shown, text_of, until_it_writes, until_status

from devices import DeviceHost
from http_client import HttpClient
from models import Model, replies, says
from servers import PostgresServer, SegueServer

README = (Path(__file__).parents[3] / "README.md").read_text()

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    async with Model.started() as started:
        yield started


@pytest.fixture
async def server(
    postgres: PostgresServer, tmp_path: Path, model: Model
) -> AsyncIterator[SegueServer]:
    async with SegueServer.started(
        tmp_path,
        database_url=await postgres.new_database(),
        SEGUE_AGENT="openai",
        SEGUE_AGENT_MODEL="gpt-5",
        SEGUE_AGENT_INSTRUCTIONS="You plan trips.",
        OPENAI_BASE_URL=model.base_url,
    ) as started:
        yield started


async def test_the_planner_of_the_readme_asks_before_it_holds_a_seat(
    host: DeviceHost, postgres: PostgresServer, tmp_path: Path, session: str, model: Model
) -> None:
    code = re.search(r"<!-- test: model -->\n```py\n(.*?)```", README, re.DOTALL)
    assert code is not None
    (tmp_path / "mine.py").write_text(code[1])
    calls = {"toolCalls": [{"id": "c1", "name": "hold_seat", "arguments": {"seat": "12A"}}]}
    await model.script(replies(calls, turn=0), says("Done.", turn=1))
    async with SegueServer.started(
        tmp_path,
        database_url=await postgres.new_database(),
        SEGUE_AGENT="mine:planner",
        OPENAI_API_KEY="k",
        OPENAI_BASE_URL=model.base_url,
        PYTHONPATH=str(tmp_path),
    ) as server:
        phone, laptop = devices = await open_two(host, server, session)
        message = await say(phone, "Hold 12A")
        await until_status(laptop, message, "suspended")
        assert await shown(laptop, "runs", message, "waiting_for") == ["c1"]
        await ask(laptop, "approve", "c1", {"approved": True})
        await until_status(phone, message, "done")
        await host.equal(devices)
        call, text = (await answer_to(phone, message))["parts"].values()
        assert call["output"] == "12A is held for 15 minutes"
        assert text["text"] == "Done."


async def test_it_is_shown_what_is_in_the_files(
    host: DeviceHost, server: SegueServer, session: str, model: Model
) -> None:
    await model.script(says("A harbour."))
    phone, _ = await open_two(host, server, session)
    alice = HttpClient(server, server.token("alice"))
    place = f"/v1/sessions/{session}"
    picture, notes = b"\x89PNG\r\n\x1a\n" + bytes(300), b"Ferry at nine"
    parts: list[object] = [{"type": "text", "text": "What is this?"}]
    for content, kind in ((picture, "image/png"), (notes, "text/plain")):
        added = await alice.ask("POST", f"{place}/files", raw=content, content_type=kind)
        parts.append(added.json)
    said = await alice.ask("POST", f"{place}/messages", {"parts": parts})
    assert said.status == 201, said.body
    await until_status(phone, said.json["id"], "done")
    assert text_of(await answer_to(phone, said.json["id"])) == "A harbour."
    content = (await model.requests())[-1]["messages"][-1]["content"]
    assert content[0]["text"] == "What is this?"
    url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    assert content[2] == {"type": "image_url", "image_url": {"url": url}}
    assert content[4] == {"type": "text", "text": "Ferry at nine"}


async def test_it_answers_is_stopped_and_says_what_went_wrong(
    host: DeviceHost, server: SegueServer, session: str, model: Model
) -> None:
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    long = " ".join(str(number) for number in range(5_000))
    await model.script(
        says("Lisbon.", to="Where", response={"usage": usage}),
        says(long, to="Count", chunkSize=8, latency=5),
        replies({"error": {"message": "no"}, "status": 401}, to="Secret"),
    )
    phone, laptop = devices = await open_two(host, server, session)
    first = await say(phone, "Where to?")
    await until_status(laptop, first, "done")
    answer = await answer_to(laptop, first)
    assert text_of(answer) == "Lisbon."
    cost = {"input_tokens": 11, "output_tokens": 7, "model": "gpt-5"}
    assert answer["metadata"] == {"usage": cost}
    assert await shown(phone, "session", "title") == "Where to?"
    second = await say(laptop, "Count")
    await until_it_writes(phone, second)
    await ask(phone, "stop", second)
    await until_status(laptop, second, "cancelled")
    assert long.startswith(text_of(await answer_to(laptop, second)))
    third = await say(phone, "Secret?")
    await until_status(laptop, third, "error")
    assert "OPENAI_API_KEY" in await shown(laptop, "runs", third, "error")
    await host.equal(devices)
    asked = (await model.requests())[-1]["messages"]
    assert [message["role"] for message in asked] == [
        "system", "user", "assistant", "user", "assistant", "user",
    ]  # fmt: skip
