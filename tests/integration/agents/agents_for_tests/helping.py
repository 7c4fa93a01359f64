"""A remote agent, as a program: counts to what it is told, and notes each turn's begin and end."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from segue import Agent
from segue.agents.port import (
    AskApproval,
    Event,
    FilePart,
    Remember,
    TextDelta,
    ToolCall,
    ToolOutput,
    ToolStart,
    Turn,
)

NOTES = Path(os.environ["HELPING_NOTES"])  # noqa: TID251 - how its test tells it
EVERY_S = 0.01


class Helping:
    name = "helper"

    async def respond(self, turn: Turn) -> AsyncIterator[Event]:
        asked = turn.history[-1]
        _note("begin", asked.id)
        try:
            async for event in self._answer(turn):
                yield event
        except asyncio.CancelledError:
            _note("cancelled", asked.id)
            raise
        _note("end", asked.id)

    async def _answer(self, turn: Turn) -> AsyncIterator[Event]:
        asked = turn.history[-1]
        if asked.text == "fail":
            yield TextDelta("Well, ")
            raise RuntimeError("I can't count to that.")
        if asked.text == "hold":
            async for event in _hold(turn):
                yield event
            return
        for part in asked.parts:
            if isinstance(part, FilePart):
                read = await turn.files.read(part.ref, int(asked.text))
                yield TextDelta("nothing" if read is None else read.decode())
                return
        yield Remember("last", asked.text, f"message:{asked.id}")
        for number in range(len(turn.written.split()), int(asked.text)):
            await asyncio.sleep(EVERY_S)
            yield TextDelta(f"{number} ")


async def _hold(turn: Turn) -> AsyncIterator[Event]:
    call = turn.call("seat")
    if call is None:
        yield ToolCall("seat", "hold", {"seat": "12A"})
        yield AskApproval("seat")
    else:
        yield ToolStart("seat")
        _note("held", turn.history[-1].id)
        yield ToolOutput("seat", {"held": True})
        yield TextDelta("Held.")


def _note(what: str, message: str) -> None:
    with NOTES.open("a") as notes:
        notes.write(f"{os.getpid()} {what} {message}\n")


if __name__ == "__main__":
    asyncio.run(Agent(Helping()).serve(at_once=4))
