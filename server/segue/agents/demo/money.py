"""Reads what a trip may cost."""

import re
from dataclasses import replace
from typing import Final

from segue.agents.demo.text import Page
from segue.agents.demo.trip import Slot, Trip

_SIGNS: Final = {
    "euro": "€",
    "eur": "€",
    "€": "€",
    "dollar": "$",
    "usd": "$",
    "buck": "$",
    "$": "$",
}
_SIGNS_UK: Final = {"pound": "£", "gbp": "£", "quid": "£", "£": "£"}
_AMOUNT: Final = r"\d{1,9}(?:[.,]\d{1,3}){0,3}"
_UNIT: Final = r"euros?|eur|€|dollars?|usd|\$|bucks|pounds?|gbp|quid|£|chf|francs|yen|jpy|sek|nok|dkk|pln|cad|aud|inr|rupees"
_PER: Final = r"(?P<per> ?(?:(?:per|an?|/) ?(?:person|head|night|day|week|travell?er)|each|pp)\b)?"
_PRICED: Final = re.compile(
    rf"(?:(?P<s>[$€£]) ?(?P<a>{_AMOUNT}) ?(?P<k>k\b)?|\b(?P<a2>{_AMOUNT}) ?(?P<k2>k\b)? ?(?P<u>{_UNIT})(?!\w))"
    rf"{_PER}"
)
_PLAIN: Final = re.compile(
    rf"\b(?:budget(?:'s)?|spend|cost|under|below|up to|at most|max(?:imum)?|less than|around|about)"
    rf"(?: (?:is|of|about|around|under|up to|to|would be)){{0,2}}:? (?P<a2>\d{{3,9}}|\d{{1,3}}[.,]\d{{3}}|\d{{1,3}}(?= ?k\b)) ?(?P<k2>k\b)?"
    rf"(?P<s>)(?P<a>)(?P<k>)(?P<u>)(?! ?(?:people|persons|km|miles|days)){_PER}"
)
_BARE: Final = re.compile(
    rf"(?<![\w.,])(?P<a2>\d{{3,9}}|\d{{1,3}}[.,]\d{{3}}|\d{{1,3}}(?= ?k\b)) ?(?P<k2>k\b)?(?P<s>)(?P<a>)(?P<k>)(?P<u>){_PER}"
)
_WORDS: Final = (
    (
        re.compile(
            r"\b(?:cheap\w*|low[- ]budget|low[- ]cost|budget[- ]friendly|shoestring|tight budget|not much money|small budget|on a budget|affordable)\b"
        ),
        "low",
    ),
    (
        re.compile(
            r"\b(?:mid-?range|mid budget|medium budget|moderate(?:ly)?|(?:not|nothing) too expensive|reasonabl\w+|average budget)\b"
        ),
        "medium",
    ),
    (re.compile(r"\b(?:luxur\w+|splurge|high[- ]end|five[- ]star|fancy)\b"), "high"),
    (
        re.compile(
            r"\b(?:no (?:budget )?limit|money is no object|no budget|unlimited|(?:company|boss|work|employer) pays)\b"
        ),
        "open",
    ),
)
_ASKED_WORDS: Final = (
    (re.compile(r"\b(?:low|small|tight)\b"), "low"),
    (re.compile(r"\b(?:medium|middle|average|normal)\b"), "medium"),
    (re.compile(r"\bhigh\b"), "high"),
    (re.compile(r"\b(?:flexible|open|no idea|not sure|don't know|no preference|doesn't matter|any budget|skip|whatever|don't care)\b"), "open"),
)  # fmt: skip


def read_budget(page: Page, trip: Trip, asked: frozenset[Slot]) -> Trip:
    """Takes a budget off the page and gives the trip with it, as it is to be shown: `€1,500 per person`."""
    # A number alone is money where money was asked for, or where there is nothing else.
    bare = Slot.BUDGET in asked or page.low.count(" ") < 2
    patterns = (_PRICED, _PLAIN, _BARE) if bare else (_PRICED, _PLAIN)
    for pattern in patterns:
        if (found := page.take(pattern)) and (amount := _shown(found[-1])):
            return replace(trip, budget=amount)
    for words, level in _WORDS + (_ASKED_WORDS if Slot.BUDGET in asked else ()):
        if words.search(page.low):  # left in place: "whatever" may answer another question, too
            return replace(trip, budget=level)
    return trip


def _shown(match: re.Match[str]) -> str | None:
    amount = _value(match["a"] or match["a2"], thousands=bool(match["k"] or match["k2"]))
    if not 0 < amount < 10**9:
        return None
    unit = match["s"] or match["u"] or ""
    sign = _SIGNS.get(unit.rstrip("s")) or _SIGNS_UK.get(unit.rstrip("s"), "")
    code = "" if sign or not unit else f" {unit.upper()}"
    per = re.sub(r"^(?:an?|per|/) ?", "per ", (match["per"] or "").strip())
    per = " per person" if per in ("each", "pp") else f" {per}" if per else ""
    return f"{sign}{amount:,.0f}{code}{per}"


def _value(text: str, *, thousands: bool) -> float:
    if thousands and re.fullmatch(r"\d{1,3}[.,]\d{1,2}", text):  # "2.5k"
        return float(text.replace(",", ".")) * 1000
    # A separator before exactly three digits groups thousands, whichever sign it is.
    whole = re.sub(r"[.,](?=\d{3}(?!\d))", "", text)
    return float(whole.split(",")[0].split(".")[0]) * (1000 if thousands else 1)
