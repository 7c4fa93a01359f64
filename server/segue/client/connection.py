"""The life of a program's connection: it comes back by itself until it is closed or refused for good.

    OFFLINE --socket, token, step 1--> SYNCING --our step 2 sent--> FLOWING
       ^-------- socket lost, 45xx, silence ---------'-------------'    44xx: ENDED, for ever

Where the document was rewritten since (4412), a fresh copy takes the place of this one: it syncs first,
then what wasn't saved is made in it once more, by who is told by `on_started_over`.

Invariants:
1. `is_saved` is true only if the server said of every edit made before that it is durable. The number
   of statuses to come is set to 1 with our step 1, for all that is held then, rises by one for each
   edit sent later, and falls by one with each SyncStatus(true).
2. Before our step 2 is sent no edit is: the step 2 holds it.
3. What waits to be sent is bounded; beyond the bound the socket is given up and one diff tells all.
"""

import asyncio
from collections.abc import Callable
from importlib.metadata import version
from typing import Final, assert_never

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from segue import errors
from segue.client.address import Address
from segue.client.dialing import Backoff, dial
from segue.document.local import Behind, LocalReplica
from segue.errors import Forbidden, RefusedUpdate, SegueError, Unreachable
from segue.wire.hocuspocus_server import ClientFrames, Denied, LetIn, Note, ServerMessage, decode
from segue.wire.messages import SyncStep1, SyncStep2, Update

_LAST_RETRY_S: Final = 10.0
_PING_S: Final = 3.0
_MAX_MISSED: Final = 3
_MAX_OUTBOX_BYTES: Final = 4 << 20
_MAX_FRAME_BYTES: Final = 256 << 20

_PERMANENT: Final = range(4400, 4500)
_ERRORS: Final[dict[int, type[SegueError]]] = {
    kind.close_code: kind
    for kind in (
        errors.RefusedUpdate,
        errors.Unauthenticated,
        errors.Forbidden,
        errors.Deleted,
        errors.StartOver,
        errors.Quarantined,
    )
}


