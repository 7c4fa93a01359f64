"""What the demo says, given what it knows, what is new, and what was wanted."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from segue.agents.demo.intents import Intent
from segue.agents.demo.plan import with_code, write_plan
from segue.agents.demo.trip import Slot, Trip
from segue.agents.demo.wording import day_in_words, escaped, month_in_words, people

_QUESTIONS: Final = {
    Slot.DESTINATION: "where would you like to go",
    Slot.ORIGIN: "where do you start from",
    Slot.WHEN: "when do you want to leave",
    Slot.LENGTH: "how long will you stay",
    Slot.TRAVELLERS: "how many of you are going",
    Slot.BUDGET: "what is your budget, roughly",
    Slot.INTERESTS: "what do you enjoy on a trip",
}
_OPENINGS: Final = ("Noted", "Got it", "Good")
_OFF_TOPIC: Final = (
    "I'm the demo: I only plan trips and have no language model, so that is beyond me."
)
_REPLIES: Final = {
    Intent.RESET: "A fresh start: the last trip is forgotten.",
    Intent.BOOK: "I can't book anything: I'm a demo, so nothing is reserved or paid.",
    Intent.LIVE: "That I'd have to make up: as a demo I have no live prices, timetables, weather or addresses.",
    Intent.IDENTITY: "I'm the demo of this server: a small trip planner without a language model."
    " I remember what you tell me, on all your devices, and make a sample plan of it.",
    Intent.SUGGEST: "I have no taste of my own: Lisbon for food, Kyoto for gardens and Edinburgh for"
    " history make good examples.",
    Intent.UNSURE: "A guess is enough: all of it can be changed later.",
    Intent.BYE: "Goodbye! What you told me stays here.",
    Intent.THANKS: "You're welcome.",
    Intent.GREETING: "Hello! I'm the demo: I plan trips, without a language model.",
    Intent.TRAVEL: "Happy to plan that trip with you.",
    Intent.PLAN: "A plan it is; I need a little more first.",
    Intent.OTHER: "I have no list of offers to pick from; a sample plan I can make.",
    Intent.AGREE: "Good.",
    Intent.DECLINE: "All right.",
}
# These are said even beside what was noted: a wish that can't be met must not look as if it was.
_ALWAYS: Final = (Intent.RESET, Intent.BOOK)
_PARTING: Final = (Intent.THANKS, Intent.BYE)
_PLAN_AGAIN: Final = (Intent.PLAN, Intent.OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """All that an answer depends on."""

    before: Trip
    """What was known, so that the rest is new; nothing after a fresh start."""
    after: Trip
    intent: Intent | None
    from_home: bool
    """The origin is from the profile, and nobody has been told yet."""
    turns: int
    """Answers given so far."""
    plans: int
    """Plans among them."""
    variant: int
    """How often another idea was asked for."""
    today: date


def answer(moment: Moment) -> str:
    """Gives the whole answer in Markdown."""
    trip = moment.after
    news = _news(moment.before, trip)
    parts = [_lead(moment, news)]
    if moment.from_home:
        parts.append(home_notice(str(trip.origin)))
    if questions := trip.questions():
        lead = " ".join(filter(None, parts))
        return f"{lead}\n\n{_ask(questions, parting=moment.intent in _PARTING and not news)}"
    if news or moment.from_home or not moment.plans or moment.intent in _PLAN_AGAIN:
        parts = [*filter(None, parts), "Here is an idea:"]
        return " ".join(parts) + "\n\n" + write_plan(trip, moment.today, moment.variant)
    return " ".join(parts) + "\n\nThe plan stands. Tell me what to change, or ask for another one."


def home_notice(origin: str) -> str:
    """Says where the start is from; the words are the same each time, so that they are found again."""
    return f"I take {with_code(origin)} as your start: the home airport in your profile."


def _lead(moment: Moment, news: list[str]) -> str:
    said = []
    if moment.intent in _ALWAYS or (not news and moment.intent in _REPLIES):
        said.append(_reply(moment))
    if news:
        said.append(f"{_OPENINGS[moment.turns % len(_OPENINGS)]}: {', '.join(news)}.")
    if moment.intent is Intent.RECAP:
        said.append(_recap(moment.after))
    return " ".join(said) or _OFF_TOPIC


def _reply(moment: Moment) -> str:
    if moment.intent in _PLAN_AGAIN and not moment.after.questions():
        return "With pleasure."
    return _REPLIES[moment.intent] if moment.intent else ""


def _recap(trip: Trip) -> str:
    if trip.empty:
        return "So far I know nothing about your trip."
    return "This is what I know:\n\n" + "\n".join(f"- {fact}" for fact in _news(Trip(), trip))


def _ask(questions: tuple[Slot, ...], *, parting: bool) -> str:
    text = ", and ".join(_QUESTIONS[slot] for slot in questions)
    if parting:
        return f"When you want to go on: {text}?"
    return f"{text[0].upper()}{text[1:]}?"


def _news(before: Trip, after: Trip) -> list[str]:
    """Gives what is new or changed, each in a few words."""
    news = []
    if after.destination != before.destination and after.destination:
        news.append(_instead(f"to {escaped(after.destination)}", before.destination))
    if after.origin != before.origin and after.origin:
        news.append(_instead(f"from {escaped(after.origin)}", before.origin))
    if when := _when(before, after):
        news.append(when)
    if after.travellers != before.travellers and after.travellers:
        old = before.travellers and str(before.travellers)
        news.append(_instead(people(after.travellers), old or None))
    if after.budget != before.budget and after.budget:
        news.append(_instead(f"budget {escaped(after.budget)}", before.budget))
    if after.interests != before.interests and after.interests:
        news.append(f"for {escaped(after.interests)}")
    return news


def _instead(new: str, old: str | None) -> str:
    return f"{new} instead of {escaped(old)}" if old else new


def _when(before: Trip, after: Trip) -> str:
    """Says days in full words, so that one read wrongly is seen."""
    said = []
    if after.depart and after.depart != before.depart:
        said.append(f"leaving {day_in_words(after.depart)}")
    elif after.month and after.month != before.month:
        said.append(f"in {month_in_words(after.month)}")
    if after.nights and after.nights != before.nights:
        said.append("1 night" if after.nights == 1 else f"{after.nights} nights")
    if after.returns and after.returns != before.returns:
        said.append(f"back {day_in_words(after.returns)}")
    return ", ".join(said)
