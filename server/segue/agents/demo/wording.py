"""How single things are said: days, people, what a person typed."""

import re
from datetime import date, timedelta
from typing import Final

_DAYS: Final = "Mon Tue Wed Thu Fri Sat Sun".split()
_MONTHS: Final = (
    "January February March April May June July August September October November December"
).split()
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]()#+!|<>~])")


def day_in_words(day: date, *, year: bool = True) -> str:
    """Gives a day as `Sat 15 May 2027`."""
    words = f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}"
    return f"{words} {day.year}" if year else words


def month_in_words(month: date) -> str:
    """Gives a month as `May 2027`."""
    return f"{_MONTHS[month.month - 1]} {month.year}"


def span(start: date, nights: int) -> str:
    """Gives a stay as `15 to 29 May 2027`, saying month and year once where they are the same."""
    end = start + timedelta(days=nights)
    first = str(start.day)
    if (start.month, start.year) != (end.month, end.year):
        first += f" {_MONTHS[start.month - 1]}" + (
            f" {start.year}" if start.year != end.year else ""
        )
    return f"{first} to {end.day} {month_in_words(end)}"


def people(count: int) -> str:
    """Gives `1 person`, `3 people`."""
    return "1 person" if count == 1 else f"{count} people"


def escaped(text: str) -> str:
    """Gives what a person typed so that Markdown shows it as it is."""
    return _MARKUP.sub(r"\\\1", text)
