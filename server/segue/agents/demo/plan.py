"""The sample plan: day by day, in Markdown, from the table of cities and the interests."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from segue.agents.demo.gazetteer import City, find_city
from segue.agents.demo.interests import ANYTHING
from segue.agents.demo.trip import Trip
from segue.agents.demo.wording import day_in_words, escaped, month_in_words, people, span

MARK: Final = "Sample plan by the demo"
"""What every plan carries, so that nobody takes it for more; it also tells a plan in the history."""

_DETAILED_DAYS: Final = 5
_ANYWHERE: Final = (
    "the old centre on foot", "the main museum", "a viewpoint", "the market hall",
    "a park, or the waterfront", "a neighbourhood off the main streets",
)  # fmt: skip
_ACTIVITIES: Final = {
    "food": (
        "lunch at a market, standing up",
        "a cooking class",
        "a long lunch where locals queue",
    ),
    "wine": ("a wine bar with local bottles", "a vineyard outside town"),
    "museums": ("the museum you would regret missing", "a small museum nobody mentions"),
    "art": ("galleries and studios", "a walk along street art"),
    "history": ("a guided walk through the oldest streets", "a fort, castle or ruin nearby"),
    "architecture": ("an architecture walk", "modern buildings, and coffee inside one"),
    "beach": ("the nearest beach", "a swim, then nothing"),
    "nature": ("a half-day hike", "a garden or a park, slowly"),
    "nightlife": (
        "sleep late: the night was long",
        "a rooftop at sunset, then wherever the music is",
    ),
    "music": ("a record shop and a small concert", "live music in a bar"),
    "shopping": ("shops and a flea market", "local makers and second-hand"),
    "sport": ("a rented bike along the water", "a match, or a stadium tour"),
    "relaxing": ("a bath or a spa", "a book and a bench with a view"),
    "photography": ("photographs in the last light", "sunrise with a camera, then breakfast"),
    "sights": ("the big sight, early", "the view from above"),
    "work": ("meetings", "a quiet café with a table for work"),
    "romance": ("a boat, a picnic or both", "dinner somewhere with candles"),
    "family": ("time with the family", "something the youngest chooses"),
}
_EVERYTHING: Final = (
    "lunch at a market",
    "a walk without a goal",
    "a museum",
    "coffee, and people going by",
)
_EVENINGS: Final = (
    "dinner near where you stay",
    "a stroll and something small to eat",
    "a local speciality",
    "an early night",
    "a drink with a view",
    "live music in a small place",
)
_AMOUNT: Final = re.compile(
    r"^(?P<sign>[€$£]?)(?P<n>[\d,]{1,13})(?P<rest>( per person| [A-Z]{3,6})?)$"
)


def write_plan(trip: Trip, today: date, variant: int) -> str:
    """Gives a whole plan in Markdown for a trip without open questions; `variant` turns the ideas round."""
    start = trip.depart or _first_saturday(trip.month or today, today)
    nights = trip.nights or 1
    cities = [find_city(name) or City(name) for name in str(trip.destination).split(" and ")]
    names = escaped(str(trip.destination))
    return "\n\n".join([
        f"## {names}, {span(start, nights)}",
        f"*{MARK}: no live prices or availability, nothing is booked.*{_example(trip, start)}",
        _table(trip, nights),
        *_days(trip, start, nights, cities, variant),
        "Shall I change something? For example “make it 3 people”, “two days longer”, “more museums”"
        " or another city.",
    ])  # fmt: skip


def _first_saturday(month: date, today: date) -> date:
    first = max(month, today + timedelta(days=1))
    return first + timedelta(days=(5 - first.weekday()) % 7)


def _example(trip: Trip, start: date) -> str:
    if trip.depart or trip.month is None:
        return ""
    return f" You said {month_in_words(trip.month)}; {day_in_words(start)} is an example."


def _table(trip: Trip, nights: int) -> str:
    rows = {
        "From": with_code(str(trip.origin)),
        "Who": people(trip.travellers or 1),
        "Length": f"{nights} night{'s' * (nights > 1)}",
        "Budget": _budget(trip, nights),
        "For": escaped(str(trip.interests)),
    }
    lines = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"| Trip | As you told me |\n|---|---|\n{lines}"


def with_code(name: str) -> str:
    """Gives a place with its airport, as in `Hamburg (HAM)`."""
    city = find_city(name)
    return f"{escaped(name)} ({city.airport})" if city and city.airport else escaped(name)


def _budget(trip: Trip, nights: int) -> str:
    """Says the budget, and where it is an amount what that leaves for a day: a division, no price."""
    match = _AMOUNT.match(trip.budget or "")
    if match is None:
        return escaped(str(trip.budget))
    heads = 1 if "per person" in match["rest"] else trip.travellers or 1
    share = int(match["n"].replace(",", "") or 0) / heads / (nights + 1)
    unit = match["rest"].replace(" per person", "")
    return f"{trip.budget}, which leaves {match['sign']}{share:,.0f}{unit} per person and day"


def _days(trip: Trip, start: date, nights: int, cities: list[City], variant: int) -> Iterator[str]:
    first, last = cities[0], cities[-1]
    ideas = _ideas(trip.interests or "")
    yield _day(1, start, "arrival", [
        f"From {with_code(str(trip.origin))} to {with_code(first.name)}",
        f"A first look: {_pick(_sights(first), variant)}",
        f"Evening: {_pick(_EVENINGS, variant)}",
    ])  # fmt: skip
    full = nights - 1
    for n in range(1, min(full, _DETAILED_DAYS) + 1):
        city = cities[(n - 1) * len(cities) // max(min(full, _DETAILED_DAYS), 1)]
        yield _day(n + 1, start + timedelta(days=n), escaped(city.name), [
            f"Morning: {_pick(_sights(city), n + variant)}",
            f"Afternoon: {_pick(ideas, n - 1 + variant)}",
            f"Evening: {_pick(_EVENINGS, n + variant)}",
        ])  # fmt: skip
    if full > _DETAILED_DAYS:
        yield (
            f"### Days {_DETAILED_DAYS + 2} to {nights}: slower\n\n- A day trip out of"
            f" {escaped(last.name)}, and back to what you liked best\n- Keep one day without any plan"
        )
    end = start + timedelta(days=nights)
    yield _day(nights + 1, end, "home", [
        f"Morning: {_pick(_sights(last), full + 1 + variant)}, if there is time",
        f"Back to {with_code(str(trip.origin))}",
    ])  # fmt: skip


def _day(number: int, day: date, title: str, lines: list[str]) -> str:
    items = "\n".join(f"- {line}" for line in lines)
    return f"### Day {number} · {day_in_words(day, year=False)}: {title}\n\n{items}"


def _ideas(interests: str) -> list[str]:
    """Gives activities, one interest after the other, so that each gets its days."""
    names = [name for part in interests.split(",") if (name := part.strip())]
    known = [
        _ACTIVITIES.get(name.lower(), (f"something for {escaped(name)}",))
        for name in names
        if name != ANYTHING
    ]
    longest = max(map(len, known), default=0)
    turns = [ideas[n] for n in range(longest) for ideas in known if n < len(ideas)]
    return turns or list(_EVERYTHING)


def _sights(city: City) -> tuple[str, ...]:
    return (*city.sights, *_ANYWHERE)


def _pick(items: tuple[str, ...] | list[str], n: int) -> str:
    return items[n % len(items)]
