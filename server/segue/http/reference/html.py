"""HTML as values: text is escaped wherever it comes from, tags are not text."""

from html import escape
from typing import Final

_VOID: Final = ("meta", "link")


class Html(str):
    """Finished HTML. Everything else is text, and escaped."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str) -> Html:
    """Gives an element; `class_` is the attribute class, and `_` in names is `-`."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
    )
    if name in _VOID:
        return Html(f"<{name}{shown}>")
    return Html(f"<{name}{shown}>{joined(*children)}</{name}>")


def joined(*children: str) -> Html:
    """Gives children one after the other."""
    return Html("".join(each if isinstance(each, Html) else escape(each) for each in children))


def prose(text: str) -> Html:
    """Gives a text with its paragraphs, and what stands in backticks as code."""
    paragraphs = [" ".join(each.split()) for each in text.strip().split("\n\n")]
    return joined(*(tag("p", marked(each)) for each in paragraphs if each))


def marked(text: str) -> Html:
    """Gives a text with what stands in backticks as code."""
    pieces = text.split("`")
    return joined(
        *(tag("code", piece) if number % 2 else piece for number, piece in enumerate(pieces))
    )
