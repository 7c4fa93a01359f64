"""Phrases that name a day or a month, and the day they mean."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from segue.agents.demo.text import NUMBER, Page, number

_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH: Final = (
    r"(?P<m>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_YEAR: Final = r"(?:,? (?P<y>20\d\d)\b)?"
_NOT_A_VERB: Final = r"(?! (?:be|i|not|have|you|we|also|need|take|want)\b)"
_ORDINAL: Final = r"(?:st|nd|rd|th)"
_WEEKDAYS: Final = "mon tue wed thu fri sat sun".split()
_WEEKDAY: Final = r"(?P<w>monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_SEASONS: Final = {"spring": 4, "summer": 7, "autumn": 10, "fall": 10, "winter": 1}
_FEASTS: Final = {"christmas": (12, 24), "new year": (12, 30), "halloween": (10, 31)}
_PART: Final = {
    "early": 5,
    "beginning": 3,
    "start": 3,
    "mid": 15,
    "middle": 15,
    "late": 25,
    "end": 28,
    "first week": 2,
    "second week": 9,
    "third week": 16,
    "last week": 25,
}
_FURTHEST_YEARS: Final = 5


@dataclass(frozen=True, slots=True)
class Day:
    """What a phrase names: a day, or with `whole_month` the month that begins on it."""

    day: date
    whole_month: bool = False


@dataclass(frozen=True, slots=True)
class Mention:
    """A phrase of the message that names a day, in its place; `near` settles what it leaves open."""

    start: int
    end: int
    resolve: Callable[[date], Day | None]
    """Gives the first day from that date on that the phrase can mean; None: no day of the calendar."""
    bare: bool = False
    """Only the day of the month: which month follows from what was said before."""
    from_today: bool = False
    """Counted from today, whatever was said before: "tomorrow", "next week"."""


def month_after(first: date, months: int) -> date:
    """Gives the first of the month that many months later."""
    years, month = divmod(first.month - 1 + months, 12)
    return date(first.year + years, month + 1, 1)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _in_year(match: re.Match[str], group: str = "d") -> Callable[[date], Day | None]:
    month, day = _MONTHS.index(match["m"][:3]) + 1, int(match[group])
    return _yearly(month, day, int(match["y"]) if match["y"] else None)


def _yearly(month: int, day: int, year: int | None) -> Callable[[date], Day | None]:
    def resolve(near: date) -> Day | None:
        years = [year] if year else [near.year + n for n in range(_FURTHEST_YEARS)]
        days = (_day(y, month, day) for y in years)
        found = next((d for d in days if d and (year or d >= near)), None)
        return Day(found) if found else None

    return resolve


def _monthly(day: int, later: int) -> Callable[[date], Day | None]:
    def resolve(near: date) -> Day | None:
        firsts = (month_after(near.replace(day=1), later + n) for n in range(4))
        days = (_day(f.year, f.month, day) for f in firsts)
        found = next((d for d in days if d and d >= near), None)
        return Day(found) if found else None

    return resolve


def _month(match: re.Match[str]) -> Callable[[date], Day | None]:
    return _whole_month(_MONTHS.index(match["m"][:3]) + 1, int(match["y"]) if match["y"] else None)


def _whole_month(month: int, year: int | None) -> Callable[[date], Day | None]:
    def resolve(near: date) -> Day:
        return Day(date(year or near.year + (month < near.month), month, 1), whole_month=True)

    return resolve


def _weekday(match: re.Match[str]) -> Callable[[date], Day | None]:
    wanted = _WEEKDAYS.index(match["w"][:3])
    next_week = "next" in match[0]

    def resolve(near: date) -> Day:
        if next_week:
            return Day(near + timedelta(days=7 - near.weekday() + wanted))
        return Day(near + timedelta(days=(wanted - near.weekday() - 1) % 7 + 1))

    return resolve


def _ahead(match: re.Match[str]) -> Callable[[date], Day | None]:
    count, unit = number(match["n"]), match["u"]
    if unit == "month":
        return lambda near: Day(month_after(near, min(count, 24)), whole_month=True)
    return lambda near: Day(near + timedelta(days=min(count * (7 if unit == "week" else 1), 730)))


def _relative(match: re.Match[str]) -> Callable[[date], Day | None]:
    days = 2 if "after" in match[0] else 1 if "tomorrow" in match[0] else 0
    return lambda near: Day(near + timedelta(days=days))


def _next(match: re.Match[str]) -> Callable[[date], Day | None]:
    is_next = match["t"] == "next"
    if match["u"] == "month":
        return lambda near: Day(month_after(near, int(is_next)), whole_month=True)
    weekday = 4 if match["u"] == "weekend" else 0
    if match["u"] == "week" or is_next:
        return lambda near: Day(near + timedelta(days=7 - near.weekday() + weekday))
    return lambda near: Day(near + timedelta(days=max(0, weekday - near.weekday())))


def _part(match: re.Match[str]) -> Callable[[date], Day | None]:
    month = _MONTHS.index(match["m"][:3]) + 1
    return _yearly(month, _PART[match["p"]], int(match["y"]) if match["y"] else None)


def _numeric(match: re.Match[str]) -> Callable[[date], Day | None]:
    # A slash is the American order unless it can't be; the answer says the date in words.
    first, second = int(match["a"]), int(match["b"])
    month, day = (second, first) if "." in match[0] or first > 12 else (first, second)
    year = int(match["y"]) if match["y"] else None
    return _yearly(month, day, year + 2000 if year and year < 100 else year)


def _iso(match: re.Match[str]) -> Callable[[date], Day | None]:
    return _yearly(int(match["b"]), int(match["d"]), int(match["y"]))


def _ordinal(match: re.Match[str]) -> Callable[[date], Day | None]:
    later = 1 if match["t"] == "next" else 0
    return _monthly(int(match["d"] or match["e"]), later)


def _season(match: re.Match[str]) -> Callable[[date], Day | None]:
    return _whole_month(_SEASONS[match["s"]], None)


def _feast(match: re.Match[str]) -> Callable[[date], Day | None]:
    month, day = _FEASTS[match["f"]]
    return _yearly(month, day, None)


_Reader = Callable[[re.Match[str]], Callable[[date], Day | None]]
_DASH: Final = r" ?(?:-|to|until|till|through|and) ?(?:the )?"
# In this order: a longer phrase before one that is part of it.
_RANGES: Final = (
    re.compile(
        rf"\b(?P<d>\d{{1,2}}){_ORDINAL}?{_DASH}(?P<e>\d{{1,2}}){_ORDINAL}?(?: of)? {_MONTH}{_YEAR}"
    ),
    re.compile(
        rf"\b{_MONTH} (?P<d>\d{{1,2}}){_ORDINAL}?{_DASH}(?P<e>\d{{1,2}})(?:{_ORDINAL})?\b{_YEAR}"
    ),
)
_SINGLE: Final[tuple[tuple[re.Pattern[str], _Reader], ...]] = tuple(
    (re.compile(pattern), reader)
    for pattern, reader in (
        (r"\b(?P<y>20\d\d)-(?P<b>\d\d)-(?P<d>\d\d)\b", _iso),
        (r"\b(?P<a>\d{1,2})\.(?P<b>\d{1,2})\.(?P<y>20\d\d|\d\d\b)?", _numeric),
        (r"\b(?!24/7)(?P<a>\d{1,2})/(?P<b>\d{1,2})(?:/(?P<y>20\d\d|\d\d))?\b", _numeric),
        (rf"\b(?P<d>\d{{1,2}}){_ORDINAL}?(?: of)? {_MONTH}{_YEAR}", _in_year),
        (rf"\b{_MONTH} (?:the )?(?P<d>\d{{1,2}}){_ORDINAL}?\b{_YEAR}", _in_year),
        (
            rf"\b(?:the )?(?P<p>early|mid|middle|late|beginning|start|end|(?:first|second|third|last) week)(?:[ -]of)?[ -](?:in )?{_MONTH}{_YEAR}",
            _part,
        ),
        (
            rf"\b(?:the )?(?P<d>\d{{1,2}}){_ORDINAL}\b(?! (?:option|class|one|floor|time|choice|star|person))(?: of (?P<t>this|next|the) month)?(?P<e>)",
            _ordinal,
        ),
        (r"\b(?:on|by|until|till|for) the (?P<e>\d{1,2})\b(?P<d>)(?P<t>)", _ordinal),
        (
            r"\b(?:the )?day after tomorrow\b|\btomorrow\b|\b(?:later )?today\b|\btonight\b",
            _relative,
        ),
        (rf"\bin (?P<n>{NUMBER}) (?P<u>day|week|month)s?(?:'s? time)?\b", _ahead),
        (rf"\b(?P<n>{NUMBER}) (?P<u>day|week|month)s? from (?:now|today)\b", _ahead),
        (rf"\b(?:(?:this|next|coming) )?{_WEEKDAY}\b(?: (?:this|next) week)?", _weekday),
        # "weekend" itself stays on the page: it also says how long.
        (r"\b(?P<t>this|next|coming|the) (?=(?:long )?(?P<u>weekend)\b)", _next),
        (r"\b(?P<t>next) (?P<u>week)\b", _next),
        (r"\b(?P<t>this|next) (?P<u>month)\b", _next),
        (
            rf"\b(?:(?:in|for|during|this|next|around|of|about|rather|prefer|make it|sometime in) )(?:the month of )?{_MONTH}{_YEAR}{_NOT_A_VERB}",
            _month,
        ),
        (rf"\b{_MONTH} (?P<y>20\d\d)\b", _month),
        (
            r"\b(?:in|this|next|during|over)(?: the)? (?P<s>spring|summer|autumn|fall|winter)\b",
            _season,
        ),
        (r"\b(?P<f>christmas|new year|halloween)\b", _feast),
    )
)
_THIS_WEEK: Final = re.compile(r"^(?:this|next) .*day|week$")
_BARE_MONTH: Final = re.compile(rf"\b{_MONTH}{_YEAR}{_NOT_A_VERB}")


def mentions(page: Page, *, bare_month: bool) -> list[Mention]:
    """Takes every phrase that names a day off the page, in the order of the text.

    `bare_month`: a month's name alone counts, also "may"; so where the question was when.
    """
    found = [
        mention for pattern in _RANGES for match in page.take(pattern) for mention in _pair(match)
    ]
    for pattern, reader in _SINGLE:
        found += [_mention(match, reader) for match in page.take(pattern)]
    if bare_month:
        found += [Mention(m.start(), m.end(), _month(m)) for m in page.take(_BARE_MONTH)]
    return sorted(found, key=lambda mention: mention.start)


def _mention(match: re.Match[str], reader: _Reader) -> Mention:
    return Mention(
        match.start(),
        match.end(),
        reader(match),
        bare=reader is _ordinal,
        from_today=reader in (_relative, _ahead, _next) or bool(_THIS_WEEK.search(match[0])),
    )


def _pair(match: re.Match[str]) -> Iterator[Mention]:
    middle = match.start("e")
    yield Mention(match.start(), middle, _in_year(match, "d"))
    yield Mention(middle, match.end(), _in_year(match, "e"))
