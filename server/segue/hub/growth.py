"""How large a document may become.

What counts is its last snapshot and all that came since, in bytes: known without asking the worker. It
is too much by what was overwritten or deleted since the snapshot. So at the limit a new snapshot is
due before anything is refused, and only what is known to be too large is: finally, since the replica
that made it can't go on without it. Reading, exporting and deleting always work.
"""

from typing import Final

from segue.errors import Overloaded, TooLarge
from segue.hub.snapshots import Snapshots

_NEAR_SHARE: Final = 1 / 16
"""Of the limit: who is so near to it has to know better than to so much."""

_CALM_SHARE: Final = 1 / 4
"""Of the limit: so much may come, far from it, before a snapshot is due."""

_SMALL_BYTES: Final = 1 << 10
_SMALL_SHARE: Final = 1 / 8
"""What is small (a stop, a name, a switch) is taken beyond the limit, by so much of it."""

_MOST_TIMES: Final = 2
"""While a snapshot is being made the log grows at most to so many times the limit."""


class Growth:
    """Says of each update whether there is room for it; `flight_bytes` are those without an outcome."""

    def __init__(self, max_bytes: int, snapshots: Snapshots) -> None:
        self._max_bytes = max_bytes
        self._snapshots = snapshots
        self.flight_bytes = 0

    def admit(self, size_bytes: int, *, inserts: bool) -> None:
        """Returns if the document may take an update of so many bytes.

        Raises:
            TooLarge: it would be over the limit.
            Overloaded: it may be; that will be known soon.
        """
        would_be = self._snapshots.size_bytes + self.flight_bytes + size_bytes
        if would_be <= self._max_bytes * _CALM_SHARE:
            return
        unknown = self._snapshots.unknown_bytes + self.flight_bytes
        near = self._max_bytes * _NEAR_SHARE
        if unknown > self._max_bytes * _CALM_SHARE or would_be > self._max_bytes - near:
            self._snapshots.doubt = True
        if inserts and would_be > self._max_bytes:
            self._admit_at_limit(size_bytes, would_be, is_known=unknown <= near)

    def _admit_at_limit(self, size_bytes: int, would_be: int, *, is_known: bool) -> None:
        if not is_known:
            if would_be > self._max_bytes * _MOST_TIMES:
                raise Overloaded("The document is being measured. Nothing is lost; try again.")
        elif size_bytes > _SMALL_BYTES or would_be > self._max_bytes * (1 + _SMALL_SHARE):
            raise TooLarge(
                f"The document is full: {self._max_bytes} bytes (SEGUE_MAX_DOCUMENT). "
                "Delete something, or go on in a new session."
            )
