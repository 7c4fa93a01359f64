"""Which JSON a document gives back as it came."""

from collections.abc import Sequence
from typing import Final

from segue.errors import InvalidRequest

MAX_INTEGER: Final = 2**53
"""Numbers are doubles for every Yjs client: beyond this, integers would not stay what they are."""

MAX_DEPTH: Final = 12
"""Of JSON that comes over HTTP, field by field."""


def check_kept(value: object, field: str, max_depth: int = MAX_DEPTH) -> None:
    """Does nothing for JSON that a document gives back as it came.

    Raises:
        InvalidRequest: it would be changed, or is too deep.
    """
    level = [value]
    for depth in range(max_depth + 1):
        if any(_is_changed(each) for each in level):
            raise InvalidRequest(
                f"`{field}` has an integer beyond 2^53, which can't be kept exactly. "
                "Send it as a string."
            )
        if depth == max_depth and any(isinstance(each, dict | list) for each in level):
            break
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return
    raise InvalidRequest(f"`{field}` is nested over {max_depth} levels. Send it flatter.")


def _is_changed(value: object) -> bool:
    return isinstance(value, int) and abs(value) > MAX_INTEGER


def _inside(value: object) -> Sequence[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else ()
