"""Which seats speak for whom, so that a changed role or an ended membership counts at once."""

from typing import Protocol

from segue.ids import DocumentId, UserId


class Seated(Protocol):
    """A user's place in a document, on one connection."""

    def look_again(self) -> None:
        """Asks anew what the user may do here."""


class Seating:
    """Seats by the name of the document and the user, from their first good token to their end."""

    def __init__(self) -> None:
        self._seats: dict[tuple[str, UserId], set[Seated]] = {}

    def add(self, name: str, user: UserId, seat: Seated) -> None:
        """Notes a seat."""
        self._seats.setdefault((name, user), set()).add(seat)

    def discard(self, name: str, user: UserId, seat: Seated) -> None:
        """Forgets a seat, if it was noted."""
        seats = self._seats.get((name, user), set())
        seats.discard(seat)
        if not seats:
            self._seats.pop((name, user), None)

    def on_changed(self, session: DocumentId, user: UserId) -> None:
        """Has the user's seats in a session ask anew; returns at once."""
        for seat in list(self._seats.get((session, user), ())):
            seat.look_again()
