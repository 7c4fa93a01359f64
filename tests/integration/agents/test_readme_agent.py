"""The agent of the README answers as it stands there."""

import os
import re
import sys
from pathlib import Path

import anyio
import pytest

from http_client import HttpClient
from servers import PostgresServer, SegueServer
from waiting import until_it_is

pytestmark = pytest.mark.anyio

README = (Path(__file__).parents[3] / "README.md").read_text()


def snippet(name: str) -> str:
    code = re.search(rf"<!-- test: {name} -->\n```py\n(.*?)```", README, re.DOTALL)
    assert code is not None
    return code[1]


async def is_echoed(client: HttpClient, session: str) -> None:
    await client.ask("POST", "/v1/sessions", {"id": session})
    await client.ask("POST", f"/v1/sessions/{session}/messages", {"text": "to Lisbon"})

    async def is_answered() -> bool:
        page = await client.ask("GET", f"/v1/sessions/{session}/messages")
        messages = page.json["messages"]
        texts = ["".join(part["text"] for part in message["parts"]) for message in messages]
        return texts == ["to Lisbon", "to Lisbon "]

    await until_it_is(is_answered)


async def test_it_echoes(postgres: PostgresServer, tmp_path: Path, session: str) -> None:
    (tmp_path / "mine.py").write_text(snippet("agent"))
    async with SegueServer.started(
        tmp_path,
        database_url=await postgres.new_database(),
        SEGUE_AGENT="mine:Echo",
        PYTHONPATH=str(tmp_path),
    ) as server:
        await is_echoed(HttpClient(server, server.token("alice")), session)


async def test_it_echoes_from_a_program_of_its_own(
    postgres: PostgresServer, tmp_path: Path, session: str
) -> None:
    (tmp_path / "mine.py").write_text(snippet("agent"))
    (tmp_path / "program.py").write_text(snippet("remote-agent"))
    async with SegueServer.started(
        tmp_path, database_url=await postgres.new_database(), SEGUE_REMOTE_AGENTS="echo"
    ) as server:
        environment = {
            "PATH": os.environ["PATH"],  # noqa: TID251 - for the interpreter
            "SEGUE_URL": server.url,
            "SEGUE_TOKEN": server.token("echo", scope="agent"),
        }
        program = [sys.executable, str(tmp_path / "program.py")]
        async with await anyio.open_process(program, env=environment) as process:
            await is_echoed(HttpClient(server, server.token("alice")), session)
            process.kill()
