"""What a session is called that nobody has named."""

from typing import Final

from segue.document.edits import MAX_TITLE

_MAX_BEGINNING: Final = 60


def beginning_of(text: str) -> str:
    """Gives the first words of a text, as many as a list has room for."""
    words = " ".join(text[:MAX_TITLE].split())
    return words if len(words) <= _MAX_BEGINNING else words[:_MAX_BEGINNING].rsplit(" ", 1)[0] + "…"
