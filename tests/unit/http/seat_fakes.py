"""A hub and a register for connections, in the hands of a test."""

import asyncio
from collections.abc import Callable
from typing import cast

from segue.auth.grants import Role
from segue.auth.origins import OriginPolicy
from segue.auth.refusals import Refusals
from segue.auth.tokens import Claims
from segue.errors import Unauthenticated
from segue.http.seating import Seating
from segue.http.sync_services import SyncOptions, SyncServices
from segue.hub.backlog import Backlog
from segue.hub.conduct import Conduct
from segue.hub.hub import Hub
from segue.hub.peer import Peer
from segue.hub.quota import Quota
from segue.hub.room import DocumentMessage
from segue.ids import DeviceId, DocumentId, UserId
from segue.storage.ports import Register

PATIENCE_S = 30


class FakeRoom:
    def __init__(self) -> None:
        self.heard: list[object] = []
        self.peer: Peer | None = None
        self.fails = False

    def receive(self, peer: Peer, message: DocumentMessage) -> None:
        if self.fails:
            raise RuntimeError("it fails")
        self.heard.append(message)

    def on_congested(self, peer: Peer) -> None:
        self.heard.append("congested")

    def on_drained(self, peer: Peer) -> None:
        self.heard.append("drained")

    def detach(self, peer: Peer) -> None:
        assert peer is self.peer
        self.peer = None


class FakeHub:
    def __init__(self, max_backlog_bytes: int) -> None:
        self.backlog = Backlog(max_backlog_bytes, max_backlog_bytes)
        self.conduct = Conduct()
        self.room = FakeRoom()

    def attach(self, document: DocumentId, peer: Peer) -> FakeRoom:
        self.room.peer = peer
        return self.room


class FakeRegister:
    """Sessions of alice; it answers when it is let, with what was so when it was asked."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.errors: list[Exception] = []
        self.role: Role | None = Role.OWNER
        self.asked = 0

    async def open_session(
        self, document: DocumentId, user: UserId, *, create: bool
    ) -> Role | None:
        self.asked += 1
        role = self.role
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        return role


def services(
    tasks: asyncio.TaskGroup,
    hub: FakeHub,
    register: FakeRegister,
    clock: Callable[[], float] = lambda: 0.0,
    options: SyncOptions | None = None,
    seating: Seating | None = None,
) -> SyncServices:
    """Tokens are a user's name and, behind a space, for how many seconds they hold; "bad" is bad."""

    def verify(token: str) -> Claims:
        if token == "bad":
            raise Unauthenticated("It is bad.")
        user, _, left_s = token.partition(" ")
        expires_at = clock() + float(left_s) if left_s else None
        return Claims(UserId(user), DeviceId("phone"), expires_at=expires_at)

    return SyncServices(
        hub=cast(Hub, hub),
        register=cast(Register, register),
        verify=verify,
        origins=OriginPolicy((), loopback=True),
        refusals=Refusals(),
        seating=seating or Seating(),
        tasks=tasks,
        clock=clock,
        options=options or SyncOptions(),
        sockets=Quota(2),
    )


async def until(condition: Callable[[], object]) -> None:
    """Waits for what has no signal of its own."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - a loop turn, no time
            await asyncio.sleep(0)
