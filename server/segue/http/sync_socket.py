"""One sync connection: its dialect, and the documents on it.

y-websocket has one document a socket; Hocuspocus multiplexes documents by name. What is final is told
by a close code of 44xx or in-band, what may be tried again by any other code.
"""

import asyncio
from abc import ABC, abstractmethod
from typing import Final

from typing_extensions import override

from segue.auth.grants import Role
from segue.errors import (
    ProtocolError,
    Quarantined,
    SegueError,
    Stalled,
    TooMany,
    Unauthenticated,
)
from segue.http.direct import DirectProtocol
from segue.http.pace import pace
from segue.http.seat import Seat, Stage, too_much_before_a_token
from segue.http.sync_services import SyncServices
from segue.hub.room import DocumentMessage
from segue.ids import UserId
from segue.wire import hocuspocus, ywebsocket
from segue.wire.frames import binary_frame
from segue.wire.hocuspocus import Addressed, Hocuspocus, Scope
from segue.wire.messages import (
    AuthToken,
    ClientMessage,
    Close,
    Ping,
    Pong,
    Stateless,
    SyncStep2,
)
from segue.wire.owed import Owed
from segue.wire.ywebsocket import YWebsocket

_PERMANENT: Final = range(4400, 4500)

# Who is told to come back does so at once, if it is Hocuspocus 2.15, and ten times a second, if it is
# y-websocket 2.1: both wait longer from try to try only while no socket opens. So a socket lives that long.
_LEAST_LIFE_S: Final = 1.0

# What a frame may have before any token was good: room for the largest state vector, and no more. A
# stranger who sends the beginning of a large frame would have it kept for as long as the socket lives.
_MAX_STRANGERS_FRAME: Final = 1 << 20


class Connection(ABC):
    """What both kinds have in common: a socket and the time that passes."""

    def __init__(self, socket: DirectProtocol, services: SyncServices, now_s: float) -> None:
        self._socket = socket
        self._services = services
        self._since_s = now_s
        self._kept_alive_s = now_s
        self._ticked_s = now_s
        self._users: tuple[UserId, ...] = ()
        self._sent_away: SegueError | None = None
        self._open: set[Connection] = set()

    def begin(self, connections: "set[Connection]") -> None:
        """Takes the accepted socket over; among `connections` from now until it is gone."""
        self._open = connections
        connections.add(self)
        options = self._services.options
        allowed = pace(options.frames_per_s, options.frame_burst)
        self._socket.take_over(self, mark_bytes=options.mark_bytes, pace=allowed)

    @property
    def congested(self) -> bool:
        """True while the socket's buffer is over its mark."""
        return self._socket.congested

    def write(self, frames: bytes) -> None:
        """Sends ready-made frames."""
        self._socket.write(frames)

    def close(self, error: SegueError) -> None:
        """Ends the socket, telling why."""
        self._socket.close(error.close_code, str(error))

    def send_away(self, error: SegueError) -> None:
        """Ends the socket for now, telling why; a young one after a while."""
        self._sent_away = self._sent_away or error
        self._leave_in_time(asyncio.get_running_loop().time())

    def abort(self) -> None:
        """Ends the socket without a word."""
        self._socket.abort()

    def _leave_in_time(self, now_s: float) -> None:
        if self._sent_away is not None and now_s - self._since_s >= _LEAST_LIFE_S:
            self.close(self._sent_away)

    def on_tick(self, now_s: float) -> None:
        """Does what is due: keep-alives, deadlines. Called about once a second."""
        options = self._services.options
        self._socket.replenish(now_s - self._ticked_s)
        self._ticked_s = now_s
        if self._socket.stalled_for_s(now_s) > options.stalled_s:
            self.close(Stalled("The device read nothing for a minute. Connect again."))
            return
        self._leave_in_time(now_s)
        for seat in self._seats():
            seat.on_tick(now_s)
        if now_s - self._kept_alive_s >= options.keep_alive_s:
            self._kept_alive_s = now_s
            for seat in self._seats():
                seat.keep_alive()

    def on_congested(self) -> None:
        """Tells the rooms that the device takes nothing now."""
        for seat in self._seats():
            seat.on_congested()

    def on_drained(self) -> None:
        """Tells the rooms that the device takes frames again."""
        for seat in self._seats():
            seat.on_drained()

    def admit(self, user: UserId) -> None:
        """Counts the socket as one of the user's, once.

        Raises:
            TooMany: the user has too many.
        """
        sockets = self._services.sockets
        if user in self._users:
            return
        if not sockets.take(user):
            raise TooMany(
                f"You have {sockets.limit} sockets open, the limit "
                "(SEGUE_MAX_SOCKETS_PER_USER). Close some."
            )
        self._users += (user,)

    def on_flood(self) -> None:
        """Sends a device away that sends too fast; what it still sends is dropped."""
        per_s = self._services.options.frames_per_s
        self.send_away(
            TooMany(f"Over {per_s} messages a second (SEGUE_FRAME_RATE). Send less often.")
        )

    def on_closed(self) -> None:
        """Leaves all documents."""
        self._open.discard(self)
        users, self._users = self._users, ()
        for user in users:
            self._services.sockets.give_back(user)
        for seat in self._seats():
            seat.leave()

    @abstractmethod
    def on_message(self, data: bytes) -> None:
        """Takes one frame."""

    @abstractmethod
    def _seats(self) -> list[Seat]:
        """Gives the documents on the socket."""


