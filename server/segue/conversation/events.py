"""The changes of a session as a stream of events, for programs that hold no replica of it.

A follower asks for what changed behind its mark whenever something was committed, and only when it has
handed on what it was given last: one that is slow costs no more than a page, and is then told what is,
not all that was. Nothing is kept here that a restart would lose; the mark is in the id of each event.
"""

import asyncio
import math
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from segue.auth.tokens import Claims
from segue.conversation.opening import open_session
from segue.conversation.ports import Documents
from segue.document.feed import BEGINNING, Mark
from segue.document.views import Change, Changes, Seen, ViewChanges
from segue.errors import (
    InvalidRequest,
    Overloaded,
    Restarting,
    StorageUnavailable,
    TokenExpired,
    TooMany,
)
from segue.ids import DocumentId, UserId
from segue.storage.ports import Register

NOW: Final = "now"
"""What a follower asks for that wants nothing of what has been."""

MAX_PER_USER: Final = 32
MAX_PER_NODE: Final = 2_000
_PAGE: Final = 100
_RETRY_S: Final = 1.0
_HEARTBEAT_S: Final = 15.0
_MAX_SEEN: Final = 16
"""Answers under way at once that are told as deltas; others are told whole."""
_ID: Final = re.compile(r"(\d{1,15})-([0-9a-f]{0,33})")

_changes: Final = msgspec.json.Decoder(Changes)


@dataclass(frozen=True, slots=True)
class Event:
    """One change. `id` tells where to go on; `data` is JSON."""

    id: str
    type: str
    data: bytes


class Events:
    """The followers of this node's sessions. Hears of news, and wakes those concerned."""

    def __init__(
        self,
        register: Register,
        documents: Documents,
        clock_s: Callable[[], float],
        heartbeat_s: float = _HEARTBEAT_S,
    ) -> None:
        """`clock_s` gives seconds since 1970."""
        self.register = register
        self.documents = documents
        self.clock_s = clock_s
        self.heartbeat_s = heartbeat_s
        self.is_stopping = False
        self._followers: dict[DocumentId, set[Follower]] = {}
        self._by_user: Counter[UserId] = Counter()

    def on_news(self, document: DocumentId) -> None:
        """Takes that something may have changed."""
        for follower in self._followers.get(document, ()):
            follower.wake()

    def on_changed(self, document: DocumentId, user: UserId) -> None:
        """Takes that a user's right to a session may have changed; it is looked at at once."""
        for follower in self._followers.get(document, ()):
            if follower.claims.user == user:
                follower.doubt()

    def stop(self) -> None:
        """Has every follower end: the node stops, they go on elsewhere."""
        self.is_stopping = True
        for document in self._followers:
            self.on_news(document)

    async def follow(self, claims: Claims, name: str, since: str) -> "Follower":
        """Gives a follower of the session, to be closed when it is done.

        `since` is the id of the last event it knows, "now", or empty for all there is.

        Raises:
            InvalidRequest: `since` is no id of this session.
            TooMany: the user has too many followers.
            SegueError: no right to it, or it can't be opened now.
        """
        mark = _mark(since)
        access = await open_session(self.register, claims, name, create=False)
        if self.is_stopping:
            raise Restarting("The server restarts. Nothing is lost; come back in a moment.")
        if self._by_user[claims.user] >= MAX_PER_USER:
            raise TooMany(f"You follow {MAX_PER_USER} sessions already. Close one of the streams.")
        if self._by_user.total() >= MAX_PER_NODE:
            raise Overloaded("Too many streams are open on this server. Try again later.")
        follower = Follower(self, claims, access.document)
        self._by_user[claims.user] += 1
        self._followers.setdefault(access.document, set()).add(follower)
        try:
            await follower.begin(mark)
        except BaseException:
            follower.close()
            raise
        return follower

    def forget(self, follower: "Follower") -> None:
        """Ends what a follower costs; idempotent."""
        others = self._followers.get(follower.document, set())
        if follower not in others:
            return
        others.remove(follower)
        if not others:
            del self._followers[follower.document]
        self._by_user[follower.claims.user] -= 1
        if not self._by_user[follower.claims.user]:
            del self._by_user[follower.claims.user]


