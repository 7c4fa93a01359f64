"""Reads what a trip is for: interests and the occasion."""

import re
from dataclasses import replace
from typing import Final

from segue.agents.demo.text import Page
from segue.agents.demo.trip import Slot, Trip

ANYTHING: Final = "a bit of everything"
_MOST: Final = 6

_THEMES: Final = {
    "food": r"food\w*|coffee|beer|eat(?:ing)?|restaurants?|cuisine|street food|tapas|culinary|cafes?|gastronomy",
    "wine": r"wines?|wineries|vineyards?",
    "museums": r"museums?|galler(?:y|ies)|exhibitions?",
    "art": r"art|arts|paintings?",
    "history": r"histor(?:y|ic|ical)|castles?|ruins|old town|heritage",
    "architecture": r"architecture|buildings",
    "beach": r"beach\w*|swim\w*|sun(?:bathing)?|seaside|surf\w*|snorkel\w*|diving",
    "nature": r"nature|hik(?:e|es|ing)|mountains?|outdoors?|parks?|national parks?|gardens?|walk(?:s|ing)",
    "nightlife": r"nightlife|clubs?|clubbing|bars?|pubs?|part(?:y|ying)",
    "music": r"music|concerts?|jazz|opera|festivals?",
    "shopping": r"shop\w*|markets?",
    "sport": r"sports?|football|soccer|skiing|ski|cycling|bik(?:e|ing)",
    "relaxing": r"relax\w*|spa|wellness|quiet|chill\w*",
    "photography": r"photo\w*",
    "sights": r"sight-?seeing|sights|landmarks|tourist",
    "work": r"business|for work|conference|meetings?|expo|trade fair",
    "romance": r"honeymoon|romantic|anniversary",
    "family": r"famil(?:y|ies)|relatives|kid-friendly|parents?(?:'s)?",
}
_FINDERS: Final = {label: re.compile(rf"\b(?:{words})\b") for label, words in _THEMES.items()}
_UNWANTED: Final = re.compile(
    r"\b(?:no|not|without|less|skip|instead of|rather than|hate|don't like|remove|drop)(?: (?:the|any|so many))? ?$"
)
_INSTEAD: Final = re.compile(r"\b(?:only|just|instead|rather|not)\b")
_NO_MATTER: Final = re.compile(
    r"\b(?:anything|everything|whatever|surprise (?:me|us)|no preference|nothing special|don't (?:know|mind|care)|not sure"
    r"|no idea|skip|you (?:choose|decide)|any)\b(?! budget)|^(?:no|nope|none)\W*$"
)
_TALK: Final = frozenset(
    "a i me my you your is are was tell what how why who when where can do does it this that write".split()
)
_SHORT_LIST: Final = re.compile(r"[^\W\d_][\w' -]{2,30}(?:, [^\W\d_][\w' -]{2,30}){0,3}")
_LIKED: Final = re.compile(
    r"\b(?:i|we)(?:'m| am|'re| are)? (?:really )?(?:like|love|enjoy|into) (?P<x>[^.,;!?]{3,40})"
)


def read_interests_answer(page: Page, trip: Trip, asked: frozenset[Slot]) -> Trip:
    """Gives the trip with a short answer to "what do you enjoy?" as typed."""
    words = page.low.replace(" and ", ", ").strip(" .!")
    if (
        Slot.INTERESTS not in asked
        or not _SHORT_LIST.fullmatch(words)
        or not _TALK.isdisjoint(words.split(" "))
    ):
        return trip
    return replace(trip, interests=words)


def read_interests(page: Page, trip: Trip, asked: frozenset[Slot]) -> Trip:
    """Takes interests off the page and gives the trip with them, as a list in words."""
    found, unwanted = _themes(page)
    asks = Slot.INTERESTS in asked
    if not found and asks:
        found = _free(page)
    if not found and not unwanted:
        return trip
    known = [] if trip.interests in (None, ANYTHING) else str(trip.interests).split(", ")
    if found and _INSTEAD.search(page.low):
        known = []
    merged = list(dict.fromkeys(name for name in [*known, *found] if name not in unwanted))
    return replace(trip, interests=", ".join(merged[:_MOST]) or (None if asks else trip.interests))


def _themes(page: Page) -> tuple[list[str], set[str]]:
    places: list[tuple[int, str]] = []
    unwanted: set[str] = set()
    for label, finder in _FINDERS.items():
        for match in finder.finditer(page.low):
            if _UNWANTED.search(page.low[max(0, match.start() - 24) : match.start()]):
                unwanted.add(label)
            else:
                places.append((match.start(), label))
    return list(dict.fromkeys(label for _, label in sorted(places))), unwanted


def _free(page: Page) -> list[str]:
    if liked := _LIKED.search(page.low):
        return [liked["x"].strip()]
    return [ANYTHING] if _NO_MATTER.search(page.low) else []
