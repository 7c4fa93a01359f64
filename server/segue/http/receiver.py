"""Who gets what a socket receives."""

from typing import Protocol


class Receiver(Protocol):
    """One connection's own code. Methods return at once."""

    def on_message(self, data: bytes) -> None:
        """Takes one whole binary message."""

    def on_congested(self) -> None:
        """The socket's buffer went over its mark."""

    def on_drained(self) -> None:
        """The socket's buffer is nearly empty again."""

    def on_flood(self) -> None:
        """More came than the pace allows; nothing that comes from now on is taken."""

    def on_closed(self) -> None:
        """The socket is gone; called once, last."""