class Follower:
    """One stream of events. Made by `Events.follow`."""

    def __init__(self, events: Events, claims: Claims, document: DocumentId) -> None:
        self.claims = claims
        self.document = document
        self._events = events
        self._news = asyncio.Event()
        self._mark: Mark = BEGINNING
        self._seen: dict[str, Seen] = {}
        self._checked_s = _now_s()

    @property
    def position(self) -> str:
        """The id that stands for all that was given so far."""
        return _id(self._mark)

    def wake(self) -> None:
        """Has it look for news."""
        self._news.set()

    def doubt(self) -> None:
        """Has it look whether it may go on."""
        self._checked_s = -math.inf
        self._news.set()

    def close(self) -> None:
        """Ends it."""
        self._events.forget(self)

    async def begin(self, mark: Mark | None) -> None:
        """Takes its place: behind `mark`, or with None behind all there is.

        Raises:
            InvalidRequest: the session has not come so far; it is another one, or was restored.
            SegueError: the session can't be read now.
        """
        page = await self._ask(mark, 1)
        if mark is not None and page.until < mark:
            raise InvalidRequest(
                "The last event id is ahead of the session: it is of another one, or this one was "
                "restored from a backup. Start without an id."
            )
        self._mark = page.until if mark is None else mark

    async def pages(self) -> AsyncIterator[Sequence[Event]]:
        """Gives events as they are committed; an empty page is a sign of life.

        Raises:
            Deleted: the session was deleted.
            TokenExpired: the token has run out.
            Restarting: the node stops.
            SegueError: the right to it is gone, or it can't be opened any more.
        """
        while True:
            self._news.clear()
            if self._is_check_due():
                await self._check()
                yield ()
            page = await self._pull()
            if page is None:
                yield ()
                await asyncio.sleep(_RETRY_S)
                continue
            if page.changes:
                yield [self._event(change) for change in page.changes]
            self._mark = page.until
            if not page.has_more:
                await self._wait()

    async def _pull(self) -> Changes | None:
        """Gives what is new; None while it can't be told: nothing is committed then either."""
        if self._events.is_stopping:
            raise Restarting("The server restarts. Nothing is lost; come back in a moment.")
        try:
            return await self._ask(self._mark, _PAGE)
        except (StorageUnavailable, Overloaded):
            return None

    async def _ask(self, mark: Mark | None, limit: int) -> Changes:
        view = ViewChanges(mark, limit, self._seen)
        return _changes.decode(await self._events.documents.view(self.document, view))

    async def _wait(self) -> None:
        """Waits for news, or until a check is due."""
        try:
            async with asyncio.timeout(min(self._events.heartbeat_s, max(0.0, self._token_s))):
                await self._news.wait()
        except TimeoutError:
            return

    @property
    def _token_s(self) -> float:
        """How long the token is still good."""
        expires_at = self.claims.expires_at
        return math.inf if expires_at is None else expires_at - self._events.clock_s()

    def _is_check_due(self) -> bool:
        return self._token_s <= 0 or _now_s() - self._checked_s >= self._events.heartbeat_s

    async def _check(self) -> None:
        """Looks whether the right to be here still stands."""
        self._checked_s = _now_s()
        if self._token_s <= 0:
            raise TokenExpired("The token has expired. Come back with a new one.")
        try:
            await open_session(self._events.register, self.claims, self.document, create=False)
        except StorageUnavailable:
            return

    def _event(self, change: Change) -> Event:
        self._mark = change.mark
        self._seen.pop(change.id, None)
        if change.seen is not None and len(self._seen) < _MAX_SEEN:
            self._seen[change.id] = change.seen
        return Event(_id(change.mark), change.type, bytes(change.data))


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _id(mark: Mark) -> str:
    return f"{mark[0]}-{mark[1]}"


def _mark(since: str) -> Mark | None:
    if since == NOW:
        return None
    if not since:
        return BEGINNING
    found = _ID.fullmatch(since)
    if found is None:
        raise InvalidRequest("The last event id is none of ours. Send one as it came, or none.")
    return int(found[1]), found[2]
