"""The two kinds of connection: what a frame, a refusal and the time that passes lead to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
from seat_fakes import FakeHub, FakeRegister, services, until

from segue.auth.grants import Role
from segue.errors import Quarantined, RefusedUpdate, Resync, TooMany
from segue.http.direct import DirectProtocol
from segue.http.pace import Pace
from segue.http.sync_routes import SyncSockets
from segue.http.sync_services import SyncOptions, SyncServices
from segue.http.sync_socket import (
    Connection,
    HocuspocusConnection,
    YWebsocketConnection,
)
from segue.ids import UserId
from segue.wire.frames import binary_frame
from segue.wire.lib0 import var_bytes, var_string
from segue.wire.messages import SyncStep1, SyncStep2

pytestmark = pytest.mark.anyio

STEP1, STEP2 = b"\x00\x00\x01\x00", b"\x00\x01\x02\x00\x00"
TALK = b"\x04talk"


def auth(token: str) -> bytes:
    return b"\x02\x00" + var_string(token)


class FakeSocket:
    def __init__(self) -> None:
        self.congested = False
        self.written: list[bytes] = []
        self.closed: int | None = None
        self.is_aborted = False
        self.stalled_s = 0.0
        self.limit: int | None = None
        self.replenished_s = 0.0
        self.reason = ""

    def take_over(self, receiver: object, *, mark_bytes: int, pace: Pace) -> None: ...

    def replenish(self, elapsed_s: float) -> None:
        self.replenished_s += elapsed_s

    def write(self, frames: bytes) -> None:
        self.written.append(frames)

    def close(self, code: int, reason: str) -> None:
        self.closed, self.reason = self.closed or code, reason

    def abort(self) -> None:
        self.is_aborted = True

    def limit_messages(self, max_bytes: int | None) -> None:
        self.limit = max_bytes

    def stalled_for_s(self, now_s: float) -> float:
        return self.stalled_s


class Scene:
    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self.hub = FakeHub(1_000_000)
        self.register = FakeRegister()
        self.socket = FakeSocket()
        self.options = SyncOptions(max_documents=3)
        self.services = services(tasks, self.hub, self.register, options=self.options)
        self.open: set[Connection] = set()
        self.begun_s = 0.0

    def collab(self) -> HocuspocusConnection:
        socket = cast(DirectProtocol, self.socket)
        connection = HocuspocusConnection(socket, self.services, self.begun_s)
        connection.begin(self.open)
        return connection

    def sync(self, token: str) -> YWebsocketConnection:
        socket = cast(DirectProtocol, self.socket)
        connection = YWebsocketConnection(socket, self.services, self.begun_s, "talk", token)
        connection.begin(self.open)
        connection.start()
        return connection

    async def attached(self) -> None:
        await until(lambda: self.hub.room.peer)


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    async with asyncio.TaskGroup() as tasks:
        on_stage = Scene(tasks)
        yield on_stage
        for connection in list(on_stage.open):
            connection.on_closed()
    assert on_stage.hub.room.peer is None
    assert on_stage.hub.backlog.size_bytes == 0
    assert not on_stage.open
    assert on_stage.services.sockets._taken == {}


async def test_a_y_websocket_is_attached_by_the_token_of_its_url() -> None:
    async with scene() as on_stage:
        connection = on_stage.sync("alice")
        connection.on_message(STEP1)
        await on_stage.attached()
        connection.on_message(STEP2)
        assert [type(heard) for heard in on_stage.hub.room.heard] == [SyncStep1, SyncStep2]


async def test_a_y_websocket_is_told_why_and_closed_for_good() -> None:
    async with scene() as on_stage:
        on_stage.sync("bad")
        assert on_stage.socket.closed == 4401
        assert b"bad" in on_stage.socket.written[0]


@pytest.mark.parametrize("garbage", [b"", b"\x09", b"\x00\x07\x00", STEP1 + b"x"])
async def test_garbage_closes_either_socket_for_good(garbage: bytes) -> None:
    async with scene() as on_stage:
        on_stage.sync("alice").on_message(garbage)
        assert on_stage.socket.closed == 4400
    async with scene() as on_stage:
        on_stage.collab().on_message(TALK + garbage)
        assert on_stage.socket.closed == 4400


async def test_a_fourth_refusal_of_a_token_is_made_at_the_upgrade() -> None:
    async with scene() as on_stage:
        for _ in range(3):
            assert not on_stage.services.refusals.is_blocked("bad", "talk", 0)
            on_stage.sync("bad")
        assert on_stage.services.refusals.is_blocked("bad", "talk", 0)


async def test_collab_queues_until_the_token_is_good() -> None:
    async with scene() as on_stage:
        connection = on_stage.collab()
        connection.on_message(TALK + STEP1)
        connection.on_message(TALK + auth("alice"))
        await on_stage.attached()
        assert on_stage.socket.written == [binary_frame(TALK + b"\x02\x02\x0aread-write")]
        assert [type(heard) for heard in on_stage.hub.room.heard] == [SyncStep1]


async def test_a_viewer_is_told_that_it_may_only_read() -> None:
    async with scene() as on_stage:
        on_stage.register.role = Role.VIEWER
        on_stage.collab().on_message(TALK + auth("bob"))
        await on_stage.attached()
        assert on_stage.socket.written == [binary_frame(TALK + b"\x02\x02\x08readonly")]


async def test_one_document_is_refused_in_band_and_may_be_opened_again() -> None:
    async with scene() as on_stage:
        connection = on_stage.collab()
        connection.on_message(TALK + auth("bad"))
        assert on_stage.socket.written[0][2:].startswith(TALK + b"\x02\x01")
        connection.on_message(TALK + STEP1)
        assert (len(on_stage.socket.written), on_stage.socket.closed) == (1, None)
        connection.on_message(TALK + auth("alice"))
        await on_stage.attached()


async def test_what_may_be_tried_again_closes_the_socket_and_what_may_not_does_not() -> None:
    outcomes = ((RefusedUpdate("no"), None), (Quarantined("wait"), None), (Resync("again"), 4502))
    for error, closed in outcomes:
        async with scene() as on_stage:
            on_stage.collab().on_message(TALK + auth("alice"))
            await on_stage.attached()
            peer = on_stage.hub.room.peer
            assert peer is not None
            peer.outbox.refuse(peer, error)
            assert on_stage.socket.closed == closed


async def test_a_young_socket_lives_a_second_before_it_is_sent_away() -> None:
    now_s = asyncio.get_running_loop().time()
    for dialect in (HocuspocusConnection, YWebsocketConnection):
        async with scene() as on_stage:
            on_stage.begun_s = now_s
            if dialect is HocuspocusConnection:
                on_stage.collab().on_message(TALK + auth("alice"))
            else:
                on_stage.sync("alice")
            await on_stage.attached()
            (connection,) = on_stage.open
            peer = on_stage.hub.room.peer
            assert peer is not None
            peer.outbox.refuse(peer, Resync("again"))
            connection.on_tick(now_s + 0.9)
            assert on_stage.socket.closed is None
            connection.on_tick(now_s + 1)
            assert on_stage.socket.closed == 4502


async def test_a_document_that_is_left_is_confirmed_and_the_socket_stays() -> None:
    async with scene() as on_stage:
        connection = on_stage.collab()
        connection.on_message(TALK + auth("alice"))
        await on_stage.attached()
        connection.on_message(TALK + b"\x07")
        assert on_stage.hub.room.peer is None
        assert on_stage.socket.written[-1] == binary_frame(TALK + b"\x07\x12provider_initiated")
        connection.on_tick(100)
        assert on_stage.socket.closed is None


async def test_documents_on_a_socket_are_limited() -> None:
    async with scene() as on_stage:
        connection = on_stage.collab()
        for number in range(5):
            connection.on_message(var_string(f"talk{number}") + STEP1)
        assert len(connection._seats()) == 3
        assert all(b"4529" in written for written in on_stage.socket.written)
        assert len(on_stage.socket.written) == 2


async def test_sessions_of_one_document_are_peers_of_their_own() -> None:
    async with scene() as on_stage:
        connection = on_stage.collab()
        for session in ("one", "two"):
            connection.on_message(var_string(f"talk\0{session}") + STEP1)
        assert [seat.name for seat in connection._seats()] == ["talk", "talk"]


async def test_what_strangers_may_have_kept_is_bounded_for_all_documents_together() -> None:
    async with scene() as on_stage:
        connection = on_stage.collab()
        size = on_stage.options.max_unauthenticated_bytes // 2
        frame = b"\x00\x01" + var_bytes(bytes(size))
        connection.on_message(b"\x01a" + frame)
        assert [seat.has_ended for seat in connection._seats()] == [False]
        connection.on_message(b"\x01b" + frame)
        assert [seat.has_ended for seat in connection._seats()] == [False, True]
        assert on_stage.socket.written == [], "a slow token is no reason to end for good"
        connection.on_tick(60)
        assert on_stage.socket.closed == 1013


async def test_large_frames_are_for_who_has_shown_a_good_token() -> None:
    async with scene() as on_stage:
        connection = on_stage.collab()
        assert on_stage.socket.limit == 1 << 20
        connection.on_message(TALK + auth("bad"))
        assert on_stage.socket.limit == 1 << 20
        connection.on_message(TALK + auth("alice"))
        assert on_stage.socket.limit is None


async def test_heartbeats_are_answered() -> None:
    async with scene() as on_stage:
        connection = on_stage.collab()
        connection.on_message(b"\x09")
        connection.on_message(b"\x0a")
        connection.on_message(TALK + b"\x05\x04ping")
        assert on_stage.socket.written == [
            binary_frame(b"\x0a"),
            binary_frame(TALK + b"\x05\x04pong"),
        ]


async def test_a_socket_that_never_speaks_is_closed() -> None:
    async with scene() as on_stage:
        connection = on_stage.collab()
        connection.on_tick(4)
        assert on_stage.socket.closed is None
        connection.on_tick(6)
        assert on_stage.socket.closed == 4401


async def test_a_device_that_takes_nothing_is_sent_away() -> None:
    async with scene() as on_stage:
        connection = on_stage.sync("alice")
        on_stage.socket.stalled_s = 61
        connection.on_tick(100)
        assert on_stage.socket.closed == 4508


async def test_sockets_of_a_user_are_limited_and_given_back() -> None:
    async with scene() as on_stage:
        first, _ = on_stage.sync("alice"), on_stage.sync("alice")
        on_stage.sync("bob")
        too_many = on_stage.sync("alice")
        too_many.on_tick(60)
        assert on_stage.socket.closed == 4529
        assert "SEGUE_MAX_SOCKETS_PER_USER" in on_stage.socket.reason
        first.on_closed()
        assert on_stage.services.sockets.take(UserId("alice"))
        on_stage.services.sockets.give_back(UserId("alice"))


async def test_many_documents_of_a_user_are_one_socket() -> None:
    async with scene() as on_stage:
        connection = on_stage.collab()
        for _ in range(3):
            connection.admit(UserId("alice"))
        on_stage.collab().admit(UserId("alice"))
        with pytest.raises(TooMany):
            on_stage.collab().admit(UserId("alice"))


async def test_a_flood_is_sent_away_to_come_back() -> None:
    async with scene() as on_stage:
        connection = on_stage.sync("alice")
        connection.on_flood()
        connection.on_tick(60)
        assert on_stage.socket.closed == 4529
        assert "SEGUE_FRAME_RATE" in on_stage.socket.reason


async def test_what_a_device_may_send_follows_the_time_that_passes() -> None:
    async with scene() as on_stage:
        connection = on_stage.sync("alice")
        for now_s in (1.0, 1.5, 4.0):
            connection.on_tick(now_s)
        assert on_stage.socket.replenished_s == 4.0


async def test_congestion_reaches_every_document() -> None:
    async with scene() as on_stage:
        connection = on_stage.collab()
        connection.on_message(TALK + auth("alice"))
        await on_stage.attached()
        connection.on_congested()
        connection.on_drained()
        assert on_stage.hub.room.heard == ["congested", "drained"]


async def test_keep_alives_come_in_time() -> None:
    async with scene() as on_stage:
        connection = on_stage.sync("alice")
        await on_stage.attached()
        for now_s in range(1, 26):
            connection.on_tick(now_s)
        assert on_stage.socket.written == [binary_frame(b"\x01\x01\x00")] * 2


async def test_a_tick_that_fails_ends_its_socket_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segue.http.sync_routes._TICK_S", 0)
    ticked = asyncio.Event()

    class Failing(HocuspocusConnection):
        def on_tick(self, now_s: float) -> None:
            raise RuntimeError("it fails")

    class Fine(HocuspocusConnection):
        def on_tick(self, now_s: float) -> None:
            ticked.set()

    sockets = SyncSockets(1_000)
    on_stage: Scene | None = None

    def equip(tasks: asyncio.TaskGroup) -> SyncServices:
        nonlocal on_stage
        on_stage = Scene(tasks)
        return on_stage.services

    async with sockets.serving(equip):
        assert on_stage is not None
        failing = FakeSocket()
        for kind, socket in ((Failing, failing), (Fine, on_stage.socket)):
            kind(cast(DirectProtocol, socket), on_stage.services, 0).begin(sockets._connections)
        async with asyncio.timeout(10):
            await ticked.wait()
        await until(lambda: failing.is_aborted)
        ticked.clear()
        async with asyncio.timeout(10):
            await ticked.wait()
    assert on_stage.socket.closed == 1012
    assert not sockets._connections
