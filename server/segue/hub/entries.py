"""What is on its way into a document, and who is told what became of it."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override

from segue.auth.grants import Role
from segue.auth.tokens import NO_DEVICE
from segue.document.edits import AddMessage, Edit, ImportTranscript
from segue.document.submission import LoggedUpdate
from segue.document.verdict import Made, Run, Span, Summary
from segue.errors import SegueError
from segue.hub.peer import Peer
from segue.ids import SERVER, UserId
from segue.wire.owed import Debt

_OVERHEAD_BYTES: Final = 512
"""What an entry costs beside its update: without it, a bound in bytes would not bound tiny ones."""


@dataclass(slots=True, eq=False)
class Pending:
    """What both kinds have. What the server `made` of it stands in the same row of the log."""

    size_bytes: int
    number: int = field(default=0, kw_only=True)
    spans: tuple[Span, ...] = field(default=(), kw_only=True)
    made: Made | None = field(default=None, kw_only=True)
    summary: Summary | None = field(default=None, kw_only=True)
    runs: tuple[Run, ...] = field(default=(), kw_only=True)

    @property
    def update_bytes(self) -> int:
        """The size of the update alone."""
        return self.size_bytes - _OVERHEAD_BYTES

    @property
    def logged(self) -> tuple[LoggedUpdate, ...]:
        """What goes to the log, and then to everybody, in this order."""
        return _of_server(self.made)

    @property
    def all_spans(self) -> tuple[Span, ...]:
        """What `logged` inserts."""
        return self.spans if self.made is None else (*self.spans, *self.made.spans)


@dataclass(slots=True, eq=False)
class Sent(Pending):
    """One update, its sender, and what its sender is owed for it."""

    peer: Peer
    role: Role
    update: LoggedUpdate
    debt: Debt | None
    is_answer: bool

    @property
    def user(self) -> UserId:
        """In whose share of the backlog it is."""
        return self.update.user

    @property
    @override
    def logged(self) -> tuple[LoggedUpdate, ...]:
        """The update, and what was made of it."""
        return (self.update, *_of_server(self.made))

    def owe(self, spans: tuple[Span, ...]) -> None:
        """Notes that the sender is owed a status once this is durable."""
        if self.peer.owed is not None and self.debt is not None:
            self.peer.owed.accepted(self.debt, spans)

    def owe_later(self, spans: tuple[Span, ...]) -> None:
        """Notes that the sender's next answer pays for this."""
        if self.peer.owed is not None and self.debt is not None:
            self.peer.owed.gap(self.debt, spans)


@dataclass(slots=True, eq=False)
class Ordered(Pending):
    """An edit of the server's, and who waits for it to be durable."""

    edit: Edit
    outcome: asyncio.Future[None]

    @property
    def user(self) -> UserId:
        """In whose share of the backlog it is."""
        return user_of(self.edit)

    def settle(self, error: SegueError | None = None) -> None:
        """Tells who waits, if anyone still does."""
        if self.outcome.done():
            return
        if error is None:
            self.outcome.set_result(None)
        else:
            self.outcome.set_exception(error)


Entry = Sent | Ordered


def user_of(edit: Edit) -> UserId:
    """Gives who asked for an edit, as far as it says so."""
    match edit:
        case AddMessage(author=author):
            return author.id
        case ImportTranscript(by=by):
            return by
        case _:
            return SERVER


def _of_server(made: Made | None) -> tuple[LoggedUpdate, ...]:
    return () if made is None else (LoggedUpdate(SERVER, NO_DEVICE, made.data),)


def size_in_backlog(update: bytes) -> int:
    """Gives what an update counts as backlog while it has no outcome."""
    return len(update) + _OVERHEAD_BYTES
