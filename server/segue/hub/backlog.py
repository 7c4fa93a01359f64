"""The bound on what a node has taken from devices and not yet committed."""

from segue.hub.quota import Quota
from segue.ids import SERVER, UserId


class Backlog:
    """Counts bytes between arrival and outcome, for all documents of the node together.

    A user has a share of it, so that one who floods leaves room for the others; an update that is
    larger than the share passes alone. Reaction when full: the update is not taken and its writer is
    closed with 1013; devices hold their updates and bring them again.
    """

    def __init__(self, max_bytes: int, max_user_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._shares: Quota[UserId] = Quota(max_user_bytes)
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """What is under way now."""
        return self._bytes

    def take(self, user: UserId, size_bytes: int) -> bool:
        """Adds to the count; False, and nothing added, if it would go over a bound.

        The server's own have no share: they follow from what users did.
        """
        if self._bytes + size_bytes > self._max_bytes:
            return False
        if user != SERVER and not self._shares.take(user, size_bytes):
            return False
        self._bytes += size_bytes
        return True

    def give_back(self, user: UserId, size_bytes: int) -> None:
        """Takes off the count what has an outcome."""
        self._bytes -= size_bytes
        self._shares.give_back(user, size_bytes)
