"""What a device is told when the document doesn't take what it sent, and whether it may stay."""

import structlog

from segue.errors import (
    Overloaded,
    ProtocolError,
    RefusedUpdate,
    Resync,
    SegueError,
    StartOver,
    TooLarge,
)
from segue.hub.peer import Peer
from segue.hub.strikes import Strikes
from segue.ids import DocumentId, UserId

log = structlog.get_logger()


class Refusing:
    """The refusals of one document. A peer that has left is told nothing."""

    def __init__(self, document: DocumentId, strikes: Strikes[tuple[UserId, DocumentId]]) -> None:
        self._document = document
        self._strikes = strikes

    def refuse(self, peer: Peer, error: SegueError) -> None:
        """Ends the peer, telling why."""
        if peer.attached:
            log.info(
                "peer.refused", document=self._document, user=peer.identity.user, code=error.code
            )
            peer.outbox.refuse(peer, error)

    def update(self, peer: Peer, reason: str, *, is_final: bool) -> None:
        """Refuses an update, for a reason that completes a sentence.

        Yjs clocks are contiguous, so it is final for a replica that may write.
        A viewer's edit isn't: it goes on reading.
        """
        if not peer.attached:
            return
        unsaved = peer.dialect.status(saved=False)
        if unsaved is not None:
            peer.send(unsaved)
        if is_final:
            text = f"The change was refused: {reason}. Reload to start from a fresh copy."
            self.refuse(peer, RefusedUpdate(text))
        elif unsaved is None:  # the only way to say it there
            peer.send(peer.dialect.refused(f"The change was refused: {reason}."))

    def outdated(self, peer: Peer | None) -> None:
        """Has a device start over whose copy is of an older generation."""
        if peer is not None:
            text = "The session was rewritten since this copy was made. Reload to start from a fresh one."
            self.refuse(peer, StartOver(text))

    def too_large(self, peer: Peer, size_bytes: int, max_bytes: int) -> None:
        """Refuses an update beyond the limit."""
        text = (
            f"One update has {size_bytes} bytes, over {max_bytes} (SEGUE_MAX_UPDATE). "
            "Split the change into smaller ones; long texts belong into several edits."
        )
        self.refuse(peer, TooLarge(text))

    def overload(self, peer: Peer) -> None:
        """Sends a writer away for a while."""
        text = (
            "Too many unsaved edits, of all or of you (SEGUE_MAX_BACKLOG, "
            "SEGUE_MAX_BACKLOG_PER_USER). Nothing is lost; try again."
        )
        self.refuse(peer, Overloaded(text))

    def gap(self, peer: Peer, now_s: float) -> None:
        """Refuses an answer that builds on what is missing: at first to come back, then for good."""
        if not peer.attached:
            return
        text = "The device's copy builds on changes that the server doesn't have. "
        if self._strikes.add((peer.identity.user, self._document), now_s) > 1:
            self.refuse(peer, ProtocolError(text + "Reload to start from a fresh copy."))
        else:
            self.refuse(peer, Resync(text + "Connect again to sync from the start."))
