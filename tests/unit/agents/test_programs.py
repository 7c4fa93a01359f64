"""Programs of remote agents as the server sees them, without sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from segue.agents.port import Event, TextDelta, ToolStart
from segue.agents.remote import programs as module
from segue.agents.remote.frames import Begin, Ended, Said, ServerFrame, Stop, Stored, event_to_json
from segue.agents.remote.programs import Program, ProgramFailed, ProgramLost, Programs
from segue.agents.turns import Given
from segue.document.views import TurnView
from segue.ids import DocumentId

TALK = DocumentId("talk")
GIVEN = Given(TALK, TurnView([], {}, "", [], 0), {})


class Sent(list[ServerFrame]):
    def kinds(self) -> list[type[ServerFrame]]:
        return [type(frame) for frame in self]


def program(
    sent: Sent, at_once: int = 2, reach: Callable[[DocumentId], bool] | None = None
) -> Program:
    return Program("helper", at_once, reach or (lambda _: True), sent.append)


def said(turn: int, event: Event) -> Said:
    return Said(turn, event_to_json(event))


async def _next(events: AsyncIterator[Event]) -> Event:
    return await anext(events)


def play(act: Callable[[asyncio.TaskGroup], Awaitable[None]]) -> None:
    async def acting() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            await act(tasks)

    asyncio.run(acting())


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_events_come_in_order_and_a_tool_waits_until_its_start_is_stored() -> None:
    async def act(tasks: asyncio.TaskGroup) -> None:
        sent = Sent()
        each = program(sent)
        events = each.respond(GIVEN)
        first = tasks.create_task(_next(events))
        await asyncio.sleep(0)
        assert sent.kinds() == [Begin]
        await each.take(said(1, TextDelta("a")))
        await each.take(said(1, ToolStart("c")))
        assert await first == TextDelta("a")
        assert await anext(events) == ToolStart("c")
        assert sent.kinds() == [Begin], "who took it has not stored it yet"
        await each.take(Ended(1))
        with pytest.raises(StopAsyncIteration):
            await anext(events)
        assert sent.kinds() == [Begin, Stored]

    play(act)


def test_what_a_lost_program_said_before_counts_and_then_it_is_lost() -> None:
    async def act(tasks: asyncio.TaskGroup) -> None:
        each = program(Sent())
        events = each.respond(GIVEN)
        first = tasks.create_task(_next(events))
        await asyncio.sleep(0)
        await each.take(said(1, TextDelta("a")))
        await each.take(said(1, TextDelta("b")))
        each.lose()
        assert [await first, await anext(events)] == [TextDelta("a"), TextDelta("b")]
        with pytest.raises(ProgramLost):
            await anext(events)
        with pytest.raises(ProgramLost):
            await anext(each.respond(GIVEN))

    play(act)


def test_a_turn_that_is_given_up_is_stopped_and_its_late_words_reach_nobody() -> None:
    async def act(tasks: asyncio.TaskGroup) -> None:
        sent = Sent()
        each = program(sent)
        events = each.respond(GIVEN)
        first = tasks.create_task(_next(events))
        await asyncio.sleep(0)
        await each.take(said(1, TextDelta("a")))
        await first
        await events.aclose()  # type: ignore[attr-defined]  # a generator
        assert sent.kinds() == [Begin, Stop]
        for number in range(100):
            await each.take(said(1, TextDelta(f"late {number}")))
        second = tasks.create_task(_next(each.respond(GIVEN)))
        await asyncio.sleep(0)
        await each.take(said(1, TextDelta("late")))
        await each.take(said(2, TextDelta("mine")))
        assert await second == TextDelta("mine")

    play(act)


def test_a_failing_agent_says_why() -> None:
    async def act(tasks: asyncio.TaskGroup) -> None:
        each = program(Sent())
        tasks.create_task(each.take(Ended(1, "no")))
        with pytest.raises(ProgramFailed, match="no"):
            await anext(each.respond(GIVEN))

    play(act)


def test_who_says_more_than_is_taken_waits() -> None:
    async def act(tasks: asyncio.TaskGroup) -> None:
        each = program(Sent())
        events = each.respond(GIVEN)
        first = tasks.create_task(_next(events))
        await asyncio.sleep(0)
        await each.take(said(1, TextDelta("x")))
        await first
        taken = 0

        async def flood() -> None:
            nonlocal taken
            while True:
                await each.take(said(1, TextDelta("x")))
                taken += 1

        async with asyncio.TaskGroup() as others:
            flooding = others.create_task(flood())
            for _ in range(200):
                await asyncio.sleep(0)
            held = taken
            assert held < 50
            await anext(events)
            for _ in range(200):
                await asyncio.sleep(0)
            assert taken == held + 1
            flooding.cancel()

    play(act)


def test_seats_go_to_who_is_there_has_room_and_may() -> None:
    async def act(tasks: asyncio.TaskGroup) -> None:
        programs = Programs(("helper",))
        full = program(Sent(), at_once=1)
        elsewhere = program(Sent(), reach=lambda document: document != TALK)
        programs.join(elsewhere)
        async with asyncio.TaskGroup() as others:
            got: list[Program] = []

            async def sit() -> None:
                async with programs.seat("helper", TALK) as each:
                    got.append(each)
                    await asyncio.Event().wait()

            first = others.create_task(sit())
            second = others.create_task(sit())
            for _ in range(10):
                await asyncio.sleep(0)
            assert got == []
            programs.join(full)
            for _ in range(10):
                await asyncio.sleep(0)
            assert got == [full]
            first.cancel()
            for _ in range(10):
                await asyncio.sleep(0)
            assert got == [full, full], "a seat that is left is taken by the next"
            programs.leave(full)
            assert not full.is_free
            second.cancel()

    play(act)


def test_who_waits_is_seated_in_the_order_of_coming() -> None:
    async def act(tasks: asyncio.TaskGroup) -> None:
        programs, seated = Programs(("helper",)), list[str]()
        ending: dict[str, asyncio.Event] = {}

        async def sit(name: str) -> None:
            async with programs.seat("helper", DocumentId(name)):
                seated.append(name)
                await ending.setdefault(name, asyncio.Event()).wait()

        sitting = {}
        for name in ("busy", "quiet", "shy", "late"):
            sitting[name] = tasks.create_task(sit(name))
            await turns()
        programs.join(program(Sent(), at_once=1))
        await turns()
        assert seated == ["busy"]
        ending["busy"].set()
        sitting["again"] = tasks.create_task(sit("again"))
        sitting["shy"].cancel()
        for expected in (["busy", "quiet"], ["busy", "quiet", "late"]):
            await turns()
            assert seated == expected, "one end seats one, and not whoever came just now"
            ending[expected[-1]].set()
        await turns()
        assert seated == ["busy", "quiet", "late", "again"]
        ending["again"].set()

    play(act)


def test_a_program_of_few_sessions_seats_the_first_of_those() -> None:
    async def act(tasks: asyncio.TaskGroup) -> None:
        programs, seated = Programs(("helper",)), list[str]()

        async def sit(name: str) -> None:
            async with programs.seat("helper", DocumentId(name)):
                seated.append(name)

        elsewhere = tasks.create_task(sit("elsewhere"))
        tasks.create_task(sit("talk"))
        await turns()
        programs.join(program(Sent(), at_once=1, reach=lambda document: document == TALK))
        await turns()
        assert seated == ["talk"]
        elsewhere.cancel()

    play(act)


def test_a_seat_given_to_who_has_just_been_stopped_goes_to_the_next() -> None:
    async def act(tasks: asyncio.TaskGroup) -> None:
        programs, seated = Programs(("helper",)), list[str]()

        async def sit(name: str) -> None:
            async with programs.seat("helper", DocumentId(name)):
                seated.append(name)

        first, _ = tasks.create_task(sit("first")), tasks.create_task(sit("second"))
        await turns()
        each = program(Sent(), at_once=1)
        programs.join(each)
        first.cancel()
        await turns()
        assert (seated, each.taken) == (["second"], 0)

    play(act)


def test_a_turn_that_its_program_forgot_is_lost_though_the_program_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_TURN_SILENT_S", 0.01)

    async def act(tasks: asyncio.TaskGroup) -> None:
        sent = Sent()
        each = program(sent)
        with pytest.raises(ProgramLost, match="said nothing"):
            await anext(each.respond(GIVEN))
        assert not each.is_lost
        assert sent.kinds() == [Begin, Stop]

    play(act)
