"""The agent of the README answers as it stands there."""

import re
from pathlib import Path

import pytest

from http_client import HttpClient
from servers import PostgresServer, SegueServer
from waiting import until_it_is

pytestmark = pytest.mark.anyio

README = (Path(__file__).parents[3] / "README.md").read_text()


async def test_it_echoes(postgres: PostgresServer, tmp_path: Path, session: str) -> None:
    code = re.search(r"<!-- test: agent -->\n```py\n(.*?)```", README, re.DOTALL)
    assert code is not None
    (tmp_path / "mine.py").write_text(code[1])
    async with SegueServer.started(
        tmp_path,
        database_url=await postgres.new_database(),
        SEGUE_AGENT="mine:Echo",
        PYTHONPATH=str(tmp_path),
    ) as server:
        alice = HttpClient(server, server.token("alice"))
        await alice.ask("POST", "/v1/sessions", {"id": session})
        await alice.ask("POST", f"/v1/sessions/{session}/messages", {"text": "to Lisbon"})

        async def is_answered() -> bool:
            page = await alice.ask("GET", f"/v1/sessions/{session}/messages")
            messages = page.json["messages"]
            texts = ["".join(part["text"] for part in message["parts"]) for message in messages]
            return texts == ["to Lisbon", "to Lisbon "]

        await until_it_is(is_answered)
