"""The bound on what a node has taken from devices and not yet committed."""


class Backlog:
    """Counts bytes between arrival and outcome, for all documents of the node together.

    Reaction when full: the update is not taken and its writer is closed with 1013; devices hold
    their updates and bring them again.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """What is under way now."""
        return self._bytes

    def take(self, size_bytes: int) -> bool:
        """Adds to the count; False, and nothing added, if it would go over the bound."""
        if self._bytes + size_bytes > self._max_bytes:
            return False
        self._bytes += size_bytes
        return True

    def give_back(self, size_bytes: int) -> None:
        """Takes off the count what has an outcome."""
        self._bytes -= size_bytes
