"""What a room needs to know of a dialect: how to say things to a peer."""

from typing import Protocol


class Dialect(Protocol):
    """Builds the payloads of messages to one peer. Pure; the result may be kept and shared."""

    @property
    def key(self) -> bytes:
        """Equal for two peers exactly if every payload for the one is byte for byte the other's."""

    def step1(self, vector: bytes) -> bytes:
        """Asks the client for what it has beyond a state vector."""

    def step2(self, update: bytes) -> bytes:
        """Answers the client's step 1."""

    def update(self, update: bytes) -> bytes:
        """Passes an edit on."""

    def awareness(self, payload: bytes) -> bytes:
        """Passes presence on; with `awareness.EMPTY` it is the keep-alive."""

    def status(self, *, saved: bool) -> bytes | None:
        """Says that one change is durable, or that it is refused. None: the dialect can't say it."""

    def refused(self, reason: str) -> bytes:
        """Says why the client may not use this document (any more)."""
