"""What comes into one document: counted as backlog, held until it is open, then put to its worker.

Invariant: each entry in the flight counts as backlog and as growth, from `send` or `order` to
its outcome.
"""

import asyncio
from typing import Final

from segue.document.edits import AddMessage, Edit, ImportTranscript, SetSession
from segue.document.submission import LoggedUpdate, Order, Submission
from segue.document.verdict import Refused
from segue.errors import Overloaded, RefusedUpdate, SegueError
from segue.hub.entries import Entry, Ordered, Sent, size_in_backlog, user_of
from segue.hub.flight import Flight
from segue.hub.growth import Growth
from segue.hub.peer import Peer
from segue.hub.refusing import Refusing
from segue.hub.services import Services
from segue.ids import DocumentId

_NO_SECTIONS: Final = b"\x00"
"""How an update begins that only deletes: in Yjs v1 the number of sections is first."""


class Intake:
    """The way in, of devices' updates and of the server's own edits."""

    def __init__(
        self,
        document: DocumentId,
        services: Services,
        flight: Flight,
        refusing: Refusing,
        growth: Growth,
    ) -> None:
        self._document = document
        self._documents = services.documents
        self._backlog = services.backlog
        self._max_update_bytes = services.options.max_update_bytes
        self._flight = flight
        self._refusing = refusing
        self._growth = growth
        self._followers = services.followers
        self._is_open = False

    def send(self, peer: Peer, data: bytes, *, is_answer: bool) -> None:
        """Takes an update of a device; one that is too large or finds no room ends the device's stay.

        An answer holds all that a device has: the size of a frame bounds it.
        """
        if not is_answer and len(data) > self._max_update_bytes:
            self._refusing.too_large(peer, len(data), self._max_update_bytes)
            return
        if peer.identity.role.may_write:  # what others send is refused by the document, not finally
            try:
                self._growth.admit(len(data), inserts=not data.startswith(_NO_SECTIONS))
            except SegueError as error:
                self._refusing.refuse(peer, error)
                return
        size_bytes = size_in_backlog(data)
        if not self._backlog.take(peer.identity.user, size_bytes):
            self._refusing.overload(peer)
            return
        debt = None
        if peer.owed is not None:
            debt = peer.owed.on_answer() if is_answer else peer.owed.on_update()
        identity = peer.identity
        update = LoggedUpdate(identity.user, identity.device, data)
        if is_answer:
            peer.awaits_answer = False
        self._growth.flight_bytes += len(data)
        self._put(Sent(size_bytes, peer, identity.role, update, debt, is_answer))

    def order(self, edit: Edit, size_bytes: int) -> asyncio.Future[None]:
        """Takes an edit of the server's; done once it is durable. It goes on if nobody waits.

        Raises:
            Overloaded: there is no room; nothing was taken.
            TooLarge: the document is full; nothing was taken. What follows from earlier edits is
                taken nevertheless.
        """
        if isinstance(edit, AddMessage | SetSession | ImportTranscript):
            self._growth.admit(size_bytes, inserts=True)
        if not self._backlog.take(user_of(edit), size_bytes):
            raise Overloaded("The server is catching up. Nothing was changed; try again.")
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = Ordered(size_bytes, edit, outcome)
        self._growth.flight_bytes += entry.update_bytes
        self._put(entry)
        return outcome

    def open(self) -> None:
        """Puts everything without an outcome to a new incarnation."""
        self._is_open = True
        for entry in self._flight.restart():
            self._put(entry)

    def stop(self) -> None:
        """Holds what comes: the incarnation is over."""
        self._is_open = False

    def refuse(self, entry: Entry, refused: Refused) -> None:
        """Ends an entry that the document doesn't take."""
        self.conclude(entry)
        match entry:
            case Sent(peer=peer) if refused.is_outdated:
                self._refusing.outdated(peer)
            case Sent(peer=peer, role=role):
                self._refusing.update(peer, refused.reason, is_final=role.may_write)
            case Ordered():
                entry.settle(RefusedUpdate(f"This was refused: {refused.reason}."))

    def land(self, entry: Entry) -> None:
        """Takes note that an entry is durable, and tells who follows."""
        self.conclude(entry)
        if isinstance(entry, Ordered):
            entry.settle()
        if entry.summary is not None:
            self._followers.on_summary(self._document, entry.summary)
        if entry.runs:
            self._followers.on_runs(self._document, entry.runs)

    def conclude(self, entry: Entry) -> None:
        """Takes note that an entry has its outcome."""
        self._growth.flight_bytes -= entry.update_bytes
        self._backlog.give_back(entry.user, entry.size_bytes)

    def drop(self, error: SegueError) -> None:
        """Ends everything but the batch with the writer; devices hold what they sent."""
        for entry in self._flight.drop():
            self.conclude(entry)
            if isinstance(entry, Ordered):
                entry.settle(error)

    def drop_sent(self) -> None:
        """Ends what devices sent and no log has; they hold it. What the server ordered stays."""
        for entry in self._flight.drop():
            match entry:
                case Sent():
                    self.conclude(entry)
                case Ordered():
                    self._flight.hold(entry)

    def _put(self, entry: Entry) -> None:
        if not self._is_open:
            self._flight.hold(entry)
            return
        self._flight.submit(entry)
        match entry:
            case Sent(role=role, update=update):
                self._documents.check(self._document, Submission(entry.number, role, update))
            case Ordered(edit=edit):
                self._documents.edit(self._document, Order(entry.number, edit))
