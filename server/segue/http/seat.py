"""One document's place on a connection: from a token to an attached peer, and to its end.

    AWAITING --token is good--> OPENING --access granted--> ATTACHED --+--> ENDED
        '---bad token, too late---'------no access-----------'  refused, left, socket gone

Invariants:
1. Messages are held, bounded, until ATTACHED; then they go to the room in their order; then never.
2. Before a token was verified a seat holds at most `max_unauthenticated_bytes`; afterwards what it
   holds counts as backlog of the node.
3. Storage being away doesn't end a seat: it goes on trying while the device is there.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from enum import Enum, auto
from typing import Final, Protocol

import structlog

from segue.auth.grants import Role
from segue.auth.tokens import Claims
from segue.conversation.opening import Access, open_document
from segue.errors import (
    Forbidden,
    Overloaded,
    Resync,
    SegueError,
    StorageUnavailable,
    TokenExpired,
    TooMany,
    Unauthenticated,
)
from segue.http.sync_services import SyncServices
from segue.hub.peer import Identity, Peer
from segue.hub.room import DocumentMessage, Room
from segue.ids import UserId
from segue.wire.awareness import EMPTY
from segue.wire.dialect import Dialect
from segue.wire.frames import binary_frame
from segue.wire.owed import Owed

log = structlog.get_logger()

_FIRST_RETRY_S: Final = 0.2
_LAST_RETRY_S: Final = 3.0
_EXPIRY_GRACE_S: Final = 15.0
_QUIET_TICKS: Final = 2

# What a held message costs beside its bytes: without it, a bound in bytes would not bound tiny ones.
_OVERHEAD_BYTES: Final = 128


class SeatHost(Protocol):
    """The connection that a seat is on."""

    @property
    def congested(self) -> bool:
        """True while the socket's buffer is over its mark."""

    def write(self, frames: bytes) -> None:
        """Sends ready-made frames."""

    def new_owed(self) -> Owed | None:
        """Gives the account of what the device is owed, in the dialect that has statuses."""

    def admit(self, user: UserId) -> None:
        """Counts the socket as one of the user's, once.

        Raises:
            TooMany: the user has too many.
        """

    def on_seat_attached(self, seat: "Seat", role: Role) -> None:
        """Tells the device that its token is good."""

    def ask_for_token(self, seat: "Seat") -> None:
        """Asks the device for a fresh token, if the dialect has words for it."""

    def on_seat_ended(self, seat: "Seat", error: SegueError) -> None:
        """Tells the device why this document ended for it."""


class Stage(Enum):
    """See the module's text."""

    AWAITING = auto()
    OPENING = auto()
    ATTACHED = auto()
    ENDED = auto()


