"""The peers of one document: what they have, and how they are told what is new.

Complexity: a broadcast encodes each update once per dialect and name, and is one write per peer.
"""

from collections.abc import Iterable

from segue.hub.announcing import Announcing
from segue.hub.entries import Entry, Sent
from segue.hub.peer import Peer, Phase
from segue.hub.presence import Presence
from segue.wire.awareness import AwarenessEntry, encode_awareness
from segue.wire.frames import binary_frame
from segue.wire.vector import encode_vector


class Audience:
    """Peers, the vector of what is committed, and presence.

    Invariant: everything under `vector` was written to each LIVE peer.
    """

    def __init__(self, max_presence_bytes: int, presence_per_s: int) -> None:
        self.peers: dict[Peer, None] = {}
        self._announcing = Announcing(presence_per_s, self._tell_latest)
        self.presence = Presence(max_presence_bytes)
        self._vector: dict[int, int] = {}
        self._vector_bytes: bytes | None = None

    @property
    def vector_bytes(self) -> bytes:
        """The encoded state vector of what is committed."""
        if self._vector_bytes is None:
            self._vector_bytes = encode_vector(self._vector)
        return self._vector_bytes

    def reset(self, vector: dict[int, int]) -> None:
        """Takes the vector of a document that was loaded anew."""
        self._vector = vector
        self._vector_bytes = None

    def lag(self, peer: Peer) -> None:
        """Stops increments to a peer; it has what is committed now, and gets one diff later."""
        if peer.phase is Phase.LIVE:
            peer.phase = Phase.LAGGING
            # Behind a step 1 of its own that counts: it may have less than it was given.
            if not peer.wants_step2:
                peer.known = self.vector_bytes

    def lag_all(self) -> None:
        """Makes every peer lag: the log holds rows that they were not sent."""
        for peer in self.peers:
            self.lag(peer)

    def broadcast(self, entries: list[Entry]) -> None:
        """Writes updates that became durable to every LIVE peer, and acks to their senders."""
        for entry in entries:
            for client, _, end in entry.all_spans:
                self._vector[client] = max(end, self._vector.get(client, 0))
        self._vector_bytes = None
        acks = _acks(entries)
        frames: dict[object, bytes] = {}
        # A copy: a write may make a peer lag, and one connection may hold several peers.
        for peer in [peer for peer in self.peers if peer.phase is Phase.LIVE]:
            key = peer.dialect.key
            ready = frames.get(key)
            if ready is None:
                dialect = peer.dialect
                ready = b"".join(
                    binary_frame(dialect.update(update.data))
                    for entry in entries
                    for update in entry.logged
                )
                frames[key] = ready
            ack = acks.pop(peer, None)
            peer.outbox.write(ready if ack is None else ready + ack)
        for peer, ack in acks.items():
            if peer.attached:
                peer.outbox.write(ack)

    def acknowledge(self, entry: Entry) -> None:
        """Tells the sender that a durable or known update is durable."""
        for peer, ack in _acks([entry]).items():
            if peer.attached:
                peer.outbox.write(ack)

    def announce(self, peer: Peer, entries: tuple[AwarenessEntry, ...]) -> None:
        """Passes on what a peer says of its own presence."""
        if self.presence.announce(peer, entries):
            self._announcing.announce(peer)

    def leave(self, peer: Peer) -> None:
        """Removes a peer and tells the others."""
        if self.peers.pop(peer, self) is None:
            peer.attached = False
            untold = self._announcing.forget(peer)
            self._tell(self.presence.leave(peer, untold=untold), but=peer)

    def introduce(self, peer: Peer) -> None:
        """Tells a peer who else is here."""
        peer.misses_presence = False
        others = self.presence.others(peer)
        if others:
            peer.send(peer.dialect.awareness(encode_awareness(others)))

    def _tell_latest(self, peer: Peer) -> None:
        self._tell(self.presence.latest(peer), but=peer)

    def _tell(self, entry: AwarenessEntry | None, *, but: Peer) -> None:
        if entry is None:
            return
        payload = encode_awareness((entry,))
        for peer in list(self.peers):
            if peer is but:
                continue
            if peer.outbox.congested:
                peer.misses_presence = True  # it is told all at once when it has drained
            else:
                peer.send(peer.dialect.awareness(payload))


def _acks(entries: Iterable[Entry]) -> dict[Peer, bytes]:
    acks: dict[Peer, bytes] = {}
    for entry in entries:
        if not isinstance(entry, Sent) or entry.debt is None or entry.peer.owed is None:
            continue
        peer, debt = entry.peer, entry.debt
        assert peer.owed is not None
        count = peer.owed.pay(debt)
        status = peer.dialect.status(saved=True)
        if count and status is not None:
            acks[peer] = acks.get(peer, b"") + binary_frame(status) * count
    return acks
