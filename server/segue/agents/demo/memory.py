"""The trip as context entries, and back: the demo knows between turns only what stands there."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Final

from segue.agents.demo.dates import read_dates
from segue.agents.demo.gazetteer import find_city
from segue.agents.demo.party import read_party
from segue.agents.demo.text import Page, clean
from segue.agents.demo.trip import MOST_NIGHTS, Slot, Trip
from segue.agents.port import ContextEntry, Event, Forget, Json, Remember

_LONGEST: Final = 80
_MOST_YEARS: Final = 10
_FIELDS: Final = {
    "trip.destination": "destination",
    "trip.origin": "origin",
    "trip.depart": "depart",
    "trip.month": "month",
    "trip.return": "back",
    "trip.nights": "nights",
    "trip.travellers": "travellers",
    "trip.budget": "budget",
    "trip.interests": "interests",
}
ORIGIN_KEY: Final = "trip.origin"


def load_trip(context: Mapping[str, ContextEntry], agent: str, today: date) -> Trip:
    """Reads the trip from the context; what a person wrote there is read as if they had said it."""
    known = {key: entry for key in _FIELDS if (entry := context.get(key)) is not None}
    if not _overrides(known.get("trip.return"), known.get("trip.nights"), agent):
        known.pop("trip.return", None)  # it follows from the nights
    values: dict[str, Any] = {
        _FIELDS[key]: _value(key, entry.value, _day_of(entry, today))
        for key, entry in known.items()
    }
    return Trip(**values).settled()


def place_name(value: Json) -> str | None:
    """Gives the name of the place that a value means, as typed if it isn't known."""
    if not isinstance(value, str) or not (name := clean(value)[:_LONGEST].strip()):
        return None
    city = find_city(name)
    return city.name if city else name


def entries(trip: Trip) -> dict[str, Json]:
    """Gives the trip as values of context entries: days as ISO dates, months as `2027-05`."""
    returns = trip.returns
    values: dict[str, Json] = {key: getattr(trip, field) for key, field in _FIELDS.items()}
    values["trip.depart"] = trip.depart.isoformat() if trip.depart else None
    values["trip.month"] = trip.month.isoformat()[:7] if trip.month else None
    values["trip.return"] = returns.isoformat() if returns else None
    return {key: value for key, value in values.items() if value is not None}


def changes(
    before: Trip, after: Trip, context: Mapping[str, ContextEntry], agent: str, source: str
) -> Iterator[Event]:
    """Gives the events that bring the context from `before` to `after`.

    An entry that a person wrote stays as they wrote it while it means the same.
    """
    old, new = entries(before), entries(after)
    for key in _FIELDS:
        entry = context.get(key)
        own = entry is not None and entry.by == agent
        if key in new:
            differs = entry is None or entry.value != new[key]
            if differs and (entry is None or own or new[key] != old.get(key)):
                yield Remember(key, new[key], source)
        elif entry is not None and (own or key in old):
            yield Forget(key)


def keep_corrections(
    before: Trip, after: Trip, context: Mapping[str, ContextEntry], agent: str
) -> Trip:
    """Gives `after` with what people wrote into the context: it is newer than an answer taken up again."""
    theirs = [key for key in _FIELDS if key in context and context[key].by != agent]
    fields = {_FIELDS[key]: getattr(before, _FIELDS[key]) for key in theirs}
    return replace(after, **fields).settled()


def without(before: Trip, keys: set[str], earlier: Trip) -> Trip:
    """Gives `before` with the fields of `keys` as they were `earlier`."""
    fields = {_FIELDS[key]: getattr(earlier, _FIELDS[key]) for key in keys if key in _FIELDS}
    return replace(before, **fields).settled()


def _overrides(back: ContextEntry | None, nights: ContextEntry | None, agent: str) -> bool:
    if back is None or nights is None:
        return True
    return back.by != agent and back.observed_at > nights.observed_at


def _day_of(entry: ContextEntry, today: date) -> date:
    try:
        return datetime.fromtimestamp(entry.observed_at / 1000, UTC).date()
    except (OverflowError, OSError, ValueError, TypeError):
        return today


def _value(key: str, value: Json, said: date) -> str | int | date | None:
    match key:
        case "trip.destination" | "trip.origin":
            return place_name(value)
        case "trip.depart" | "trip.return" | "trip.month":
            return _date(key, value, said)
        case "trip.nights":
            return _nights(value, said)
        case "trip.travellers":
            return _travellers(value)
        case _:
            return _words(value)


def _date(key: str, value: Json, said: date) -> date | None:
    if not isinstance(value, str):
        return None
    try:
        day = date.fromisoformat(f"{value}-01" if key == "trip.month" else value)
    except ValueError:
        read = read_dates(Page(value), Trip(), frozenset({Slot.WHEN}), said)
        return read.month if key == "trip.month" else read.depart or read.back
    return day if abs(day.year - said.year) <= _MOST_YEARS else None


def _nights(value: Json, said: date) -> int | None:
    if isinstance(value, str):
        read = read_dates(Page(value), Trip(), frozenset(), said).nights
        value = read if read is not None else _digits(value)
    return _count(value, MOST_NIGHTS)


def _travellers(value: Json) -> int | None:
    if isinstance(value, str):
        value = read_party(Page(value), Trip(), frozenset({Slot.TRAVELLERS})).travellers
    return _count(value, 99)


def _digits(value: str) -> int | None:
    text = value.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else None


def _count(value: Json, most: int) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 1 <= value <= most else None


def _words(value: Json) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,.0f}" if abs(value) < 10**12 else None
    if isinstance(value, list | tuple):
        value = ", ".join(item for item in value[:_LONGEST] if isinstance(item, str))
    return clean(value)[:_LONGEST].strip() or None if isinstance(value, str) else None
