"""Users whose edits end workers: sent away for a while, from all documents.

Each such edit is refused and costs the documents of its worker a moment, once in a while a few
seconds. Counted per user, whatever document and device it came from: at the second nothing more is
taken of them until the window is over.
"""

from typing import Final

import structlog

from segue.errors import TooMany
from segue.hub.strikes import Strikes
from segue.ids import SERVER, UserId

log = structlog.get_logger()

_MOST: Final = 2
_WINDOW_S: Final = 600.0


class Conduct:
    """Who ended workers lately."""

    def __init__(self) -> None:
        self._strikes: Strikes[UserId] = Strikes(_WINDOW_S)

    def offend(self, user: UserId, now_s: float) -> None:
        """Takes that an edit of the user's ended a worker; the server's own are somebody else's fault."""
        if user != SERVER:
            count = self._strikes.add(user, now_s)
            log.warning("user.ended_worker", user=user, count=count)

    def check(self, user: UserId, now_s: float) -> None:
        """Returns if the user may take part.

        Raises:
            TooMany: not now.
        """
        if self._strikes.count(user, now_s) >= _MOST:
            raise TooMany(
                f"Edits of yours ended {_MOST} server processes. "
                f"Try again in {_WINDOW_S / 60:.0f} minutes, from a fresh copy."
            )
