"""An agent of a third party that shows what it thinks, and what it draws on."""

from collections.abc import AsyncIterator

from segue.agents.port import Event, ReasoningDelta, Source, TextDelta, Turn


class Musing:
    name = "musing"

    async def respond(self, turn: Turn) -> AsyncIterator[Event]:
        yield ReasoningDelta("They ask about the **weather**.")
        yield TextDelta("It rains.")
        yield Source("https://weather.example/lisbon", "Lisbon today")
        yield Source("javascript:alert(1)", "A trap")
