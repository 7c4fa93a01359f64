"""An agent with tools: holds seats once people say yes, and notes each time it really does."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from segue.agents.port import (
    AskApproval,
    AskPerson,
    Event,
    TextDelta,
    ToolCall,
    ToolOutput,
    ToolPart,
    ToolStart,
    Turn,
)

NOTES = Path(os.environ["HOLDING_NOTES"])  # noqa: TID251 - how its test tells it


class Holding:
    name = "holding"

    async def respond(self, turn: Turn) -> AsyncIterator[Event]:
        asked = turn.history[-1]
        call = turn.call(asked.id)
        if call is None:
            async for event in self._call(asked.id, asked.text):
                yield event
            return
        if call.state == "approval-responded":
            yield ToolStart(call.id)
            self._hold(call.id)
            yield ToolOutput(call.id, {"held": True})
            yield TextDelta("Held.")
            return
        yield TextDelta(_said(call))

    async def _call(self, id: str, wish: str) -> AsyncIterator[Event]:
        yield TextDelta("One moment. ")
        yield ToolCall(id, wish, {"seat": "12A"})
        if wish == "hold":
            yield AskApproval(id)
        elif wish == "sign":
            yield AskPerson(id)
        else:
            yield ToolStart(id)
            self._hold(id)
            await asyncio.Event().wait()

    def _hold(self, id: str) -> None:
        with NOTES.open("a") as notes:
            notes.write(f"{id}\n")


def _said(call: ToolPart) -> str:
    return f"{call.state}: {call.output or call.error_text or call.reason}"
