"""States asked of the worker: one diff for a device that lacks something, snapshots for the log."""

from segue.hub.audience import Audience
from segue.hub.peer import Peer, Phase
from segue.ids import DocumentId
from segue.workers.ports import Documents, State


class StateRequests:
    """The questions of one document that are under way; at most one for each peer.

    What a peer lacks is computed for the vector it has, so its cost is what it missed, not the
    history; it leaves once all inside is durable (the room sees to that).
    """

    def __init__(self, document: DocumentId, documents: Documents, audience: Audience) -> None:
        self._document = document
        self._documents = documents
        self._audience = audience
        self._asked: dict[int, Peer | None] = {}
        self._last_number = 0

    def forget(self) -> None:
        """Drops all questions: the incarnation that was asked is over."""
        self._asked.clear()
        for peer in self._audience.peers:
            peer.asked = peer.asks_again = False

    def catch_up(self, peer: Peer) -> None:
        """Asks for what a peer lacks, if it lacks something and can take it now."""
        if peer.asked or peer.known is None or peer.outbox.congested:
            return
        if peer.phase is Phase.LIVE and not peer.wants_step2:
            return
        peer.asked = True
        peer.phase = Phase.CATCHING_UP
        self._documents.state(self._document, self._number(peer), peer.known)

    def ask_snapshot(self) -> None:
        """Asks for a snapshot."""
        self._documents.snapshot(self._document, self._number(None))

    def is_snapshot(self, state: State) -> bool:
        """Tells whether a state answers `ask_snapshot`."""
        return self._asked.get(state.request, self) is None

    def hand_over(self, state: State) -> None:
        """Gives a peer what it lacked; from here on it is LIVE."""
        peer = self._asked.pop(state.request, None)
        if peer is None or not peer.attached:
            return
        peer.asked = False
        if peer.asks_again:  # it has sent another vector since: this answer may miss something
            peer.asks_again = False
            self.catch_up(peer)
            return
        peer.phase = Phase.LIVE
        if peer.wants_step2:
            peer.wants_step2 = False
            peer.send(peer.dialect.step2(state.data))
        else:
            peer.send(peer.dialect.update(state.data))
            self._audience.introduce(peer)
        if peer.outbox.congested:
            self._audience.lag(peer)

    def _number(self, peer: Peer | None) -> int:
        self._last_number += 1
        self._asked[self._last_number] = peer
        return self._last_number
