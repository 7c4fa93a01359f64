"""What a person wrote, made safe and simple to read: bounded, without control characters, as words."""

import re
import unicodedata
from typing import Final

MOST_READ: Final = 1000
"""Characters of a message that are read; every pattern is linear, and this bounds what is left."""

_SPACES: Final = re.compile(r"\s+")
_QUOTES: Final = str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2014", "''\"\"--")
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})

_NUMBERS: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
).split()
NUMBER: Final = (
    r"(?:\d{1,3}|a couple(?: of)?|couple of|a few|an?|twenty|" + "|".join(_NUMBERS[1:]) + ")"
)
"""A pattern for a small count in digits or words."""


def clean(text: str) -> str:
    """Gives the first `MOST_READ` characters of `text` as one line of visible ones."""
    head = text[: MOST_READ * 2].translate(_QUOTES)
    seen = "".join(
        " " if c.isspace() else c
        for c in head
        if c.isspace() or unicodedata.category(c) not in _HIDDEN
    )
    return _SPACES.sub(" ", seen).strip()[:MOST_READ]


def lower(text: str) -> str:
    """Lower-cases `text` and keeps its length, so that places found in one hold in the other."""
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def fold(text: str) -> str:
    """Gives the form under which names are compared: no case, no accents, no full stop at the end."""
    bare = unicodedata.normalize("NFKD", text.strip().rstrip("."))
    return "".join(c for c in bare if not unicodedata.combining(c)).casefold()


def number(words: str) -> int:
    """Reads what `NUMBER` matched."""
    if words.isdigit():
        return int(words)
    if "couple" in words:
        return 2
    if "few" in words:
        return 3
    if words in ("a", "an"):
        return 1
    return 20 if words == "twenty" else _NUMBERS.index(words)


class Page:
    """A message being read: what one reader has understood is blanked, so that no other reads it again.

    Blanks are semicolons, which no phrase spans. `raw` keeps the case, `low` has none; both keep places.
    """

    __slots__ = ("low", "raw")

    def __init__(self, text: str) -> None:
        self.raw = clean(text)
        self.low = lower(self.raw)

    def take(self, pattern: re.Pattern[str]) -> list[re.Match[str]]:
        """Finds all of `pattern` (for lower-case text) and blanks them."""
        found = list(pattern.finditer(self.low))
        for match in found:
            self.blank(match.start(), match.end())
        return found

    def blank(self, start: int, end: int) -> None:
        """Marks a stretch as understood."""
        gap = ";" * (end - start)
        self.raw = self.raw[:start] + gap + self.raw[end:]
        self.low = self.low[:start] + gap + self.low[end:]
