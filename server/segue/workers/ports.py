"""The port to the documents: what a room asks of the processes that hold the CRDT.

An *incarnation* is one life of a document in one worker, from `open` to `close` or `on_lost`. All
calls and answers of an incarnation are in order, and an answer reflects exactly the calls before it:
when `on_state` with `accepted` n arrives, the verdicts of all n accepted updates have arrived.
After `on_lost`, nothing of that incarnation arrives any more; the room loads and opens again.
"""

from typing import Protocol

import msgspec

from segue.document.submission import LoggedUpdate, Order, Submission
from segue.document.verdict import Run, Summary, Verdict
from segue.document.views import View
from segue.ids import DocumentId


class State(msgspec.Struct, frozen=True, array_like=True):
    """An encoded state or an answer, taken after `accepted` updates of this incarnation were applied.

    `failure` names what went wrong with a view that could not be answered.
    """

    request: int
    accepted: int
    data: bytes
    failure: str = ""


class Loss(msgspec.Struct, frozen=True, array_like=True):
    """Why an incarnation ended without being asked to.

    `blamed` is the number of the submission that killed its process, where that is certain.
    `quarantined` says that the log itself did it: opening again will not help.
    """

    reason: str
    blamed: int | None = None
    quarantined: bool = False


class DocumentSink(Protocol):
    """Who gets the answers. Each method returns at once and raises nothing."""

    def on_opened(self, vector: dict[int, int], summary: Summary, runs: tuple[Run, ...]) -> None:
        """The base is loaded; `vector` is its state vector, `runs` are those that are open."""

    def on_verdict(self, verdict: Verdict) -> None:
        """Answers one submission or order; in the order in which they were sent."""

    def on_state(self, state: State) -> None:
        """Answers one `state`, `snapshot` or `view` request."""

    def on_lost(self, loss: Loss) -> None:
        """The incarnation is over. Submissions without a verdict have none and were not applied."""


class Documents(Protocol):
    """Open documents. No method blocks or raises for what a device sent."""

    def open(
        self,
        document: DocumentId,
        snapshot: bytes | None,
        updates: tuple[LoggedUpdate, ...],
        sink: DocumentSink,
    ) -> None:
        """Starts an incarnation from a snapshot (as `snapshot` gave it) and the log's tail."""

    def check(self, document: DocumentId, submission: Submission) -> None:
        """Runs gate, CRDT and grants on one update; answered by `on_verdict`."""

    def edit(self, document: DocumentId, order: Order) -> None:
        """Has an edit of the server's made, for the state it meets; answered by `on_verdict`.

        Numbered together with submissions. One that was not committed is ordered anew, never replayed.
        """

    def view(self, document: DocumentId, request: int, view: View) -> None:
        """Asks for the JSON that answers a view; answered by `on_state`."""

    def state(self, document: DocumentId, request: int, since: bytes) -> None:
        """Asks for what a device with state vector `since` (checked by the caller) misses.

        Empty `data`: the device is of an older generation.
        """

    def snapshot(self, document: DocumentId, request: int, *, anew: bool = False) -> None:
        """Asks for a proven snapshot: a reload of `data` gave the same content.

        `anew`: one of a fresh document with that content, for a new generation. What can't be proven
        is answered with empty `data`: keep the log as it is.
        """

    def close(self, document: DocumentId) -> None:
        """Ends the incarnation and frees its memory; nothing of it is answered any more."""