class Connection:
    """See the module's text. `run` is its whole life; everything else may be called at any time."""

    def __init__(
        self,
        address: Address,
        name: str,
        replica: LocalReplica,
        on_news: Callable[[], None],
        on_started_over: Callable[[LocalReplica], None],
    ) -> None:
        """`on_news` is called when the document or the state of the connection has changed."""
        self.error: SegueError | None = None
        self.is_synced = False
        self.may_write = True
        self.problem = "there was no answer yet"
        self._address = address
        self._name = name
        self._frames = ClientFrames(name)
        self._replica = replica
        self._on_news = on_news
        self._on_started_over = on_started_over
        self._starts_over = False
        self._is_flowing = False
        self._owed = 0
        self._is_answered = False
        self._holds_unsaved = False
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._has_mail = asyncio.Event()
        self._backoff = Backoff(_LAST_RETRY_S)

    @property
    def is_saved(self) -> bool:
        """Tells whether every edit made so far is durable."""
        return not self._holds_unsaved

    @property
    def unsaved_edits(self) -> int | None:
        """How many of the last edits aren't known to be durable; None if that isn't known."""
        return self._owed if self._is_flowing and self._is_answered else None

    def announce(self, update: bytes) -> None:
        """Takes an edit that the replica holds already; it is sent when that is possible."""
        if not update:
            return
        self._holds_unsaved = True
        if self._is_flowing and not self._starts_over:
            self._owed += 1
            self._outbox.append(update)
            self._outbox_bytes += len(update)
            self._has_mail.set()

    async def run(self) -> None:
        """Connects, again and again, until the document is refused for good."""
        while self.error is None:
            try:
                await self._connect()
            except (OSError, WebSocketException, TimeoutError) as error:
                self.problem = str(error) or type(error).__name__
            except SegueError as error:
                self._end(error)
            self._is_flowing = False
            self._on_news()
            if self.error is None:
                await self._backoff.pause()

    async def _connect(self) -> None:
        token = await self._address.fresh_token()
        async with dial(self._address.url, _MAX_FRAME_BYTES) as socket:
            self._outbox, self._outbox_bytes = [], 0
            self._owed, self._is_answered = 1, False
            await socket.send(self._frames.token(token, version("segue")))
            await socket.send(self._frames.step1(self._replica.vector))
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(self._write(socket), name=f"write {self._name}")
                await self._read(socket)
                writing.cancel()

    async def _write(self, socket: ClientConnection) -> None:
        try:
            while self._outbox_bytes <= _MAX_OUTBOX_BYTES:
                await self._has_mail.wait()
                self._has_mail.clear()
                updates, self._outbox, self._outbox_bytes = self._outbox, [], 0
                for update in updates:
                    await socket.send(self._frames.update(update))
            await socket.close()
        except ConnectionClosed:
            return  # the reader tells why

    async def _read(self, socket: ClientConnection) -> None:
        """Takes what comes until the socket ends, for whatever reason."""
        try:
            missed, replica = 0, self._replica
            while self.error is None and self._replica is replica and missed <= _MAX_MISSED:
                try:
                    async with asyncio.timeout(_PING_S):
                        frame = await socket.recv(decode=False)
                except TimeoutError:
                    missed += 1
                    await socket.send(self._frames.ping())
                else:
                    missed = 0
                    await self._take(socket, decode(frame))
            self.problem = "the server fell silent"
        except ConnectionClosed as closed:
            self._on_closed(closed)
        except SegueError as error:
            self._end(error)

    async def _take(self, socket: ClientConnection, message: ServerMessage) -> None:
        match message:
            case SyncStep1(raw=vector):
                # In this order, and without an await between: an edit is in the one or the other.
                answer = self._replica.state(vector)
                self._is_flowing = True
                await socket.send(self._frames.step2(answer))
            case SyncStep2(update=update):
                await self._merge(socket, update)
                self.is_synced = True
                self._backoff.reset()
                self._hand_over()
            case Update(update=update):
                await self._merge(socket, update)
            case LetIn(may_write=may_write):
                self.may_write = may_write
            case Denied(reason=reason):
                self._deny(reason)
            case Note():
                await self._note(socket, message)
            case _:
                assert_never(message)
        self._on_news()

    def _hand_over(self) -> None:
        """Gives a fresh copy, if this is one, to who holds the old one: it has what the server has."""
        if self._starts_over:
            self._starts_over = False
            self._on_started_over(self._replica)
            self._settle()

    def _settle(self) -> None:
        if self._is_flowing and not self._owed and not self._starts_over:
            self._holds_unsaved = False

    async def _merge(self, socket: ClientConnection, update: bytes) -> None:
        try:
            self._replica.receive(update)
        except Behind:
            await socket.close()  # a new connection syncs from the start

    async def _note(self, socket: ClientConnection, note: Note) -> None:
        match note:
            case Note.SAVED:
                self._owed = max(0, self._owed - 1)
                self._is_answered = True
                self._settle()
            case Note.NOT_SAVED:
                self._end(Forbidden("You can read this session, not change it. Ask its owner."))
            case Note.WANTS_TOKEN:
                token = await self._address.fresh_token()
                await socket.send(self._frames.token(token, version("segue")))
            case Note.CLOSED:
                await socket.close()
            case Note.NOTHING:
                pass

    def _on_closed(self, closed: ConnectionClosed) -> None:
        frame = closed.rcvd
        self.problem = f"the server closed the connection: {frame.reason}" if frame else str(closed)
        if frame is not None and frame.code in _PERMANENT:
            self._end(_error(frame.code, frame.reason))

    def _deny(self, reason: str) -> None:
        code, _, text = reason.partition(" ")
        self._end(_error(int(code), text) if code.isdigit() else Forbidden(reason))

    def _end(self, error: SegueError) -> None:
        if isinstance(error, errors.StartOver):
            self._replica, self._starts_over = LocalReplica(), True
            self.problem = str(error)
        else:
            self.error = error
        self._on_news()


def _error(code: int, text: str) -> SegueError:
    kind = _ERRORS.get(code, SegueError)
    if kind is RefusedUpdate:
        text += " This copy can't be saved any more: load the session again."
    return kind(text)


def unreachable(connection: Connection, waited_s: float) -> Unreachable:
    """Gives the error of who waited in vain."""
    return Unreachable(
        f"Nothing came from the server within {waited_s:g} s: {connection.problem}. Is it running, "
        "and is SEGUE_URL right? What you wrote is kept while this program runs, and sent when it is back."
    )