class YWebsocketConnection(Connection):
    """One document, whose name and token came with the URL."""

    def __init__(
        self, socket: DirectProtocol, services: SyncServices, now_s: float, name: str, token: str
    ) -> None:
        super().__init__(socket, services, now_s)
        self._token = token
        self._seat = Seat(name, name, YWebsocket(), self, services)

    def start(self) -> None:
        """Presents the URL's token."""
        self._seat.present_token(self._token)

    @override
    def on_message(self, data: bytes) -> None:
        """Takes one frame."""
        try:
            message = ywebsocket.decode(data)
        except ProtocolError as error:
            self._seat.end(error)
        else:
            self._seat.take(message, len(data))

    def new_owed(self) -> None:
        """Gives none: the echo of an edit is its acknowledgement."""

    def on_seat_attached(self, seat: Seat, role: Role) -> None:
        """Says nothing: this dialect has no word for it."""

    def ask_for_token(self, seat: Seat) -> None:
        """Says nothing: the token is in the URL; the socket is closed when it has run out."""

    def on_seat_ended(self, seat: Seat, error: SegueError) -> None:
        """Closes the socket: it has no other document."""
        if error.close_code in _PERMANENT:
            self.write(binary_frame(seat.dialect.refused(str(error))))
            self._services.refusals.record(self._token, seat.name, self._since_s)
            self.close(error)
        else:
            self.send_away(error)

    @override
    def _seats(self) -> list[Seat]:
        return [self._seat]


