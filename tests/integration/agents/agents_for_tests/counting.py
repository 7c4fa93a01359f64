"""An agent of a third party: counts to what it is told, a number at a time, and remembers."""

import asyncio
from collections.abc import AsyncIterator

from segue.agents.port import Event, Remember, TextDelta, Title, Turn

EVERY_S = 0.01


class Counting:
    name = "counting"

    async def respond(self, turn: Turn) -> AsyncIterator[Event]:
        asked = turn.history[-1]
        if asked.text == "fail":
            yield TextDelta("Well, ")
            raise RuntimeError("I can't count to that.")
        yield Remember("last", asked.text, f"message:{asked.id}")
        yield Title(f"Counting to {asked.text}")
        written = len(turn.written.split())
        for number in range(written, int(asked.text)):
            await asyncio.sleep(EVERY_S)
            yield TextDelta(f"{number} ")
