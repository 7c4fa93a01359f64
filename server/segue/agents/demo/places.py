"""Reads where a trip begins and where it goes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from segue.agents.demo.gazetteer import EVERYDAY, MOST_WORDS, find_city, is_inside
from segue.agents.demo.ordinary import ORDINARY_WORDS
from segue.agents.demo.text import Page
from segue.agents.demo.trip import Slot, Trip

_BEFORE: Final = 40
_WORD: Final = re.compile(r"[^\W\d_]+(?:['.][^\W\d_]+)*")
_OF_CITY: Final = r"(?: (?:the|city of|the city of|downtown))?:? ?$"
_ORIGIN: Final = re.compile(
    r"(?:\bfrom|\bout of|\bleav(?:e|ing)|\bdepart(?:ing|ure)?(?: (?:in|at|city|airport|point))?(?: (?:is|will be))?"
    r"|\bdeparture is|\bstart(?:ing)?(?: point)?(?: (?:in|at|is))?|\borigin(?: \w{1,8}(?= is))?(?: is)?"
    r"|\b(?:i|we) (?:both |all |currently )?live (?:in|near)|\bhome is|(?<!go )(?<!going )\bback (?:in|to)"
    r"|\b(?:i'm|i am|we're|we are)(?: (?:living|based))?(?: (?:in|near))?)" + _OF_CITY
)
_DESTINATION: Final = re.compile(
    r"(?:\bto|\bin|\bat|\bvisit(?:ing)?|\bsee(?:ing)?|\bfor|\breach(?:ing)?|\btowards?|\bexplor(?:e|ing)"
    r"|\bdestination(?: \w{1,8}(?= is))?(?: is)?|\barriv(?:e|ing|al)(?: \w{1,6})?|\binto|\baround)"
    + _OF_CITY
)
_NEGATED: Final = re.compile(
    r"\b(?:not|instead of|rather than|no longer|skip|was|were|been)(?: (?:to|in|from|for)){0,2} ?$"
)
_ELSEWHERE: Final = re.compile(r"\b(?:of|than|like|via|through) ?$")
_CORRECTED: Final = re.compile(
    r"\b(?:actually|instead|not|rather|change|switch|make it|no|sorry|meant|mean)\b"
)
_AND: Final = re.compile(r" ?(?:and(?: then)?|&|\+|then) ")
_ONWARD: Final = re.compile(r" ?(?:to|-|->|\u2192) ?")
_TRAVEL: Final = re.compile(
    r"\b(?:go|going|travel\w*|fly|flying|flight|trip|train|bus|ferry|tickets?|head(?:ed|ing)?|visit\w*|hotels?|stay\w*"
    r"|holidays?|vacation|weekend|nights?|weeks?|get|leav\w+|depart\w*|drive|journey|route|start\w*)\b"
)
_MOVING: Final = re.compile(r"\b(?:go|going|travel\w*|fly\w*|trip|head\w*|drive|from ;+) $")
_NAMED: Final = re.compile(
    r"\b(?P<p>from|to|in|visit|visiting|reach|leaving) (?P<n>[^\W\d_][\w'-]{0,30}(?: [^\W\d_][\w'-]{0,30}){0,3})",
    re.IGNORECASE,
)
_PARTICLES: Final = frozenset(
    {"de", "la", "le", "del", "der", "of", "the", "do", "da", "am", "upon", "sur"}
)


class _Role(Enum):
    ORIGIN = auto()
    DESTINATION = auto()
    NEGATED = auto()
    BARE = auto()


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    start: int
    end: int
    role: _Role


def read_places(page: Page, trip: Trip, asked: frozenset[Slot]) -> Trip:
    """Takes places off the page and gives the trip with them; names not known are taken as typed."""
    found = _known(page)
    for place in found:
        page.blank(place.start, place.end)
    found += _unknown(page, asked)
    found.sort(key=lambda place: place.start)
    found = _joined(page, found)
    return _placed(page, trip, found, asked)


def read_place_answer(page: Page, trip: Trip, asked: frozenset[Slot]) -> Trip:
    """Gives the trip with a short answer to "where?" as a name, where it can hardly be anything else."""
    name = _answer(page, asked)
    return _with(trip, _bare_slot(trip, asked), name) if name else trip


def _known(page: Page) -> list[_Place]:
    words = list(_WORD.finditer(page.raw))
    found: list[_Place] = []
    at = 0
    while at < len(words):
        size, place = _longest(page, words[at : at + MOST_WORDS + 1])
        if place is not None:
            found.append(place)
        at += size
    return [_onward(page, place, found) for place in found]


def _longest(page: Page, words: list[re.Match[str]]) -> tuple[int, _Place | None]:
    start = words[0].start()
    role = _role(page, start)
    for size in range(len(words), 0, -1):
        name = page.raw[start : words[size - 1].end()].removesuffix("'s")
        if (city := find_city(name)) and _is_meant(page, name, role):
            return size, _Place(city.name, start, start + len(name), role)
    return 1, None


def _is_meant(page: Page, name: str, role: _Role) -> bool:
    placed = role in (_Role.ORIGIN, _Role.DESTINATION)
    if name.lower() in EVERYDAY:
        return placed and name[0].isupper()
    if len(name) > 3 or not name.isalpha():
        return True
    # A code or an abbreviation: in capitals, or where only a place can stand ("from lax").
    shouted = page.raw.isupper() and len(page.raw) > len(name)
    return (name.isupper() and not shouted) or (
        placed and len(name) == 3 and name.lower() not in ORDINARY_WORDS
    )


def _role(page: Page, start: int) -> _Role:
    before = page.low[max(0, start - _BEFORE) : start]
    if _NEGATED.search(before):
        return _Role.NEGATED
    if _ORIGIN.search(before):
        return _Role.ORIGIN
    return _Role.DESTINATION if _DESTINATION.search(before) else _Role.BARE


def _onward(page: Page, place: _Place, found: list[_Place]) -> _Place:
    """Takes `Berlin to Porto` and `Berlin - Porto` for what they say."""
    if place.role is _Role.BARE and any(
        _ONWARD.fullmatch(page.raw, place.end, other.start)
        for other in found
        if other.start > place.end
    ):
        return replace(place, role=_Role.ORIGIN)
    return place


def _joined(page: Page, found: list[_Place]) -> list[_Place]:
    """Makes one destination of `to Paris and Rome`, and one place of `Sydney, Australia`."""
    joined: list[_Place] = []
    for place in found:
        last = joined[-1] if joined and place.role is _Role.BARE else None
        if last is not None and is_inside(last.name, place.name):
            joined[-1] = replace(last, end=place.end)
        elif (
            last is not None
            and last.role in (_Role.DESTINATION, _Role.BARE)
            and _AND.fullmatch(page.low, last.end, place.start)
            and last.name != place.name
        ):
            joined[-1] = replace(last, name=f"{last.name} and {place.name}", end=place.end)
        else:
            joined.append(place)
    return joined


def _unknown(page: Page, asked: frozenset[Slot]) -> Iterator[_Place]:
    shouted = page.raw.isupper()
    answers = bool(asked & {Slot.ORIGIN, Slot.DESTINATION}) and page.low.count(" ") < 6
    if not (answers or _TRAVEL.search(page.low)):
        return
    for match in _NAMED.finditer(page.raw):
        # "go to", "fly from": a name in small letters counts only behind a verb of travel.
        moving = _MOVING.search(page.low[max(0, match.start() - _BEFORE) : match.start()])
        words = _name_words(
            match["n"], small=shouted or bool(moving) or (answers and match.start() == 0)
        )
        if not words:
            continue
        name = " ".join(words)
        start = match.start("n")
        role = _Role.ORIGIN if match["p"].lower() in ("from", "leaving") else _Role.DESTINATION
        page.blank(start, start + len(name))
        yield _Place(_titled(name), start, start + len(name), role)


def _name_words(text: str, *, small: bool) -> list[str]:
    words = text.split(" ")
    first = words[0]
    if first.lower() in ORDINARY_WORDS or len(first) < 3 or not (first[0].isupper() or small):
        return []
    taken = [first]
    for word in words[1:]:
        if (
            not (word[0].isupper() or word in _PARTICLES)
            or word.lower() in ORDINARY_WORDS - _PARTICLES
        ):
            break
        taken.append(word)
    while len(taken) > 1 and taken[-1] in _PARTICLES:
        taken.pop()
    return taken


def _titled(name: str) -> str:
    """Capitalises what was typed in small letters or in capitals only; anything else stays as typed."""
    return name.title() if name.islower() or name.isupper() else name


def _placed(page: Page, trip: Trip, found: list[_Place], asked: frozenset[Slot]) -> Trip:
    done: set[Slot] = set()
    negated = tuple(place.name for place in found if place.role is _Role.NEGATED)
    for place in found:
        slot = _slot(page, trip, place, asked - done, negated)
        if slot is None or (slot in done and not _is_correction(page, place.start)):
            continue
        trip = _with(trip, slot, place.name)
        done.add(slot)
    return trip


def _slot(
    page: Page, trip: Trip, place: _Place, asked: frozenset[Slot], negated: tuple[str, ...]
) -> Slot | None:
    match place.role:
        case _Role.NEGATED:
            return None
        case _Role.ORIGIN:
            return Slot.ORIGIN
        case _Role.DESTINATION:
            return Slot.DESTINATION
        case _Role.BARE:
            before = page.low[max(0, place.start - _BEFORE) : place.start]
            wanted = asked & {Slot.ORIGIN, Slot.DESTINATION}
            if place.name in (trip.origin, trip.destination):
                return None
            corrected = bool(_CORRECTED.search(page.low))
            short = page.low.count(" ") < 5
            if _ELSEWHERE.search(before) or not (wanted or short or corrected):
                return None
            # "Greece", and in answer to whatever came next: "Athens then".
            inside = is_inside(place.name, trip.destination or "")
            return _bare_slot(trip, asked, negated, corrected=corrected or inside)


def _is_correction(page: Page, start: int) -> bool:
    return bool(_CORRECTED.search(page.low, max(0, start - _BEFORE), start))


def _bare_slot(
    trip: Trip, asked: frozenset[Slot], negated: tuple[str, ...] = (), *, corrected: bool = False
) -> Slot:
    if Slot.ORIGIN in asked and Slot.DESTINATION not in asked and not corrected:
        return Slot.ORIGIN
    return Slot.ORIGIN if trip.origin in negated else Slot.DESTINATION


def _with(trip: Trip, slot: Slot, name: str) -> Trip:
    # No trip goes to where it begins: what was said last holds, the other is asked for again.
    if slot is Slot.ORIGIN:
        return replace(
            trip, origin=name, destination=None if trip.destination == name else trip.destination
        )
    return replace(trip, destination=name, origin=None if trip.origin == name else trip.origin)


def _answer(page: Page, asked: frozenset[Slot]) -> str | None:
    text = page.raw.strip(" .!,")
    words = text.split(" ")
    where = asked & {Slot.ORIGIN, Slot.DESTINATION}
    if not where or len(words) > 3 or "?" in page.raw:
        return None
    if any(word.lower() in ORDINARY_WORDS or not _WORD.fullmatch(word) for word in words):
        return None
    if not (text.islower() or all(word[0].isupper() or word in _PARTICLES for word in words)):
        return None
    return _titled(text) if 3 <= len(text) <= 40 else None