class HocuspocusConnection(Connection):
    """Any number of documents, each with a token in-band."""

    def __init__(self, socket: DirectProtocol, services: SyncServices, now_s: float) -> None:
        super().__init__(socket, services, now_s)
        self._documents: dict[str, Seat] = {}
        self._flushed = False
        self._was_let_in = False

    @override
    def begin(self, connections: "set[Connection]") -> None:
        """Adds to the common part: who has shown no good token sends no large frame."""
        self._socket.limit_messages(_MAX_STRANGERS_FRAME)
        super().begin(connections)

    @override
    def on_tick(self, now_s: float) -> None:
        """Adds to the common part: a socket that never opened a document is closed."""
        silent_s = now_s - self._since_s
        is_silent = not (self._documents or self._was_let_in)
        if is_silent and silent_s > self._services.options.unauthenticated_s:
            self.close(Unauthenticated("No document was opened. Send a name and a token first."))
            return
        super().on_tick(now_s)

    @override
    def on_message(self, data: bytes) -> None:
        """Takes one frame."""
        try:
            frame = hocuspocus.decode(data)
        except ProtocolError as error:
            self.close(error)
            return
        match frame:
            case Addressed(wire_name=name, message=message):
                self._on_addressed(name, message, len(data))
            case Ping():
                self.write(binary_frame(hocuspocus.PONG))
            case Pong():
                pass

    def _on_addressed(self, name: str, message: ClientMessage, size_bytes: int) -> None:
        match message:
            case AuthToken(token=token):
                self._on_token(name, token)
            case Close():
                self._on_close(name)
            case Stateless(payload=payload):
                self._on_stateless(name, payload)
            case _:
                self._on_document_message(name, message, size_bytes)

    def new_owed(self) -> Owed:
        """Gives a new account: every change that became durable is told by a status."""
        return Owed(flushed=self._flushed)

    def on_seat_attached(self, seat: Seat, role: Role) -> None:
        """Says what the token allows."""
        self._was_let_in = True
        scope = Scope.READ_WRITE if role.may_write else Scope.READ_ONLY
        self.write(binary_frame(Hocuspocus(seat.wire_name).authenticated(scope)))

    def ask_for_token(self, seat: Seat) -> None:
        """Asks in-band; 3.4 and 4.8 answer with a fresh one."""
        self.write(binary_frame(Hocuspocus(seat.wire_name).ask_for_token()))

    def on_seat_ended(self, seat: Seat, error: SegueError) -> None:
        """Refuses one document in-band; what may be tried again ends the socket instead.

        An in-band close never reconnects in stock clients, and PermissionDenied is final. A document
        in quarantine waits for an operator: its neighbours on the socket must not reconnect for it.
        """
        if error.close_code in _PERMANENT or isinstance(error, Quarantined):
            self.write(binary_frame(seat.dialect.refused(f"{error.close_code} {error}")))
        else:
            self.send_away(error)

    def _on_token(self, name: str, token: str) -> None:
        seat = self._find(name, renewed=True)
        if seat is not None:
            seat.present_token(token)
            if not seat.has_ended:
                self._socket.limit_messages(None)

    def _on_document_message(self, name: str, message: DocumentMessage, size_bytes: int) -> None:
        seat = self._find(name, renewed=False)
        if seat is None:
            return
        if seat.stage is Stage.AWAITING and self._is_too_much(size_bytes):
            seat.end(too_much_before_a_token(self._services.options.max_unauthenticated_bytes))
            return
        seat.take(message, size_bytes)
        if isinstance(message, SyncStep2) and not self._flushed:
            self._flushed = True  # one queue serves all documents of a client's socket
            for other in self._documents.values():
                other.on_flushed()

    def _is_too_much(self, size_bytes: int) -> bool:
        # Each seat has the same bound for itself; together they have no more than one.
        held = sum(seat.unproven_bytes for seat in self._documents.values())
        return held + size_bytes > self._services.options.max_unauthenticated_bytes

    def _on_close(self, name: str) -> None:
        seat = self._documents.pop(name, None)
        if seat is not None:
            seat.leave()
            self.write(binary_frame(Hocuspocus(name).closed("provider_initiated")))

    def _on_stateless(self, name: str, payload: str) -> None:
        if payload == "ping":
            self.write(binary_frame(Hocuspocus(name).stateless("pong")))

    def _find(self, wire_name: str, *, renewed: bool) -> Seat | None:
        seat = self._documents.get(wire_name)
        if seat is not None and not (renewed and seat.has_ended):
            return seat
        limit = self._services.options.max_documents
        if seat is None and len(self._documents) >= limit:
            text = (
                f"{TooMany.close_code} Over {limit} documents on one socket "
                "(SEGUE_MAX_DOCUMENTS_PER_SOCKET). Open another socket."
            )
            self.write(binary_frame(Hocuspocus(wire_name).refused(text)))
            return None
        name = hocuspocus.document_name(wire_name)
        seat = Seat(name, wire_name, Hocuspocus(wire_name), self, self._services)
        self._documents[wire_name] = seat
        return seat

    @override
    def _seats(self) -> list[Seat]:
        return list(self._documents.values())
