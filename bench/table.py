"""Tables in Markdown, and how their cells are written."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Table:
    """A headline, the names of columns, and rows."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return f"### {self.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


NONE = "-"
"""A cell for what a server can't do."""


def us(seconds: float) -> str:
    """Gives microseconds."""
    return f"{seconds * 1e6:.0f}"


def ms(seconds: float) -> str:
    """Gives milliseconds."""
    return f"{seconds * 1e3:.1f}"


def seconds(value: float) -> str:
    """Gives seconds."""
    return f"{value:.2f}"


def kib(size_bytes: float) -> str:
    """Gives KiB."""
    return f"{size_bytes / 1024:.0f}"


def per(value: float, base: float | None) -> str:
    """Gives a ratio."""
    return NONE if base is None else f"{value / base:.2f}"
