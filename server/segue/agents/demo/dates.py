"""Reads when a trip is and how long: departure, return, length, and changes of them."""

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from segue.agents.demo.calendar import Day, Mention, mentions
from segue.agents.demo.text import NUMBER, Page, number
from segue.agents.demo.trip import MOST_NIGHTS, Slot, Trip

_BEFORE: Final = 28
_RETURN: Final = re.compile(
    r"(?:\breturn\w*|\bback|\buntil|\btill?|\bthrough|\bhome|\bcheck(?:ing)?[ -]?out|\bends?)"
    r"(?: \w{1,12}){0,3}:? ?$"
)
_LEAVING: Final = re.compile(
    r"\b(?:from|start\w*|begin\w*|leav\w*|depart\w*)(?: \w{1,8}){0,2} ?$|\b(?:no|sorry|actually|mean|meant|instead|rather)\b"
)
_NEGATED: Final = re.compile(
    r"\b(?:not|instead of|rather than|no longer)(?: (?:on|in|the)){0,2} ?$"
)
_CONNECTED: Final = re.compile(r"(?:^|[ ;])(?:to|until|-|and back(?: on)?)(?: the)? ?$|^ ?- ?$")
_SHIFT: Final = re.compile(
    rf"\b(?P<n>{NUMBER}) (?P<u>day|week|night)s? (?P<w>later|earlier|longer|shorter|more|less)\b"
    rf"|\b(?P<n2>{NUMBER}) (?:more|extra|additional) (?P<u2>day|week|night)s?\b"
)
_LENGTH: Final = re.compile(
    rf"\b(?P<n>{NUMBER})[ -](?:full |whole |or so )?(?P<u>night|day|week|month)s?\b"
    r"(?P<tour>(?= (?:trip|journey|tour|break|getaway|holiday|vacation)))?"
    r"(?! (?:ago|before|after|ahead|old))"
    r"|\b(?P<p>fortnight|long weekend|weekend|week-?long)\b"
)
_WORDS: Final = {"fortnight": 14, "long weekend": 3, "weekend": 2}
_NIGHTS: Final = {"night": 1, "day": 1, "week": 7, "month": 30}


def read_dates(page: Page, trip: Trip, asked: frozenset[Slot], today: date) -> Trip:
    """Takes days and lengths off the page and gives the trip with them."""
    trip = _shifted(page, trip)
    found = mentions(page, bare_month=Slot.WHEN in asked or page.low.count(" ") < 2)
    trip = _with_days(page, trip, found, asked, today)
    return _with_length(page, trip).settled()


def _with_days(
    page: Page, trip: Trip, found: list[Mention], asked: frozenset[Slot], today: date
) -> Trip:
    # A day alone, said when the length was asked for, is the day of return.
    awaited = trip.depart is not None and Slot.LENGTH in asked
    departure: Day | None = None
    returns: list[Mention] = []
    end = 0
    for mention in found:
        whole = page.low[max(0, mention.start - _BEFORE) : mention.start]
        before = page.low[max(end, mention.start - _BEFORE) : mention.start]
        follows = mention.start == end or bool(_CONNECTED.search(before.replace(";", " ")))
        end = mention.end
        if _NEGATED.search(whole):
            continue
        if departure is not None:
            is_return = follows or bool(_RETURN.search(before))
        else:
            is_return = bool(_RETURN.search(before)) or (awaited and not _LEAVING.search(before))
        if is_return:
            returns.append(mention)
        elif departure is None and (departure := _departure(trip, mention, today)):
            trip = _leaving(trip, departure)
    # Last, as "the 20th" is one after the departure, wherever that was said.
    for mention in returns:
        trip = _returning(trip, mention, today)
    return trip


def _departure(trip: Trip, mention: Mention, today: date) -> Day | None:
    known = trip.depart or trip.month
    near = max(today, known.replace(day=1)) if mention.bare and known else today
    day = mention.resolve(near)
    this_month = day and day.whole_month and day.day == today.replace(day=1)
    if day is None or (day.day < today and not this_month) or day.day.year > today.year + 5:
        return None
    return day


def _leaving(trip: Trip, day: Day) -> Trip:
    if not day.whole_month:
        return replace(trip, depart=day.day, month=None)
    if trip.depart is not None and trip.depart.replace(day=1) == day.day:
        return trip
    return replace(trip, depart=None, month=day.day)


def _returning(trip: Trip, mention: Mention, today: date) -> Trip:
    near = trip.depart + timedelta(days=1) if trip.depart else max(today, trip.month or today)
    day = mention.resolve(today if mention.from_today else near)
    if day is None or day.whole_month or day.day < near:
        return trip
    return replace(trip, back=day.day)


def _with_length(page: Page, trip: Trip) -> Trip:
    matches = page.take(_LENGTH)
    nights = next((n for match in matches if (n := _nights(match)) is not None), None)
    if nights is None:
        return trip
    if trip.back is not None and trip.depart is None and trip.month is None:
        return replace(trip, depart=trip.back - timedelta(days=nights), back=None)
    return replace(trip, nights=nights, back=None)


def _nights(match: re.Match[str]) -> int | None:
    if match["p"]:
        return _WORDS.get(match["p"], 7)
    if match["n"] in ("a", "an") and match["u"] in ("night", "day"):  # "the price a night"
        return None
    nights = number(match["n"]) * _NIGHTS[match["u"]]
    if match["u"] == "day" and match["tour"] is not None:
        nights -= 1  # "a three-day trip" has two nights; "for three days" is how long one stays
    return nights if 0 < nights <= MOST_NIGHTS else None


def _shifted(page: Page, trip: Trip) -> Trip:
    for match in page.take(_SHIFT):
        days = number(match["n"] or match["n2"]) * _NIGHTS[match["u"] or match["u2"]]
        if match["w"] in ("later", "earlier"):
            if trip.depart is not None:
                sign = 1 if match["w"] == "later" else -1
                trip = replace(trip, depart=trip.depart + timedelta(days=sign * days))
        elif trip.nights is not None:
            longer = match["w"] in (None, "longer", "more")
            nights = trip.nights + (days if longer else -days)
            trip = replace(trip, nights=min(max(nights, 1), MOST_NIGHTS))
    return trip