class Seat:
    """See the module's text. To the room it is the peer's `Outbox`."""

    def __init__(
        self, name: str, wire_name: str, dialect: Dialect, host: SeatHost, services: SyncServices
    ) -> None:
        self.name = name
        self.wire_name = wire_name
        self.dialect = dialect
        self.stage = Stage.AWAITING
        self._host = host
        self._services = services
        self._since_s = asyncio.get_running_loop().time()
        self._held: list[tuple[DocumentMessage, int]] = []
        self._held_bytes = 0
        self._claims: Claims | None = None
        self._owed = host.new_owed()
        self._asked_for_token = False
        self._heard = 0
        self._heard_before = 0
        self._quiet_ticks = 0
        self._work: asyncio.Task[None] | None = None
        self._room: Room | None = None
        self._peer: Peer | None = None

    @property
    def has_ended(self) -> bool:
        """Tells whether the seat was refused, or left."""
        return self.stage is Stage.ENDED

    @property
    def unproven_bytes(self) -> int:
        """What is held for a device that has not sent a good token."""
        return self._held_bytes if self.stage is Stage.AWAITING else 0

    # -- what the connection calls ---------------------------------------------------------------

    def present_token(self, token: str) -> None:
        """Takes the first token, or a fresh one for an attached seat."""
        if self.stage is Stage.ENDED:
            return
        try:
            claims = self._services.verify(token)
            self._host.admit(claims.user)
        except (Unauthenticated, TooMany) as error:
            self.end(error)
            return
        if self._claims is not None and self._claims.user != claims.user:
            self.end(Forbidden("A fresh token must be of the same user. Connect again."))
            return
        self._claims = claims
        self._asked_for_token = False
        if self.stage is Stage.AWAITING:
            self._begin_opening()
        else:
            self._refresh_if_idle()

    def look_again(self) -> None:
        """Asks anew what the user may do here: their membership was changed."""
        if self._claims is not None and self.stage is not Stage.ENDED:
            # A copy: to work under way it is a newer token, so that it looks again. Its answer may be
            # older than the change.
            self._claims = replace(self._claims)
            self._refresh_if_idle()

    def take(self, message: DocumentMessage, size_bytes: int) -> None:
        """Passes a message of so many bytes to the room, or holds it until there is one."""
        match self.stage:
            case Stage.ATTACHED:
                assert self._room is not None
                assert self._peer is not None
                self._heard += 1
                self._room.receive(self._peer, message)
            case Stage.AWAITING | Stage.OPENING:
                self._hold(message, size_bytes + _OVERHEAD_BYTES)
            case Stage.ENDED:
                pass

    def on_congested(self) -> None:
        """Tells the room that the device takes nothing now."""
        if self._room is not None and self._peer is not None:
            self._room.on_congested(self._peer)

    def on_drained(self) -> None:
        """Tells the room that the device takes frames again."""
        if self._room is not None and self._peer is not None:
            self._room.on_drained(self._peer)

    def on_flushed(self) -> None:
        """Takes that the client's queue is empty: it answered for another document."""
        if self._peer is not None and self._peer.owed is not None:
            self._peer.owed.on_flushed()

    def keep_alive(self) -> None:
        """Sends what resets the watchdogs of all stock clients."""
        if self.stage in (Stage.OPENING, Stage.ATTACHED) and not self._host.congested:
            self._host.write(binary_frame(self.dialect.awareness(EMPTY)))

    def on_tick(self, now_s: float) -> None:
        """Ends a seat whose token doesn't come or ran out; asks for a fresh one in time."""
        if self.stage is Stage.AWAITING and now_s - self._since_s > self._unauthenticated_s:
            self.end(Unauthenticated("No token was sent. Send one: `segue token --user NAME`."))
        elif self.stage is Stage.ATTACHED:
            self._check_conduct(now_s)
            self._check_expiry()
            self._check_doubt()

    def leave(self) -> None:
        """Ends the seat without a word: the device left, or the socket is gone."""
        self.stage = Stage.ENDED
        if self._claims is not None:
            self._services.seating.discard(self.name, self._claims.user, self)
        self._drop_held()
        if self._work is not None:
            self._work.cancel()
        room, self._room = self._room, None
        peer, self._peer = self._peer, None
        if room is not None and peer is not None:
            room.detach(peer)

    def end(self, error: SegueError) -> None:
        """Ends the seat and has the device told why."""
        if self.stage is not Stage.ENDED:
            self.leave()
            self._host.on_seat_ended(self, error)

    # -- Outbox ----------------------------------------------------------------------------------

    @property
    def congested(self) -> bool:
        """True while the socket's buffer is over its mark."""
        return self._host.congested

    def write(self, frames: bytes) -> None:
        """Sends ready-made frames."""
        self._host.write(frames)

    def refuse(self, peer: Peer, error: SegueError) -> None:
        """Ends the seat for a reason of the room's."""
        if peer is self._peer:
            self.end(error)

    # -- the way to ATTACHED ---------------------------------------------------------------------

    @property
    def _unauthenticated_s(self) -> float:
        return self._services.options.unauthenticated_s

    def _hold(self, message: DocumentMessage, size_bytes: int) -> None:
        if self.stage is Stage.AWAITING:
            limit = self._services.options.max_unauthenticated_bytes
            if self._held_bytes + size_bytes > limit:
                self.end(too_much_before_a_token(limit))
                return
        elif not self._take_backlog(size_bytes):
            self.end(Overloaded("The server is catching up. Nothing is lost; try again."))
            return
        self._held.append((message, size_bytes))
        self._held_bytes += size_bytes

    def _take_backlog(self, size_bytes: int) -> bool:
        assert self._claims is not None
        return self._services.hub.backlog.take(self._claims.user, size_bytes)

    def _drop_held(self) -> None:
        if self._claims is not None:
            self._services.hub.backlog.give_back(self._claims.user, self._held_bytes)
        self._held, self._held_bytes = [], 0

    def _begin_opening(self) -> None:
        if not self._take_backlog(self._held_bytes):
            self._held, self._held_bytes = [], 0
            self.end(Overloaded("The server is catching up. Nothing is lost; try again."))
            return
        assert self._claims is not None
        self._services.seating.add(self.name, self._claims.user, self)
        self.stage = Stage.OPENING
        self._start(self._open())

    def _start(self, work: Coroutine[object, object, None]) -> None:
        self._work = self._services.tasks.create_task(work, name=f"open {self.name}")

    def _refresh_if_idle(self) -> None:
        if self.stage is Stage.ATTACHED and (self._work is None or self._work.done()):
            self._start(self._refresh())  # else the one under way looks again

    async def _open(self) -> None:
        claims, access = None, None
        while claims is not self._claims:  # a newer token counts, also one that allows less
            claims = self._claims
            access = await self._find_access(claims)
        if access is not None and self.stage is Stage.OPENING:
            try:
                self._attach(access)
            except Exception:  # one device's failure ends that device alone
                log.exception("seat.attaching_failed")
                self.end(SegueError("The server failed on this. It has been reported."))

    async def _refresh(self) -> None:
        claims = None
        while claims is not self._claims:
            claims = self._claims
            access = await self._find_access(claims)
            if access is None or self._peer is None:
                return
            changed = self._peer.identity.role is not access.role
            self._peer.identity = replace(self._peer.identity, role=access.role)
            if changed:
                self._host.on_seat_attached(self, access.role)

    async def _find_access(self, claims: Claims | None) -> Access | None:
        assert claims is not None
        delay_s = _FIRST_RETRY_S
        while self.stage is not Stage.ENDED:
            try:
                return await open_document(self._services.register, claims, self.name, create=True)
            except StorageUnavailable:
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, _LAST_RETRY_S)
            except SegueError as error:
                self.end(error)
            except Exception:  # one device's failure ends that device alone
                log.exception("seat.opening_failed")
                self.end(SegueError("This could not be opened. It has been reported."))
        return None

    def _attach(self, access: Access) -> None:
        assert self._claims is not None
        if not self._check_conduct(asyncio.get_running_loop().time()):
            return
        identity = Identity(self._claims.user, self._claims.device, access.role)
        peer = Peer(identity, self.dialect, self, self._owed)
        held = self._held
        self._drop_held()
        self.stage = Stage.ATTACHED
        self._peer = peer
        self._host.on_seat_attached(self, access.role)
        self._room = self._services.hub.attach(access.document, peer)
        for message, size_bytes in held:
            self.take(message, size_bytes)

    def _check_conduct(self, now_s: float) -> bool:
        assert self._claims is not None
        try:
            self._services.hub.conduct.check(self._claims.user, now_s)
        except TooMany as error:
            self.end(error)
        return not self.has_ended

    def _check_doubt(self) -> None:
        """Has a quiet device connect anew whose number of unsynced changes may be stuck above 0."""
        is_quiet = self._heard == self._heard_before
        self._heard_before = self._heard
        self._quiet_ticks = self._quiet_ticks + 1 if is_quiet else 0
        if self._quiet_ticks >= _QUIET_TICKS and self._owed is not None and self._owed.doubtful:
            self.end(
                Resync("Deletions made while offline have to be counted again. Connect again.")
            )

    def _check_expiry(self) -> None:
        expires_at = self._claims.expires_at if self._claims is not None else None
        if expires_at is None:
            return
        left_s = expires_at - self._services.clock()
        if left_s < -_EXPIRY_GRACE_S:
            self.end(TokenExpired("The token has expired. Connect again with a fresh one."))
        elif left_s < self._services.options.refresh_lead_s and not self._asked_for_token:
            self._asked_for_token = True
            self._host.ask_for_token(self)


def too_much_before_a_token(limit_bytes: int) -> SegueError:
    """Gives the error that sends a device away, not for good: its token may just be slow.

    A client whose socket serves several documents sends all it typed offline with the first answer
    that reaches it, which may be another document's.
    """
    return Overloaded(
        f"Over {limit_bytes} bytes (SEGUE_MAX_SIGN_IN) came before a token. Send the token first."
    )
