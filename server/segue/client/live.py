"""A document and the connection that keeps it in step, as one thing that is opened and closed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Final, Self

import msgspec

from segue.client.address import Address, Identity, Token, find_address, identity_of
from segue.client.connection import Connection, unreachable
from segue.client.unsaved import Unsaved
from segue.document.feed import BEGINNING, Mark
from segue.document.local import LocalReplica
from segue.document.views import Changes, Seen, ViewChanges
from segue.document.writing import LocalChange
from segue.errors import Forbidden, SegueError

LOAD_S: Final = 15.0
"""How long a load waits for the server."""

_PAGE: Final = 100


class LiveDocument:
    """Read and edited at once, saved when the server is there. Belongs to one event loop.

    A program's edits are never lost while it runs, and durable when `save` has returned; where the
    document was rewritten meanwhile, they are made once more. Close it when it is done with: an async
    context manager that saves, and closes.
    """

    def __init__(self, address: Address, identity: Identity, name: str) -> None:
        """Opens it; from now on it connects by itself."""
        self.identity = identity
        self._name = name
        self._address = address
        self._replica = LocalReplica()
        self._news = asyncio.Event()
        self._unsaved = Unsaved()
        self._connection = Connection(
            address, name, self._replica, self._wake, self._on_started_over
        )
        # It outlives the call that opens it, so no TaskGroup can own it: `close` ends it.
        loop = asyncio.get_running_loop()
        self._life = loop.create_task(self._connection.run(), name=f"connection of {name}")
        self._life.add_done_callback(self._on_end)

    @classmethod
    async def opened(
        cls, name: str, url: str | None, token: Token | None, user_id: str | None = None
    ) -> Self:
        """Gives the document `name` of the server that the arguments or the environment name.

        Raises:
            Forbidden: the token is not `user_id`'s.
            SegueError: there is no token, or the URL is none.
        """
        address = find_address(url, token)
        identity = identity_of(await address.fresh_token())
        if user_id is not None and user_id != identity.sub:
            raise Forbidden(
                f"The token is of {identity.sub!r}, not of {user_id!r}. Give one of {user_id!r}."
            )
        return cls(address, identity, name)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                await self.save()
        finally:
            await self.close()

    @property
    def is_saved(self) -> bool:
        """Tells whether all that was written here is durable."""
        return self._connection.is_saved

    async def save(self, timeout_s: float | None = None) -> None:
        """Returns when all that was written before is durable; waits for the server if need be.

        Cancelling it loses nothing.

        Raises:
            Unreachable: not within `timeout_s`; it goes on being tried.
            SegueError: it can't be saved any more; the text says why.
        """
        await self._until(lambda: self._connection.is_saved, timeout_s)

    async def close(self) -> None:
        """Ends the connection. What isn't saved is lost."""
        self._life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._life

    async def until_synced(self, timeout_s: float | None) -> None:
        """Returns when it holds what the server holds.

        Raises:
            Unreachable: the server doesn't answer in time.
            SegueError: it may not be opened.
        """
        await self._until(lambda: self._connection.is_synced, timeout_s)

    def check(self) -> None:
        """Does nothing while it can be written.

        Raises:
            SegueError: it has ended, or may only be read.
        """
        if self._connection.error is not None:
            raise self._connection.error
        if not self._connection.may_write:
            raise Forbidden("You can read this session, not change it. Ask its owner.")

    def changes(self) -> AsyncIterator[Changes]:
        """Gives what changes from this call on, of others and of this program; it never ends by itself.

        Raises:
            SegueError: the document was deleted, or can't be followed any more.
        """
        # Not in the iterator: it would begin only where somebody asks it for the first time.
        return self._changes_since(self._replica.changes(ViewChanges(None, 1)).until)

    async def _changes_since(self, mark: Mark) -> AsyncIterator[Changes]:
        seen: dict[str, Seen] = {}
        replica, known = self._replica, frozenset[str]()
        while True:
            news = self._news
            if replica is not self._replica:
                # Another generation counts anew: all of it is told once more.
                known |= {view.id for view in replica.history()}
                replica, mark, seen = self._replica, BEGINNING, {}
            page = _as_known(replica.changes(ViewChanges(mark, _PAGE, seen)), known)
            mark = page.until
            for change in page.changes:
                seen.pop(change.id, None)
                if change.seen is not None:
                    seen[change.id] = change.seen
            if page.changes:
                yield page
            elif self._connection.error is not None:
                raise self._connection.error
            elif not page.has_more:
                await news.wait()

    def _edit(self, change: LocalChange) -> None:
        self.check()
        self._forget_saved()
        update = self._replica.edit(change)
        if update:
            self._unsaved.add(change)
        self._announce(update)

    def _write_text(self, root: str, text: str) -> None:
        """Makes a root's text this one; what others write elsewhere in it stays."""
        self.check()
        self._forget_saved()
        before = self._replica.text(root)
        self._announce(self._replica.replace_text(root, text))
        self._unsaved.add_text(root, before, text)

    def _forget_saved(self) -> None:
        if self._connection.is_saved:
            self._unsaved.clear()
        elif (count := self._connection.unsaved_edits) is not None:
            self._unsaved.keep_last(count)

    def _announce(self, update: bytes) -> None:
        self._connection.announce(update)
        self._wake()

    def _on_started_over(self, replica: LocalReplica) -> None:
        self._replica = replica
        for update in self._unsaved.make_again(replica):
            self._announce(update)

    async def _until(self, condition: Callable[[], bool], timeout_s: float | None) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    if self._connection.error is not None:
                        raise self._connection.error
                    await self._news.wait()
        except TimeoutError:
            raise unreachable(self._connection, timeout_s or 0) from None

    def _wake(self) -> None:
        # Each news has an event of its own: nobody who waits has to take it back.
        self._news.set()
        self._news = asyncio.Event()

    def _on_end(self, life: "asyncio.Task[None]") -> None:
        if not life.cancelled() and life.exception() is not None:
            self._connection.error = SegueError(f"The connection failed: {life.exception()!r}.")
        self._wake()


def _as_known(page: Changes, known: frozenset[str]) -> Changes:
    """Calls a message that was told before updated, not created."""
    told = [
        msgspec.structs.replace(change, type="message.updated")
        if change.type == "message.created" and change.id in known
        else change
        for change in page.changes
    ]
    return msgspec.structs.replace(page, changes=told)
