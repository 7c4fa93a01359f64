"""How many SyncStatus(true) a Hocuspocus peer is owed: one `Owed` per peer and document.

The client keeps one number, its unsynced changes, and shows "saved" when it is 0. It adds one per
edit, takes one away per SyncStatus(true), and *sets it to 1* whenever it sends a step 1 (on open, on
`forceSync`). SyncStatus(false) changes nothing. So one status too few is "saving..." for ever, and
one too many is a lie. (Hocuspocus' own server sends one for every update; hocuspocus#825.)

What stands behind the client's number:
- The 1 set with a step 1 stands for everything that it held at that moment. Our step 1 makes it
  answer with all of this that we lack; the 1 is paid when this answer is durable. Hence each step 1 of
  a client is answered by one of ours, unless one of ours is unanswered: the frames of a client are in
  order, so the answer still to come is younger than its step 1.
- An edit made later stands for itself. One refused as a gap is inside the client's next answer
  (younger than the edit), and is paid with it. The answers themselves are counted by nobody.
- An edit made before a step 1 was counted before the number was set: it is owed nothing, though its
  frame may come behind the step 1.

That last case is the flush. Edits made offline wait in the client's queue. On a new socket it sends
token, step 1 and presence at once; the *first message that reaches it*, whatever it is, makes it send
its queue in one go, and only then is that message handled. So behind a first step 1 come
    fresh edits, the queue, fresh edits, the answer to our first step 1
and any of the first three may be empty. Edits that insert tell which they are: a queued one starts
below the step 1's vector, a fresh one does not. (With `flushDelay` 4.8 merges edits; one that merely
starts below was counted before, too.) Edits that only delete don't tell, unless they lie between two
queued ones (queued), or behind a fresh one behind a queued one (fresh), or behind the first answer on
the socket (fresh: its queue is empty). No rule can tell the others: the same bytes come either way.
They are taken for queued, so nothing is ever called saved too early, and `doubtful` is true until
the next step 1: if one of them was fresh the client's number stays above 0 until it connects anew.
A room that wants it right closes such a socket with a code to come back once the device is quiet.

The queue may also hold step 1s (a `forceSync` while offline). They say nothing new: their vectors are
within the first one's, and none set the number after it did.

States:
    silent     no step 1 has come: nothing is owed
    flushing   from the first step 1 to the first answer
    flowing    from then on; the client's frames are in the order of its deeds
Events, in the order in which frames came in (those held for a token too): `on_step1`, `on_answer`,
`on_update`, and `on_flushed` when the socket answered for another document. In the order of verdicts:
`accepted`, `gap`; a refused debt is simply dropped. When an update is durable: `pay`.

Invariants:
1. What is owed and unpaid, plus the claims waiting for an answer, is never more than the client's
   number (statuses under way counted as arrived).
2. Without doubt it is equal.
3. A debt is paid once, when everything it stands for is durable; a refused one never.
4. A step 1 that sets the client's number cancels every debt and claim from before it.

Not covered, by any server: statuses under way while the client sets its number in mid-connection
(`forceSync`) are taken from the new number. 3.4 and 4.8 stop at 0 and are right again one update
later.

Source: @hocuspocus/provider 2.15, 3.4, 4.8: `HocuspocusProvider.ts` (`startSync`, `forceSync`,
`documentUpdateHandler`), `HocuspocusProviderWebsocket.ts` (`resolveConnectionAttempt`, `send`).
"""

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import assert_never

from segue.wire.vector import MAX_CLIENTS

Span = tuple[int, int, int]
"""Client id, first clock, end clock (exclusive), as verdicts carry them."""


class _Place(Enum):
    """Where in the conversation a frame came in."""

    SILENT = auto()
    FLUSHING = auto()
    FLOWING = auto()
    ANSWER = auto()


class _Queue(Enum):
    """What the verdicts so far say of the client's queue."""

    UNSEEN = auto()
    SEEN = auto()
    OVER = auto()


class Debt:
    """What one frame of the client may be owed. For `Owed` alone to read and change."""

    __slots__ = ("claims", "epoch", "place")

    def __init__(self, epoch: int, place: _Place) -> None:
        """Without a verdict, `claims` is None."""
        self.epoch = epoch
        self.place = place
        self.claims: int | None = None


