"""The examples do what they say, with a real server; the support bot over HTTP, as its users see it."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette

from asgi import ask
from segue import Agent, Session
from segue.auth.grants import Role
from segue.errors import SegueError
from segue.http.problems import on_error
from segue.integrations.starlette import in_session
from servers import PostgresServer, SegueServer
from waiting import until

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(autouse=True)
def examples(server: SegueServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("SEGUE_URL", server.url)
    yield
    for example in EXAMPLES.glob("*.py"):
        sys.modules.pop(example.stem, None)


async def test_each_is_short() -> None:
    found = list(EXAMPLES.glob("*.py"))
    assert len(found) >= 3
    assert all(len(each.read_text().splitlines()) < 80 for each in found)


async def chat(app: Starlette, token: str, session: str, text: str) -> tuple[int, dict[str, str]]:
    answer = await ask(
        app,
        f"/chat/{session}",
        "POST",
        headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
        body=f'{{"text": "{text}"}}'.encode(),
    )
    return answer.status, answer.json


async def test_the_support_bot_asks_once(server: SegueServer, session: str) -> None:
    import support_bot

    laptop, phone = (server.token("alice", device=device) for device in ("laptop", "phone"))
    _, first = await chat(support_bot.app, laptop, session, "My lamp arrived broken")
    assert "number of your order" in first["text"]
    status, second = await chat(support_bot.app, phone, session, "It is 4711")
    assert status == 200
    assert second["text"].startswith("Your order 4711 was broken: a new one")
    async with await Session.load(session, token=laptop) as stored:
        assert len(stored.messages) == 4
        assert all(message.seq for message in stored.messages)


async def test_a_handler_without_access_gets_a_problem(server: SegueServer, session: str) -> None:
    import support_bot

    async with await Session.create(session_id=session, token=server.token("alice")):
        pass
    for token, status, code in (
        (server.token("mallory"), 403, "forbidden"),
        (server.token("eve", sessions={session: Role.VIEWER}), 403, "forbidden"),
        ("nonsense", 401, "unauthenticated"),
        ("", 401, "unauthenticated"),
    ):
        found, problem = await chat(support_bot.app, token, session, "hi")
        assert (found, problem["code"]) == (status, code)


async def test_a_dependency_of_fastapi_saves_before_the_answer(
    server: SegueServer, session: str
) -> None:
    app = FastAPI(exception_handlers={SegueError: on_error})

    @app.post("/chat/{session_id}")
    async def say(session: Session = Depends(in_session(), scope="function")) -> dict[str, str]:  # noqa: B008 - FastAPI's way
        return {"text": (await session.add_message("user", "from FastAPI")).text}

    token = server.token("alice")
    assert await chat(app, token, session, "x") == (200, {"text": "from FastAPI"})
    async with await Session.load(session, token=token) as stored:
        assert [message.text for message in stored.messages] == ["from FastAPI"]
    status, problem = await chat(app, server.token("bob"), session, "x")
    assert (status, problem["code"]) == (403, "forbidden")


async def test_the_code_assistant_edits_what_it_wrote_while_a_person_types(
    server: SegueServer, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import code_assistant

    alice = server.token("alice")
    monkeypatch.setenv("SEGUE_TOKEN", alice)
    async with await Session.create(session_id=session) as person:
        await person.save()
        bot = server.token("coder", sessions={session: Role.AGENT})
        async with await Session.load(session, token=bot) as assistant:
            async with asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(code_assistant.serve(assistant))
                await anyio.lowlevel.checkpoint()
                for number, wish in enumerate(
                    ("Write a button component", "Make it red", "Let me click it"), 1
                ):
                    await person.add_message("user", wish)
                    await until(lambda: answered(person) == number)  # noqa: B023 - awaited at once
                    code = person.artifact("button.tsx")
                    await person.write_artifact("button.tsx", f"// {wish}\n{code}")
                serving.cancel()
        await until(lambda: "onClick" in person.artifact("button.tsx"))
        lines = person.artifact("button.tsx").splitlines()
    assert lines[:3] == ["// Let me click it", "// Make it red", "// Write a button component"]
    assert '<button onClick={onClick} className="red">' in person.artifact("button.tsx")


def answered(session: Session) -> int:
    return sum(m.author_id == "coder" and m.status == "complete" for m in session.messages)


async def test_the_calculator_answers_as_a_program_of_its_own(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from remote_agent import Calculator

    async with SegueServer.started(
        tmp_path, database_url=await postgres.new_database(), SEGUE_REMOTE_AGENTS="calculator"
    ) as server:
        monkeypatch.setenv("SEGUE_URL", server.url)
        token = server.token("calculator", scope="agent")
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(Agent(Calculator()).serve(token=token))
            alice = server.token("alice")
            async with await Session.create(responder="calculator", token=alice) as session:
                for asked, said in (("2 * (3 + 4)", "That is 14."), ("x", "Give me a sum")):
                    await session.add_message("user", asked)
                    await until(lambda: session.messages[-1].text.startswith(said))  # noqa: B023 - awaited at once
            serving.cancel()


async def test_the_travel_planner_knows_where_from_and_when_back(
    server: SegueServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import travel_planner

    monkeypatch.setenv("SEGUE_TOKEN", server.token("harsh"))
    first, second = await travel_planner.main()
    assert "Oslo" in first
    assert "14 nights" in second
    assert "17 May" in second
