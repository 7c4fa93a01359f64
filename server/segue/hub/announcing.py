"""When what a device says of itself is passed on: so many times a second, of more the latest.

A state is as costly as the document has devices, and shows what is gone a moment later: so it is what
is dropped first. A generic cell rate algorithm (ITU-T I.371) with a second's worth at once.

Invariant: who is held has a newer state than the others know; it is passed on within moments, or its
leaving is.
"""

import asyncio
from collections.abc import Callable

from segue.hub.peer import Peer


class Announcing:
    """Who waits until its presence may be passed on. `pass_on` takes the latest there is."""

    def __init__(self, per_s: int, pass_on: Callable[[Peer], None]) -> None:
        self._interval_s = 1 / per_s
        self._pass_on = pass_on
        self._held: dict[Peer, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def announce(self, peer: Peer) -> None:
        """Passes a peer's news on, now or as soon as it may be."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        due_s = max(peer.presence_due_s, now_s)
        if due_s - now_s <= 1 - self._interval_s:
            peer.presence_due_s = due_s + self._interval_s
            self._pass_on(peer)
            return
        self._held[peer] = None
        if self._timer is None:
            self._timer = loop.call_later(self._interval_s, self._try_again)

    def forget(self, peer: Peer) -> bool:
        """Drops what is held of a peer that leaves; tells whether there was anything."""
        return self._held.pop(peer, self) is None

    def _try_again(self) -> None:
        self._timer = None
        held, self._held = self._held, {}
        for peer in held:
            self.announce(peer)
