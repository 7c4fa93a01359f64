"""The tool calls of one round of an answer: brought to their results, several at the same time.

A model that asks for several tools at once means them to be independent. Each is one part of the answer, so
their order there stays, whichever is done first.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from itertools import islice
from typing import Final

import structlog

from segue.agents.port import (
    AskApproval,
    AskPerson,
    ToolError,
    ToolEvent,
    ToolOutput,
    ToolPart,
    ToolStart,
    Turn,
)
from segue.agents.tools import BadArguments, Tool

log = structlog.get_logger()

MAX_AT_ONCE: Final = 8
_MAX_ERROR: Final = 500


class Calls:
    """Settles calls of the tools that there are."""

    def __init__(self, tools: Mapping[str, Tool], turn: Turn) -> None:
        self._tools = tools
        self._turn = turn

    async def settle(self, calls: Sequence[ToolPart]) -> AsyncGenerator[ToolEvent, None]:
        """Brings each call to its result, or asks people for what it needs.

        Ending it cancels what runs.
        """
        ready = []
        for call in calls:
            if (event := self._before(call)) is not None:
                yield event
            else:
                ready.append(call)
        waiting = iter(ready)
        while group := list(islice(waiting, MAX_AT_ONCE)):
            for call in group:
                yield ToolStart(call.id, self._tools[call.name].is_repeatable)
            done: asyncio.Queue[ToolEvent] = asyncio.Queue()
            async with asyncio.TaskGroup() as tasks:
                for call in group:
                    tasks.create_task(self._run(call, done), name=f"tool {call.name}")
                for _ in group:
                    yield await done.get()

    def _before(self, call: ToolPart) -> ToolEvent | None:
        """Gives what becomes of a call that doesn't run now."""
        tool = self._tools.get(call.name)
        if tool is None:
            return ToolError(call.id, "There is no such tool.")
        try:
            tool.check(call.args)
        except BadArguments as error:
            return ToolError(call.id, str(error)[:_MAX_ERROR])
        if tool.by_person:
            return AskPerson(call.id)
        if tool.needs_approval and call.state != "approval-responded":
            return AskApproval(call.id)
        return None

    async def _run(self, call: ToolPart, done: "asyncio.Queue[ToolEvent]") -> None:
        try:
            output = await self._tools[call.name].run(call.args, self._turn)
        except asyncio.CancelledError:
            # By the tool's own code, or else nobody reads this any more.
            done.put_nowait(ToolError(call.id, "The tool was cancelled."))
            raise
        except Exception as error:
            log.warning(
                "tool.failed", tool=call.name, session=self._turn.session.id, exc_info=error
            )
            done.put_nowait(ToolError(call.id, str(error)[:_MAX_ERROR] or "The tool failed."))
        else:
            done.put_nowait(ToolOutput(call.id, output))
