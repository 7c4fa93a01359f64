"""The sync conversation with each device: step 1s both ways, and one diff for what it lacks.

What a peer lacks is computed for the vector it has, so its cost is what it missed, not the history;
it leaves once all inside is durable (the room sees to that).

Invariants:
1. At most one state is asked for a peer at a time, and none while its buffer is over its mark.
2. Each step 1 of a device is answered by one of ours, unless one of ours is unanswered.
3. A device gets nothing on request while its buffer is over its mark: what it asks for is noted, and
   given when it has drained. So one that asks and never reads costs nothing more.
"""

from typing import Final

from segue.hub.audience import Audience
from segue.hub.peer import Peer, Phase
from segue.ids import DocumentId
from segue.wire.messages import SyncStep1
from segue.workers.ports import Documents, State

_MAX_PENDING_BYTES: Final = 4 << 20


class CatchingUp:
    """The questions of one document that are under way, by the devices they were asked for."""

    def __init__(self, document: DocumentId, documents: Documents, audience: Audience) -> None:
        self._document = document
        self._documents = documents
        self._audience = audience
        self._is_open = False
        self._asked: dict[int, Peer | None] = {}
        self._put_off: dict[Peer, None] = {}
        self._last_number = 0

    def begin(self) -> None:
        """Greets who waits and catches everybody up: there is an incarnation to ask."""
        self._is_open = True
        for peer in list(self._audience.peers):
            self.proceed(peer)

    def stop(self) -> None:
        """Drops all questions: the incarnation that was asked is over."""
        self._is_open = False
        self._asked.clear()
        self._put_off.clear()
        for peer in self._audience.peers:
            peer.asked = peer.asks_again = False

    def greet(self, peer: Peer) -> None:
        """Begins with a new device: our step 1, and who else is here."""
        peer.misses_presence = True
        self.ask(peer)

    def ask(self, peer: Peer) -> None:
        """Has the device asked for what it has beyond the committed state, once at a time."""
        peer.wants_step1 = not peer.awaits_answer
        self.proceed(peer)

    def on_step1(self, peer: Peer, message: SyncStep1) -> None:
        """Takes what a device says it has."""
        if peer.owed is not None:
            peer.owed.on_step1(message.vector)
        peer.known = message.raw
        peer.wants_step2 = True
        peer.asks_again = peer.asked
        self.ask(peer)

    def on_query(self, peer: Peer) -> None:
        """Takes that a device wants to know who is here."""
        peer.misses_presence = True
        self.proceed(peer)

    def proceed(self, peer: Peer) -> None:
        """Does what is due for a peer, as far as the document is open and the peer takes it."""
        if not self._is_open:
            return
        if peer.wants_step1 and not peer.outbox.congested:
            peer.wants_step1 = False
            peer.awaits_answer = True
            peer.send(peer.dialect.step1(self._audience.vector_bytes))
        if peer.misses_presence and not peer.outbox.congested:
            self._audience.introduce(peer)
        self._ask_state(peer)

    def _ask_state(self, peer: Peer) -> None:
        if peer.asked or peer.known is None or peer.outbox.congested:
            return
        if peer.phase is Phase.LIVE and not peer.wants_step2:
            return
        peer.asked = True
        peer.phase = Phase.CATCHING_UP
        self._documents.state(self._document, self._number(peer), peer.known)

    def ask_snapshot(self, *, anew: bool) -> None:
        """Asks for a snapshot, or for one of the document written anew."""
        self._documents.snapshot(self._document, self._number(None), anew=anew)

    def take_snapshot(self, state: State) -> bool:
        """Tells whether a state answers `ask_snapshot`."""
        if self._asked.get(state.request, self) is not None:
            return False
        del self._asked[state.request]
        return True

    def drop(self, state: State) -> Peer | None:
        """Gives the peer, if there is one, that a state was asked for; it isn't asked for again."""
        peer = self._asked.pop(state.request, None)
        if peer is not None:
            peer.asked = peer.asks_again = False
        return peer

    def put_off(self, state: State, pending_bytes: int) -> bool:
        """Tells whether a state isn't kept until all inside is durable: so much is kept already.

        It is asked for again at `resume`. An outage of the storage with many devices coming back
        would else fill the memory with their states.
        """
        if not pending_bytes or pending_bytes + len(state.data) <= _MAX_PENDING_BYTES:
            return False
        peer = self._asked.get(state.request)
        if peer is None:
            return False
        del self._asked[state.request]
        peer.asked = peer.asks_again = False
        self._put_off[peer] = None
        return True

    def resume(self) -> None:
        """Asks again for what was put off."""
        peers, self._put_off = self._put_off, {}
        for peer in peers:
            if peer.attached:
                self.proceed(peer)

    def hand_over(self, state: State) -> None:
        """Gives a peer what it lacked; from here on it is LIVE."""
        peer = self._asked.pop(state.request, None)
        if peer is None or not peer.attached:
            return
        peer.asked = False
        if peer.asks_again:
            # It has sent another vector since, which this may not match: it isn't LIVE yet. Giving it
            # what is there anyway makes who asks without end pay with its own line.
            peer.asks_again = False
            peer.send(peer.dialect.update(state.data))
        else:
            self._make_live(peer, state.data)
        self.proceed(peer)

    def _make_live(self, peer: Peer, diff: bytes) -> None:
        peer.phase = Phase.LIVE
        say = peer.dialect.step2 if peer.wants_step2 else peer.dialect.update
        peer.wants_step2 = False
        peer.send(say(diff))
        if peer.outbox.congested:
            self._audience.lag(peer)

    def _number(self, peer: Peer | None) -> int:
        self._last_number += 1
        self._asked[self._last_number] = peer
        return self._last_number
