"""Who is here: the awareness states of a document's devices. Never stored.

Invariants:
1. A client id belongs to one attached peer and a peer has at most one: the first that it announces
   alone. Entries for any other id are ignored: some clients echo everybody's, or remove everybody.
2. `user.id` of a state is the user whose token it is: who says otherwise is corrected. Editors that show a
   name and a colour alone say nothing there. (Rejected: not passing it on. Some pages have ids of their own.)
3. What goes out for a client id has a rising clock, also when a device comes back with a lower one:
   receivers ignore states that are not newer than what they have.
"""

import json
from collections import OrderedDict
from typing import Final

from segue.hub.peer import Peer
from segue.ids import UserId
from segue.wire.awareness import AwarenessEntry
from segue.wire.lib0 import MAX_SAFE_INTEGER

_MAX_REMEMBERED_CLOCKS: Final = 1_000

# Counting on from the largest clock there is would end in a number that nobody can read: a device that
# claims so many changes is not believed. Half of the range is left to count on in.
_MAX_CLOCK: Final = MAX_SAFE_INTEGER // 2


class Presence:
    """The present devices of one document."""

    def __init__(self, max_state_bytes: int) -> None:
        self._max_state_bytes = max_state_bytes
        self._clients: dict[Peer, int] = {}
        self._peers: dict[int, Peer] = {}
        self._received: dict[Peer, AwarenessEntry] = {}
        self._clocks: OrderedDict[int, int] = OrderedDict()

    def announce(self, peer: Peer, entries: tuple[AwarenessEntry, ...]) -> bool:
        """Takes what a peer says of itself; tells whether there is news for the others."""
        if len(entries) == 1:
            self._bind(peer, entries[0].client)
        own = self._clients.get(peer)
        for said in entries:
            if said.client != own:
                continue
            entry = _in_own_name(said, peer.identity.user)
            if entry is not None and self._is_news(peer, entry):
                self._received[peer] = entry
                return True
        return False

    def latest(self, peer: Peer) -> AwarenessEntry | None:
        """Gives what the others are to be told of a peer."""
        entry = self._received.get(peer)
        if entry is None:
            return None
        return AwarenessEntry(entry.client, self._tick(entry.client, entry.clock), entry.state)

    def leave(self, peer: Peer, *, untold: bool = False) -> AwarenessEntry | None:
        """Forgets a peer; gives its removal, if anybody knew of it.

        `untold`: the others don't have its latest state, which may be that it is gone.
        """
        last = self._received.pop(peer, None)
        client = self._clients.pop(peer, None)
        if client is None or self._peers.get(client) is not peer:
            return None
        del self._peers[client]
        if last is None or (last.state is None and not untold):
            return None
        return AwarenessEntry(client, self._tick(client, 0), None)

    def others(self, peer: Peer) -> tuple[AwarenessEntry, ...]:
        """Gives the present states of everybody but `peer`."""
        return tuple(
            AwarenessEntry(entry.client, self._clocks.get(entry.client, entry.clock), entry.state)
            for other, entry in self._received.items()
            if other is not peer and entry.state is not None
        )

    def _bind(self, peer: Peer, client: int) -> None:
        if peer in self._clients:
            return
        holder = self._peers.get(client)
        if holder is not None:
            if (holder.identity.user, holder.identity.device) != (
                peer.identity.user,
                peer.identity.device,
            ):
                return
            # The same device came back before its old connection was found dead.
            self._clients.pop(holder, None)
            self._received.pop(holder, None)
        self._clients[peer] = client
        self._peers[client] = peer

    def _is_news(self, peer: Peer, entry: AwarenessEntry) -> bool:
        if entry.clock > _MAX_CLOCK:
            return False
        if entry.state is not None and len(entry.state.encode()) > self._max_state_bytes:
            return False
        last = self._received.get(peer)
        if last is None:
            return True
        goes = entry.state is None and last.state is not None
        return entry.clock > last.clock or (entry.clock == last.clock and goes)

    def _tick(self, client: int, clock: int) -> int:
        clock = max(clock, self._clocks.pop(client, -1) + 1)
        self._clocks[client] = clock
        if len(self._clocks) > _MAX_REMEMBERED_CLOCKS:
            self._clocks.popitem(last=False)
        return clock


def _in_own_name(entry: AwarenessEntry, user: UserId) -> AwarenessEntry | None:
    """Gives an entry with its `user.id` put right; None if it can't be."""
    if entry.state is None or not ('"id"' in entry.state or "\\u" in entry.state):
        return entry  # it names nobody, in plain letters or escaped ones
    state = json.loads(entry.state)  # an object: the decoder has seen it
    shown = state.get("user")
    if not isinstance(shown, dict) or shown.get("id", user) == user:
        return entry
    shown["id"] = user
    try:
        return AwarenessEntry(entry.client, entry.clock, json.dumps(state, allow_nan=False))
    except ValueError:  # a number beyond all, as 1e999: JSON has no word for it
        return None
