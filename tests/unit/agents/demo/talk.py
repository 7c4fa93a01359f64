"""A conversation with the demo agent, its events applied as a session would."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from segue.agents.demo import DemoAgent
from segue.agents.port import (
    ContextEntry,
    Event,
    Forget,
    Json,
    Remember,
    TextDelta,
    TextPart,
    Title,
    Turn,
    TurnMessage,
    TurnSession,
)

NOW_MS = int(datetime(2026, 11, 26, 10, tzinfo=UTC).timestamp() * 1000)
"""A Thursday."""
AGENT = DemoAgent(pace_s=0)


def profile(home: Json) -> dict[str, ContextEntry]:
    return {"home_airport": ContextEntry(home, "profile page", "alice", NOW_MS)}


@dataclass
class Talk:
    profile: Mapping[str, ContextEntry] = field(default_factory=dict)
    history: list[TurnMessage] = field(default_factory=list)
    context: dict[str, ContextEntry] = field(default_factory=dict)
    title: str = ""
    clock_ms: int = NOW_MS
    now_ms: int = NOW_MS
    said: int = 0

    @property
    def known(self) -> dict[str, Json]:
        return {key.removeprefix("trip."): entry.value for key, entry in self.context.items()}

    async def say(self, *texts: str) -> str:
        """Says one text after the other; gives the last answer."""
        answer = ""
        for text in texts:
            self.hear(text)
            answer = self.apply(await events_of(self.turn()))
            self.history.append(
                TurnMessage(f"a{self.said}", "assistant", answer, "demo", "complete")
            )
        return answer

    def hear(self, text: str) -> None:
        self.said += 1
        self.history.append(TurnMessage(f"u{self.said}", "user", text, "Alice", "complete"))

    def turn(self, written: str = "") -> Turn:
        session = TurnSession("s", self.title)
        history = tuple(self.history)
        parts = (TextPart(written),) if written else ()
        return Turn(history, dict(self.context), self.profile, session, self.now_ms, parts)

    def apply(self, events: list[Event]) -> str:
        """Applies events as a session would; gives the text."""
        text = ""
        for event in events:
            self.clock_ms += 1
            match event:
                case TextDelta(piece):
                    text += piece
                case Remember(key, value, source):
                    self.context[key] = ContextEntry(value, source, AGENT.name, self.clock_ms)
                case Forget(key):
                    del self.context[key]
                case Title(title):
                    self.title = title
        return text

    def correct(self, key: str, value: Json) -> None:
        """A person changes the context by hand."""
        self.clock_ms += 1
        self.context[f"trip.{key}"] = ContextEntry(value, "by hand", "alice", self.clock_ms)


async def events_of(turn: Turn) -> list[Event]:
    return [event async for event in AGENT.respond(turn)]
