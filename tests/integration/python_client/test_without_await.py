"""`segue.sync`: the plain story in a script of its own, in a notebook's cell, and after errors."""

import asyncio
import os
import subprocess
import sys

import pytest

from segue import sync
from segue.errors import Unreachable
from servers import SegueServer

pytestmark = pytest.mark.anyio

SCRIPT = """
from segue.sync import Agent, Session

session = Session.create(user_id="harsh", session_id="{session}")
session.add_message("user", "Find flights to Berlin")
session.add_message("agent", "When would you like to travel?")
session.save()
session = Session.load(session_id="{session}")
agent = Agent("demo")
session.add_message("user", "On 3 May")
response = agent.generate(session.get_history())
assert response, response
assert agent.resume(session)
session.set("budget", 900, ttl=3600)
session.save()
print([m.role for m in session.messages], session.get("budget"), session.token_count() > 10)
"""


async def test_the_plain_story_as_a_script(server: SegueServer, session: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251 - for the interpreter
        "SEGUE_URL": server.url.replace("ws:", "http:"),
        "SEGUE_TOKEN": server.token("harsh"),
    }
    code = SCRIPT.format(session=session)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['user', 'assistant', 'user', 'assistant'] 900 True\n"


async def test_a_cell_of_a_notebook_has_a_loop_already(server: SegueServer, session: str) -> None:
    here = {"url": server.url, "token": server.token("alice")}
    with sync.Session.create(session_id=session, **here) as ours:
        ours.add_message("user", "one")
        ours.write_artifact("plan", "Day 1")
    again = sync.Session.load(session, **here)
    assert [message.text for message in again.messages] == ["one"]
    assert again.artifact("plan") == "Day 1"
    again.close()


async def test_events_are_told_from_the_call_on(server: SegueServer, session: str) -> None:
    here = {"url": server.url, "token": server.token("alice")}
    with sync.Session.create(session_id=session, **here) as ours:
        events = ours.events()
        ours.add_message("user", "one")
        assert next(events).data["parts"][0]["text"] == "one"


async def test_errors_are_those_of_the_async_client(server: SegueServer, session: str) -> None:
    with pytest.raises(Unreachable):
        sync.Session.load(session, url="http://127.0.0.1:9", token=server.token("a"), timeout_s=0.2)
