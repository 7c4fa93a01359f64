"""The demo agent: a travel planner without a model or a key, that remembers."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final

from segue.agents.demo import memory, seat
from segue.agents.demo.intents import Intent, wants
from segue.agents.demo.plan import MARK
from segue.agents.demo.reading import read
from segue.agents.demo.trip import Trip
from segue.agents.demo.voice import Moment, answer, home_notice
from segue.agents.demo.wording import month_in_words
from segue.agents.port import ContextEntry, Event, Remember, TextDelta, Title, Turn, TurnMessage

_PIECE: Final = re.compile(r"\s*\S{1,24}|\s+")
_HOME_KEY: Final = "home_airport"
_FROM_PROFILE: Final = "profile"
# Messages nobody answered, and messages read again when an answer is taken up, are bounded.
_MOST_UNREAD: Final = 5
_MOST_REREAD: Final = 20
_SHORT: Final = 120


@dataclass(frozen=True, slots=True)
class _Learned:
    """What the messages that wait for an answer came to."""

    before: Trip
    new_since: Trip
    """What the answer calls new is new against this: `before`, or nothing after a fresh start."""
    after: Trip
    intent: Intent | None
    events: tuple[Event, ...]
    starts_home: bool


class DemoAgent:
    """Plans trips: takes facts from any phrasing, asks for what is missing, answers with a sample plan.

    The same turn gives the same answer. What it learns it asks to remember before it says a word, so
    an answer that is cut off loses only words; taken up again, it goes on where they end.
    """

    name = "demo"

    def __init__(self, pace_s: float = 0.03) -> None:
        """Builds it; `pace_s` is the pause before each word."""
        self._pace_s = pace_s

    async def respond(self, turn: Turn) -> AsyncIterator[Event]:
        """Gives facts and title first, then the text word by word; see the port for the guarantees."""
        if (call := seat.call_in(turn)) is not None:
            events, text = seat.go_on(turn, call)
            for event in events:
                yield event
            async for event in self._say(text):
                yield event
            return
        today = datetime.fromtimestamp(turn.now_ms / 1000, UTC).date()
        learned = self._learn(turn, today)
        for event in learned.events:
            yield event
        if title := _title(turn, learned):
            yield title
        text = _text(turn, learned, today)
        offers = seat.is_wanted(turn, learned.intent, learned.after)
        async for event in self._say(_rest(text + seat.OFFER * offers, turn.written)):
            yield event
        if offers:
            for event in seat.ask(turn, learned.after):
                yield event

    async def _say(self, text: str) -> AsyncIterator[Event]:
        for piece in _PIECE.findall(text):
            await asyncio.sleep(self._pace_s)
            yield TextDelta(piece)

    def _learn(self, turn: Turn, today: date) -> _Learned:
        unread = _unread(turn.history)
        source = f"message:{unread[-1].id}" if unread else "message"
        ours = {key: e for key, e in turn.context.items() if e.by == self.name}
        # Read before: an answer is taken up again, or given anew.
        taken = {key for key, entry in ours.items() if entry.source == source}
        home = _home(turn.profile)
        before = _at_home(self._known(turn, ours, taken, today), home)
        trip, intent = before, None
        for message in unread:
            reading = read(message.text, trip, today)
            trip, intent = reading.trip, reading.intent
        if turn.written or taken:
            trip = memory.keep_corrections(before, trip, turn.context, self.name)
        trip = _at_home(trip, home)
        starts_home = home is not None and trip.origin == home
        events = memory.changes(before, trip, turn.context, self.name, source)
        return _Learned(
            before=before,
            new_since=_at_home(Trip(), home) if intent is Intent.RESET else before,
            after=trip,
            intent=intent,
            events=tuple(_sourced(event) if starts_home else event for event in events),
            starts_home=starts_home,
        )

    def _known(
        self, turn: Turn, ours: Mapping[str, ContextEntry], taken: set[str], today: date
    ) -> Trip:
        """Gives the trip as it was before the messages that wait for an answer."""
        from_profile = {key for key, entry in ours.items() if entry.source == _FROM_PROFILE}
        context = {
            key: entry
            for key, entry in turn.context.items()
            if key not in taken and key not in from_profile
        }
        known = memory.load_trip(context, self.name, today)
        if not taken:
            return known
        home = _home(turn.profile)
        earlier = _at_home(Trip(), home)
        for message in _answered(turn.history):
            earlier = _at_home(read(message.text, earlier, today).trip, home)
        return memory.without(known, taken, earlier)


def _unread(history: tuple[TurnMessage, ...]) -> list[TurnMessage]:
    """Gives what people wrote since the last answer."""
    last = max((n for n, m in enumerate(history) if m.role == "assistant"), default=-1)
    return [m for m in history[last + 1 :] if m.role == "user"][-_MOST_UNREAD:]


def _answered(history: tuple[TurnMessage, ...]) -> list[TurnMessage]:
    waiting = len(_unread(history))
    said = [m for m in history if m.role == "user"]
    return said[: len(said) - waiting][-_MOST_REREAD:]


def _home(profile: Mapping[str, ContextEntry]) -> str | None:
    entry = profile.get(_HOME_KEY)
    return memory.place_name(entry.value) if entry else None


def _at_home(trip: Trip, home: str | None) -> Trip:
    """Gives the trip a start at home, where nothing else is known."""
    if trip.origin is not None or home is None or home == trip.destination:
        return trip
    return replace(trip, origin=home)


def _sourced(event: Event) -> Event:
    if isinstance(event, Remember) and event.key == memory.ORIGIN_KEY:
        return replace(event, source=_FROM_PROFILE)
    return event


def _title(turn: Turn, learned: _Learned) -> Title | None:
    """Names the session after the trip, unless a person has named it."""
    title, trip = turn.session.title, learned.after
    if title not in ("", _name(learned.before)) or (title == "" and trip.destination is None):
        return None
    return Title(_name(trip)) if _name(trip) != title else None


def _name(trip: Trip) -> str:
    if trip.destination is None:
        return "New trip"
    month = trip.depart or trip.month
    return (
        f"{trip.destination} in {month_in_words(month)}" if month else f"Trip to {trip.destination}"
    )


def _text(turn: Turn, learned: _Learned, today: date) -> str:
    answers = [m.text for m in turn.history if m.role == "assistant"]
    notice = home_notice(str(learned.after.origin))
    return answer(
        Moment(
            before=learned.new_since,
            after=learned.after,
            intent=learned.intent,
            from_home=learned.starts_home and not any(notice in text for text in answers),
            turns=len(answers),
            plans=sum(MARK in text for text in answers),
            variant=_variant(turn.history),
            today=today,
        )
    )


def _variant(history: tuple[TurnMessage, ...]) -> int:
    said = (m.text for m in history if m.role == "user" and len(m.text) <= _SHORT)
    return sum(wants(text) is Intent.OTHER for text in said)


def _rest(text: str, written: str) -> str:
    """Gives what follows `written`; should that have become another text, the answer begins anew below."""
    return text[len(written) :] if text.startswith(written) else f"\n\n{text}"
