"""What a program wrote and isn't known to be durable: made once more where a document starts over.

Some of it may be durable nevertheless, its acknowledgement lost on the way. So each change is one that
does nothing where it was done before.
"""

from typing import Final

from segue.document.local import LocalReplica
from segue.document.writing import LocalChange

_SPARE: Final = 64


class Unsaved:
    """Changes in their order; of a text that is written as a whole, what it was and is to be."""

    def __init__(self) -> None:
        self._changes: list[LocalChange] = []
        self._texts: dict[str, tuple[str, str]] = {}

    def add(self, change: LocalChange) -> None:
        """Takes note of a change that was made."""
        self._changes.append(change)

    def add_text(self, root: str, before: str, after: str) -> None:
        """Takes note that a root's text was replaced."""
        first, _ = self._texts.get(root, (before, ""))
        self._texts[root] = first, after

    def keep_last(self, count: int) -> None:
        """Forgets changes but the last `count`, now and then: a program may write on without a pause."""
        if count and len(self._changes) > _SPARE + 2 * count:
            del self._changes[:-count]

    def clear(self) -> None:
        """Forgets all: it is durable."""
        self._changes.clear()
        self._texts.clear()

    def make_again(self, replica: LocalReplica) -> list[bytes]:
        """Makes all of it in another copy; gives the updates, empty ones where it was done already."""
        made = [replica.edit(change) for change in self._changes]
        texts = [
            replica.replace_text(root, _carried_over(before, after, replica.text(root)))
            for root, (before, after) in self._texts.items()
        ]
        return made + texts


def _carried_over(before: str, after: str, now: str) -> str:
    """Gives `now` with what was inserted from `before` to `after`; nothing that was typed is lost.

    Where others wrote in between, what was cut out stays, and what was put in may stand a little aside.
    """
    if now in (before, after):
        return after
    start = _common(before, after)
    behind = _common(before[start:][::-1], after[start:][::-1])
    return now[:start] + after[start : len(after) - behind] + now[start:]


def _common(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
