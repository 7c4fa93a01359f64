"""Reads how many people travel."""

import re
from dataclasses import replace
from typing import Final

from segue.agents.demo.text import NUMBER, Page, number
from segue.agents.demo.trip import Slot, Trip

_MOST: Final = 99
_ADULTS: Final = r"people|persons?|adults?|grown-?ups?|travell?ers?|of us|passengers?|pax|guests?|seats?|tickets?"
_CHILDREN: Final = r"kids?|children|child|bab(?:y|ies)|toddlers?|teenagers?"
_OTHERS: Final = (
    r"wife|husband|partner|girlfriend|boyfriend|spouse|friend|brother|sister|mother|mom|mum|father|dad"
    r"|son|daughter|colleague|fianc[eé]e?"
)
_COUNTED: Final = re.compile(
    rf"\b(?P<with>(?:with|and|plus|me and|&) )?(?P<our>our )?(?P<n>{NUMBER}) (?P<more>more |other )?"
    rf"(?:(?P<adults>{_ADULTS})|(?P<children>{_CHILDREN})|(?P<friends>friends|colleagues))\b"
)
_GROUP: Final = re.compile(
    rf"\b(?:family|party|group|table) of (?P<n>{NUMBER})\b|\bwe(?:'re| are) (?P<n2>{NUMBER})\b(?! \w)"
)
_INSTEAD: Final = re.compile(
    rf"\b(?:travell?ers|people|persons|adults|pax): ?(?P<n>{NUMBER})\b|\b(?P<n2>{NUMBER}) instead of {NUMBER}\b"
)
_ALONE: Final = re.compile(
    r"\b(?:(?:just|only) (?:me|myself)|for myself|by myself|alone|solo|on my own|i'm the only one)\b(?! and)"
)
_COMPANION: Final = re.compile(
    rf"\b(?:with|bring(?:ing)?|take|taking|plus|and) (?:my|a) (?:{_OTHERS})\b"
    rf"|\bmy (?:{_OTHERS})(?=(?:,| and my (?:{_OTHERS}),?)? and (?:i|me|myself)\b)|\bas a couple\b"
)
_FOR: Final = re.compile(
    rf"\b(?:make it|make that|for|it's for|change (?:it )?to) (?P<n>{NUMBER})\b(?= ?(?:$|[.,;!?]|please|in |to |from |on |and |not ))"
)
_BARE: Final = re.compile(rf"^\W*(?:(?:just|only|we're|we are|about|there are) )?(?P<n>{NUMBER})\b")


def read_party(page: Page, trip: Trip, asked: frozenset[Slot]) -> Trip:
    """Takes the number of travellers off the page and gives the trip with it."""
    count = _counted(page, trip) or _group(page) or _loose(page, asked)
    if count is None or not 0 < count <= _MOST:
        return trip
    return replace(trip, travellers=count)


def _counted(page: Page, trip: Trip) -> int | None:
    # "a ticket" is no count, "one ticket" is.
    matches = [m for m in page.take(_COUNTED) if not (m["adults"] and m["n"] in ("a", "an"))]
    companions = len(page.take(_COMPANION))
    if not matches:
        return companions + 1 if companions else None
    adults = [m for m in matches if m["adults"]]
    others = sum(number(m["n"]) for m in matches if not m["adults"])
    if not adults:
        return others + companions + (2 if any(m["our"] for m in matches) else 1)
    last = adults[-1]
    if last["more"] and trip.travellers:
        return trip.travellers + number(last["n"])
    # "two adults and one more person" is a sum, "four, no, five people" a correction.
    joined = [m for m in adults if m["with"] and m is not adults[0]]
    count = sum(number(m["n"]) for m in (adults[0], *joined)) if joined else number(last["n"])
    return count + others


def _group(page: Page) -> int | None:
    for match in page.take(_GROUP) + page.take(_INSTEAD):
        return number(match["n"] or match["n2"])
    return 1 if page.take(_ALONE) else None


def _loose(page: Page, asked: frozenset[Slot]) -> int | None:
    for match in page.take(_FOR):
        if match["n"] not in ("a", "an"):
            return number(match["n"])
    if Slot.TRAVELLERS in asked and (bare := _BARE.search(page.low)):
        page.blank(bare.start("n"), bare.end("n"))
        return number(bare["n"])
    return None
