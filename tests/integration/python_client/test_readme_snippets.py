"""The Python of the README runs as it stands there."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from asgi import ask
from segue import Session
from servers import SegueServer

pytestmark = pytest.mark.anyio

README = (Path(__file__).parents[3] / "README.md").read_text()


def snippet(name: str) -> str:
    found = re.search(rf"<!-- test: {name} -->\n```py\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


async def output(server: SegueServer, name: str) -> list[str]:
    """Runs a snippet as a program of its own; gives what it prints."""
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251 - for the interpreter
        "SEGUE_URL": server.url.replace("ws:", "http:"),
        "SEGUE_TOKEN": server.token("harsh"),
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", snippet(name)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


async def test_the_plain_form(server: SegueServer) -> None:
    lines = await output(server, "python-plain")
    assert "Berlin" in " ".join(lines[:-1])
    assert lines[-1].endswith("['user', 'assistant', 'user', 'assistant']")


async def test_the_async_form(server: SegueServer) -> None:
    *kinds, last = await output(server, "python")
    assert "message.delta" in kinds
    assert last == "Welcome to Berlin. 900"


async def test_the_handler(
    server: SegueServer, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_URL", server.url)
    token = server.token("harsh")
    async with await Session.create(session_id=session, token=token):
        pass
    names: dict[str, object] = {}
    exec(compile(snippet("python-handler"), "README.md", "exec"), names)
    answer = await ask(
        names["app"],
        f"/chat/{session}",
        "POST",
        headers={"authorization": f"Bearer {token}"},
        body=b'{"text": "hi"}',
    )
    assert (answer.status, answer.json) == (200, {"text": "Message 1 is here."})
