"""Several tools that a model asks for at once run at the same time, and no more than some."""

import asyncio
from collections.abc import Awaitable, Callable

from segue.agents.openai.calls import MAX_AT_ONCE, Calls
from segue.agents.parts import Parts
from segue.agents.port import (
    AskApproval,
    ToolCall,
    ToolError,
    ToolEvent,
    ToolOutput,
    ToolStart,
    Turn,
    TurnSession,
)
from segue.agents.tools import Tool, tool

TURN = Turn((), {}, {}, TurnSession("s", ""), 0)


def play(act: Callable[[], Awaitable[None]]) -> None:
    async def acting() -> None:
        async with asyncio.timeout(10):
            await act()

    asyncio.run(acting())


def called(*names: str) -> Parts:
    parts = Parts(())
    for number, name in enumerate(names):
        parts.add(ToolCall(f"c{number}", name, {}))
    return parts


async def settled(parts: Parts, *tools: Tool) -> list[ToolEvent]:
    calls = Calls({each.name: each for each in tools}, TURN)
    found = []
    async for event in calls.settle(parts.open_calls):
        parts.add(event)
        found.append(event)
    return found


def test_each_waits_for_the_other_and_their_order_in_the_answer_stays() -> None:
    async def act() -> None:
        first_began, second_began, second_ended = (asyncio.Event() for _ in range(3))

        @tool()
        async def first() -> str:
            """Ends last."""
            first_began.set()
            await second_ended.wait()
            return "first"

        @tool()
        async def second() -> str:
            """Needs the first to have begun."""
            await first_began.wait()
            second_began.set()
            second_ended.set()
            return "second"

        parts = called("first", "second")
        found = await settled(parts, first, second)
        assert found == [
            ToolStart("c0"),
            ToolStart("c1"),
            ToolOutput("c1", "second"),
            ToolOutput("c0", "first"),
        ]
        assert [part.output for part in parts.all] == ["first", "second"]  # type: ignore[union-attr]  # calls

    play(act)


def test_at_most_some_at_once() -> None:
    async def act() -> None:
        running, most = 0, 0

        @tool()
        async def work() -> None:
            """Works a little."""
            nonlocal running, most
            running += 1
            most = max(most, running)
            for _ in range(5):
                await asyncio.sleep(0)
            running -= 1

        found = await settled(called(*["work"] * 20), work)
        assert sum(isinstance(event, ToolOutput) for event in found) == 20
        assert most == MAX_AT_ONCE

    play(act)


def test_one_that_fails_or_waits_for_people_stops_no_other() -> None:
    async def act() -> None:
        @tool()
        async def breaks() -> None:
            """Breaks."""
            raise ValueError("no")

        @tool()
        async def gives_up() -> None:
            """Cancels itself."""
            raise asyncio.CancelledError

        @tool(needs_approval=True)
        async def asks() -> None:
            """Needs a yes."""

        @tool()
        async def works() -> str:
            """Works."""
            await asyncio.sleep(0)
            return "done"

        names = ("breaks", "gives_up", "asks", "works", "missing")
        found = await settled(called(*names), breaks, gives_up, asks, works)
        assert set(found) >= {
            AskApproval("c2"),
            ToolError("c0", "no"),
            ToolError("c1", "The tool was cancelled."),
            ToolOutput("c3", "done"),
            ToolError("c4", "There is no such tool."),
        }

    play(act)


def test_ending_it_cancels_all_that_run() -> None:
    async def act() -> None:
        cancelled = 0

        @tool()
        async def waits() -> None:
            """Waits."""
            nonlocal cancelled
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled += 1
                raise

        async def consume() -> None:
            await settled(called("waits", "waits", "waits"), waits)

        async with asyncio.TaskGroup() as tasks:
            consuming = tasks.create_task(consume())
            for _ in range(20):
                await asyncio.sleep(0)
            consuming.cancel()
        assert cancelled == 3

    play(act)
