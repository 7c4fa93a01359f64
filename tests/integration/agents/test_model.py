"""The agent `openai` on a real server of scripted answers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from openai import AsyncOpenAI

from models import Model, replies, says
from segue.agents.openai import OpenAIAgent, tool
from segue.agents.openai.failures import ModelFailed
from segue.agents.parts import Parts
from segue.agents.port import (
    AskApproval,
    AskPerson,
    Event,
    Metadata,
    Part,
    ReasoningDelta,
    TextDelta,
    TextPart,
    Title,
    ToolCall,
    ToolError,
    ToolOutput,
    ToolPart,
    ToolStart,
    Turn,
    TurnMessage,
    TurnSession,
)

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    async with Model.started() as started:
        yield started


@tool()
async def weather(city: str) -> dict[str, str]:
    """Tells the weather."""
    return {"city": city, "sky": "blue"}


@tool(needs_approval=True)
async def hold_seat(seat: str) -> str:
    """Holds a seat."""
    return f"{seat} is held"


@tool(by_person=True)
async def sign(paper: str) -> str:
    """Has a person sign."""
    raise AssertionError("a person's")


@tool()
async def breaks(city: str) -> str:
    """Breaks."""
    raise ValueError(f"no such city: {city}")


AgentOn = Callable[..., OpenAIAgent]


@pytest.fixture
async def agent_on() -> AsyncIterator[AgentOn]:
    """Builds agents that ask a server, and closes them."""
    async with AsyncExitStack() as stack:

        def build(base_url: str, *, retries: int = 0, instructions: str = "") -> OpenAIAgent:
            client = AsyncOpenAI(api_key="k", base_url=base_url, max_retries=retries)
            tools = (weather, hold_seat, sign, breaks)
            agent = OpenAIAgent("gpt-5", instructions=instructions, tools=tools, client=client)
            stack.push_async_callback(agent.aclose)
            return agent

        yield build


def turn(text: str, parts: tuple[Part, ...] = (), **more: Any) -> Turn:
    asked = TurnMessage("m1", "user", text, "Alice", "complete", (TextPart(text),))
    return Turn((asked,), {}, {}, TurnSession("s", "named"), 0, parts, **more)


async def events(agent: OpenAIAgent, given: Turn) -> list[Event]:
    return [event async for event in agent.respond(given)]


def text_of(found: list[Event]) -> str:
    return "".join(event.text for event in found if isinstance(event, TextDelta))


def parts_of(given: Turn, found: list[Event]) -> tuple[Part, ...]:
    parts = Parts(given.parts)
    for event in found:
        parts.add(event)
    return parts.all


def calling(name: str, arguments: object, id: str = "c1") -> dict[str, Any]:
    return {"toolCalls": [{"id": id, "name": name, "arguments": arguments}]}


async def test_a_text_streams_with_what_it_thought_and_what_it_cost(
    model: Model, agent_on: AgentOn
) -> None:
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    await model.script(
        says("Lisbon in May.", chunkSize=5, response={"reasoning": "Warm.", "usage": usage})
    )
    agent = agent_on(model.base_url, instructions="Be brief.")
    known = {"usage": {"input_tokens": 100, "output_tokens": 1}}
    found = await events(agent, turn("Where to?", metadata=known))
    thoughts = [event.text for event in found if isinstance(event, ReasoningDelta)]
    assert "".join(thoughts) == "Warm."
    assert text_of(found) == "Lisbon in May."
    assert len([event for event in found if isinstance(event, TextDelta)]) > 1
    used = {"input_tokens": 111, "output_tokens": 8, "model": "gpt-5"}
    assert found[-1] == Metadata("usage", used)
    (request,) = await model.requests()
    assert request["messages"][0] == {"role": "system", "content": "Be brief."}
    assert {each["function"]["name"] for each in request["tools"]} == {
        "weather", "hold_seat", "sign", "breaks",
    }  # fmt: skip


async def test_a_session_without_a_title_is_named_after_its_first_message(
    model: Model, agent_on: AgentOn
) -> None:
    await model.script(says("Yes."))
    given = turn("Where " * 20)
    given = Turn(given.history, {}, {}, TurnSession("s", ""), 0)
    found = await events(agent_on(model.base_url), given)
    assert isinstance(found[0], Title)
    assert found[0].text.endswith("Where…")
    assert len(found[0].text) <= 61


async def test_tools_run_and_the_model_goes_on_with_their_results(
    model: Model, agent_on: AgentOn
) -> None:
    two = {
        "toolCalls": [
            {"id": "c1", "name": "weather", "arguments": {"city": "Lisbon"}},
            {"id": "c1", "name": "breaks", "arguments": {"city": "Atlantis"}},
        ]
    }
    await model.script(replies(two, turn=0), says("Blue.", turn=1))
    found = await events(agent_on(model.base_url), turn("Weather?"))
    assert [event for event in found if not isinstance(event, Metadata | TextDelta)] == [
        ToolCall("c1", "weather", {"city": "Lisbon"}),
        ToolCall("c1-2", "breaks", {"city": "Atlantis"}),
        ToolStart("c1"),
        ToolStart("c1-2"),
        ToolOutput("c1", {"city": "Lisbon", "sky": "blue"}),
        ToolError("c1-2", "no such city: Atlantis"),
    ]
    assert text_of(found) == "Blue."
    _, second = await model.requests()
    results = [message for message in second["messages"] if message["role"] == "tool"]
    assert [result["content"] for result in results] == [
        '{"city":"Lisbon","sky":"blue"}',
        "Error: no such city: Atlantis",
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("nothing", {}, "no such tool"),
        ("weather", {"town": "Lisbon"}, "don't fit"),
        ("weather", "[1]", "no JSON object"),
        ("hold_seat", {}, "don't fit"),
    ],
)
async def test_a_call_that_can_not_be_is_told_to_the_model(
    model: Model, name: str, arguments: object, said: str, agent_on: AgentOn
) -> None:
    await model.script(replies(calling(name, arguments), turn=0), says("Sorry.", turn=1))
    found = await events(agent_on(model.base_url), turn("?"))
    (error,) = [event for event in found if isinstance(event, ToolError)]
    assert said in error.text
    assert text_of(found) == "Sorry."


@pytest.mark.parametrize(
    ("name", "arguments", "asked"),
    [("hold_seat", {"seat": "12A"}, AskApproval), ("sign", {"paper": "p"}, AskPerson)],
)
async def test_it_asks_people_and_ends_its_turn(
    model: Model,
    name: str,
    arguments: object,
    asked: type[AskApproval] | type[AskPerson],
    agent_on: AgentOn,
) -> None:
    await model.script(replies(calling(name, arguments)))
    found = await events(agent_on(model.base_url), turn("Do it"))
    assert found[-1] == asked("c1")
    assert len(await model.requests()) == 1


@pytest.mark.parametrize(
    ("state", "result", "runs"),
    [
        ("approval-responded", "12A is held", True),
        ("output-denied", "A person said no to this. too dear", False),
    ],
)
async def test_it_goes_on_with_what_people_decided(
    model: Model, state: str, result: str, runs: bool, agent_on: AgentOn
) -> None:
    await model.script(says("So be it."))
    call = ToolPart("c1", "hold_seat", {"seat": "12A"}, state, reason="too dear")
    found = await events(agent_on(model.base_url), turn("Do it", (call,)))
    assert (ToolStart("c1") in found) is runs
    (request,) = await model.requests()
    assert request["messages"][-1]["content"] == result
    assert text_of(found) == "So be it."


async def test_an_answer_that_was_cut_off_goes_on(model: Model, agent_on: AgentOn) -> None:
    await model.script(says(" in May.", to="cut off"))
    given = turn("Where to?", (TextPart("Lisbon"),))
    found = await events(agent_on(model.base_url), given)
    assert parts_of(given, found) == (TextPart("Lisbon in May."),)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "refuses the key"),
        (404, "no such model"),
        (429, "too much to do"),
        (400, "refused the request: .*too many words"),
        (500, r"has failed \(500\)"),
    ],
)
async def test_a_refusal_is_told_in_words(
    model: Model, status: int, said: str, agent_on: AgentOn
) -> None:
    await model.script(replies({"error": {"message": "too many words"}, "status": status}))
    with pytest.raises(ModelFailed, match=said):
        await events(agent_on(model.base_url), turn("?"))


async def test_a_busy_server_is_asked_again(model: Model, agent_on: AgentOn) -> None:
    busy = {"error": {"message": "busy"}, "status": 429, "retryAfter": 0}
    once = {"match": {"sequenceIndex": 0}, "response": busy}
    await model.script(once, says("Now."))
    assert text_of(await events(agent_on(model.base_url, retries=2), turn("?"))) == "Now."
    assert len(await model.requests()) == 2


async def test_a_stream_that_breaks_off_is_an_error_and_what_came_stays(
    model: Model, agent_on: AgentOn
) -> None:
    await model.script(says("A long answer.", chunkSize=2, truncateAfterChunks=4, latency=50))
    came: list[Event] = []

    async def answer() -> None:
        async for event in agent_on(model.base_url).respond(turn("?")):
            came.append(event)  # noqa: PERF401  kept when it raises

    with pytest.raises(ModelFailed, match="broke off"):
        await answer()
    assert text_of(came)
    assert "A long answer.".startswith(text_of(came))
    assert len(await model.requests()) == 1


async def test_one_that_breaks_off_before_its_first_word_is_tried_again(
    model: Model, agent_on: AgentOn
) -> None:
    broken = {**says("x"), "match": {"sequenceIndex": 0}, "truncateAfterChunks": 1}
    await model.script(broken, says("Whole."))
    assert text_of(await events(agent_on(model.base_url), turn("?"))) == "Whole."
    assert len(await model.requests()) == 2


@pytest.mark.parametrize(
    ("finish", "said"), [("length", "as long as"), ("content_filter", "filtered")]
)
async def test_an_answer_that_was_ended_early_is_no_whole_one(
    model: Model, finish: str, said: str, agent_on: AgentOn
) -> None:
    await model.script(says("Well", response={"finishReason": finish}))
    with pytest.raises(ModelFailed, match=said):
        await events(agent_on(model.base_url), turn("?"))


async def test_a_server_that_is_not_there_is_told_in_words(agent_on: AgentOn) -> None:
    with pytest.raises(ModelFailed, match="can't be reached"):
        await events(agent_on("http://127.0.0.1:9/v1"), turn("?"))


async def test_a_model_that_only_calls_tools_comes_to_an_end(
    model: Model, agent_on: AgentOn
) -> None:
    await model.script(replies(calling("weather", {"city": "Lisbon"})))
    with pytest.raises(ModelFailed, match="20 times in a row"):
        await events(agent_on(model.base_url), turn("?"))


@pytest.mark.parametrize("how", ["cancelled", "closed"])
async def test_stopping_closes_the_stream_to_the_model(how: str, agent_on: AgentOn) -> None:
    is_closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        chunk = '{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}'
        writer.write(f"{head}data: {chunk}\n\n".encode())
        while await reader.read(1 << 16):
            pass
        is_closed.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, asyncio.timeout(20):
        port = server.sockets[0].getsockname()[1]
        answer = agent_on(f"http://127.0.0.1:{port}/v1").respond(turn("?"))
        assert await anext(answer) == TextDelta("Hi")
        if how == "closed":
            await answer.aclose()
        else:
            async with asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(anext(answer))  # type: ignore[arg-type]
                await asyncio.sleep(0)
                waiting.cancel()
        await is_closed.wait()