class Owed:
    """The account of one peer in one document. Cheap: a few attribute reads per update."""

    __slots__ = (
        "_covered",
        "_doubts",
        "_epoch",
        "_flushed",
        "_place",
        "_queue",
        "_tail",
        "_waiting",
    )

    def __init__(self, *, flushed: bool = False) -> None:
        """Opens the account.

        `flushed`: the socket has answered something before (a step 1, for any document), so the
        client's queue is empty.
        """
        self._epoch = 0
        self._place = _Place.SILENT
        self._flushed = flushed
        self._covered: Mapping[int, int] = {}
        self._waiting = 0
        self._queue = _Queue.UNSEEN
        self._doubts = 0
        self._tail = 0

    @property
    def doubtful(self) -> bool:
        """Tells whether the client's number may stay above 0 though all is durable."""
        return self._doubts > 0

    def on_step1(self, vector: Mapping[int, int]) -> None:
        """Takes a step 1 of the client. Answer it with a step 1, unless one of ours is unanswered."""
        if self._place is _Place.FLUSHING and not self._is_news(vector):
            return
        self._epoch += 1
        self._waiting = 1
        self._doubts = self._tail = 0
        self._place = _Place.FLOWING if self._flushed else _Place.FLUSHING
        self._covered = _highest(self._covered, vector) if self._covered else vector
        if len(self._covered) > MAX_CLIENTS:  # no honest device's: let it deceive itself alone
            self._covered = vector

    def on_answer(self) -> Debt:
        """Takes a step 2 of the client."""
        self.on_flushed()
        return Debt(self._epoch, _Place.ANSWER)

    def on_update(self) -> Debt:
        """Takes an edit of the client."""
        return Debt(self._epoch, self._place)

    def on_flushed(self) -> None:
        """Takes that the client's queue is empty: it answered a step 1 of another document."""
        self._flushed = True
        if self._place is _Place.FLUSHING:
            self._place = _Place.FLOWING

    def accepted(self, debt: Debt, spans: Sequence[Span]) -> None:
        """Takes the verdict that the document holds it, newly or already. Idempotent."""
        self._judge(debt, spans)

    def gap(self, debt: Debt, spans: Sequence[Span]) -> None:
        """Takes the verdict that it builds on what is missing: the next answer pays for it. Idempotent."""
        self._judge(debt, spans)
        if debt.epoch == self._epoch and debt.claims:
            self._waiting += debt.claims
            debt.claims = 0

    def pay(self, debt: Debt) -> int:
        """Gives how many SyncStatus(true) leave now that it is durable, and all before it. Once."""
        if debt.epoch != self._epoch or not debt.claims:
            return 0
        claims = debt.claims
        debt.claims = 0
        return claims

    def _judge(self, debt: Debt, spans: Sequence[Span]) -> None:
        if debt.claims is None and debt.epoch == self._epoch:
            debt.claims = self._claims(debt.place, spans)

    def _claims(self, place: _Place, spans: Sequence[Span]) -> int:
        match place:
            case _Place.FLOWING:
                return 0 if self._is_covered(spans) else 1
            case _Place.FLUSHING:
                return self._sift(spans)
            case _Place.ANSWER:
                return self._answer_claims(spans)
            case _Place.SILENT:
                return 0
            case _:
                assert_never(place)

    def _answer_claims(self, spans: Sequence[Span]) -> int:
        # An edit still to come that began before the step 1 (`flushDelay`) has its beginning in this
        # answer, so no other client id matters any more. Readers' answers have none: a vector per
        # reader would be most of a room's memory.
        covered = self._covered
        self._covered = {client: covered[client] for client, _, _ in spans if client in covered}
        claims, self._waiting = self._waiting, 0
        return claims

    def _sift(self, spans: Sequence[Span]) -> int:
        """Tells fresh edits (1) from queued and doubtful ones (0)."""
        if not spans:
            return self._sift_delete()
        if not self._is_covered(spans):
            if self._queue is _Queue.SEEN:
                self._queue = _Queue.OVER
            return 1
        self._doubts -= self._tail
        self._tail = 0
        if self._queue is _Queue.UNSEEN:
            self._queue = _Queue.SEEN
        return 0

    def _sift_delete(self) -> int:
        if self._queue is _Queue.OVER:
            return 1
        self._doubts += 1
        if self._queue is _Queue.SEEN:
            self._tail += 1
        return 0

    def _is_covered(self, spans: Sequence[Span]) -> bool:
        covered = self._covered
        return any(start < covered.get(client, 0) for client, start, _ in spans)

    def _is_news(self, vector: Mapping[int, int]) -> bool:
        covered = self._covered
        return any(clock > covered.get(client, 0) for client, clock in vector.items())


def _highest(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    highest = dict(one)
    for client, clock in other.items():
        if clock > highest.get(client, 0):
            highest[client] = clock
    return highest
