"""A seat: what is held until a room is there, what is told, and how it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from seat_fakes import PATIENCE_S, FakeHub, FakeRegister, FakeRoom, services, until

from segue.auth.grants import Role
from segue.errors import (
    Deleted,
    Forbidden,
    Overloaded,
    RefusedUpdate,
    Resync,
    SegueError,
    StorageUnavailable,
    TokenExpired,
    TooMany,
    Unauthenticated,
)
from segue.http.seat import Seat
from segue.http.seating import Seating
from segue.http.sync_services import SyncOptions
from segue.ids import DocumentId, UserId
from segue.wire.hocuspocus import Hocuspocus
from segue.wire.messages import QueryAwareness, SyncStep1, SyncStep2, Update
from segue.wire.owed import Owed

pytestmark = pytest.mark.anyio


class FakeHost:
    """A connection that notes what it is told."""

    def __init__(self) -> None:
        self.congested = False
        self.written: list[bytes] = []
        self.attached: list[Role] = []
        self.token_asked = 0
        self.error: SegueError | None = None
        self.owed = Owed()
        self.changed = asyncio.Event()

    def write(self, frames: bytes) -> None:
        self.written.append(frames)

    def new_owed(self) -> Owed:
        return self.owed

    def admit(self, user: UserId) -> None:
        pass

    def on_seat_attached(self, seat: Seat, role: Role) -> None:
        self.attached.append(role)
        self.changed.set()

    def ask_for_token(self, seat: Seat) -> None:
        self.token_asked += 1

    def on_seat_ended(self, seat: Seat, error: SegueError) -> None:
        assert self.error is None, "ended twice"
        self.error = error
        self.changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


class Scene:
    def __init__(self, tasks: asyncio.TaskGroup, max_backlog_bytes: int) -> None:
        self.hub = FakeHub(max_backlog_bytes)
        self.register = FakeRegister()
        self.host = FakeHost()
        self.now_s = 1_000.0
        options = SyncOptions(max_unauthenticated_bytes=2_000)
        self.seating = Seating()
        made = services(tasks, self.hub, self.register, lambda: self.now_s, options, self.seating)
        self.seat = Seat("talk", "talk", Hocuspocus("talk"), self.host, made)

    @property
    def error(self) -> SegueError | None:
        return self.host.error

    @property
    def room(self) -> FakeRoom:
        return self.hub.room

    async def attach(self, token: str = "alice") -> None:
        self.seat.present_token(token)
        await self.host.until(lambda: self.host.attached)

    async def ended(self) -> SegueError:
        await self.host.until(lambda: self.error)
        assert self.error is not None
        return self.error


@asynccontextmanager
async def scene(max_backlog_bytes: int = 1_000_000) -> AsyncIterator[Scene]:
    async with asyncio.TaskGroup() as tasks:
        on_stage = Scene(tasks, max_backlog_bytes)
        yield on_stage
        on_stage.seat.leave()
        on_stage.register.gate.set()
    assert on_stage.hub.backlog.size_bytes == 0, "the backlog leaks"
    assert on_stage.room.peer is None, "it never left"
    assert on_stage.seating._seats == {}, "its place is kept"


MESSAGES = [SyncStep1({}, b"\x00"), Update(b"one"), SyncStep2(b"two")]


async def test_what_comes_before_the_room_goes_to_it_in_order() -> None:
    async with scene() as on_stage:
        on_stage.seat.take(MESSAGES[0], 10)
        on_stage.register.gate.clear()
        on_stage.seat.present_token("alice")
        on_stage.seat.take(MESSAGES[1], 10)
        assert on_stage.hub.backlog.size_bytes > 0
        on_stage.register.gate.set()
        await on_stage.host.until(lambda: on_stage.host.attached)
        on_stage.seat.take(MESSAGES[2], 10)
        assert on_stage.room.heard == MESSAGES
        assert on_stage.hub.backlog.size_bytes == 0


async def test_little_is_held_before_a_token_also_of_tiny_messages() -> None:
    async with scene() as on_stage:
        for _ in range(100):
            on_stage.seat.take(QueryAwareness(), 3)
        assert isinstance(on_stage.error, Overloaded), "a slow token is no reason to end for good"


async def test_what_is_held_behind_a_token_is_backlog_of_the_node() -> None:
    async with scene(max_backlog_bytes=1_000) as on_stage:
        on_stage.register.gate.clear()
        on_stage.seat.present_token("alice")
        for _ in range(100):
            on_stage.seat.take(MESSAGES[1], 100)
        assert isinstance(on_stage.error, Overloaded)


async def test_a_bad_token_ends_it_and_later_frames_are_ignored() -> None:
    async with scene() as on_stage:
        on_stage.seat.take(MESSAGES[0], 10)
        on_stage.seat.present_token("bad")
        assert isinstance(on_stage.error, Unauthenticated)
        on_stage.seat.present_token("alice")
        on_stage.seat.take(MESSAGES[1], 10)
        assert on_stage.register.asked == 0


async def test_no_token_in_time_ends_it() -> None:
    async with scene() as on_stage:
        now_s = asyncio.get_running_loop().time()
        on_stage.seat.on_tick(now_s + 4)
        assert on_stage.error is None
        on_stage.seat.on_tick(now_s + 6)
        assert isinstance(on_stage.error, Unauthenticated)


@pytest.mark.parametrize("error", [Forbidden("no"), Deleted("gone"), RuntimeError("broken")])
async def test_no_access_ends_it_with_the_reason(error: Exception) -> None:
    async with scene() as on_stage:
        on_stage.register.errors.append(error)
        on_stage.seat.present_token("alice")
        expected = type(error) if isinstance(error, SegueError) else SegueError
        assert type(await on_stage.ended()) is expected


async def test_a_session_of_others_is_forbidden() -> None:
    async with scene() as on_stage:
        on_stage.register.role = None
        on_stage.seat.present_token("alice")
        assert isinstance(await on_stage.ended(), Forbidden)


async def test_storage_that_is_away_is_asked_again() -> None:
    async with scene() as on_stage:
        on_stage.register.errors.append(StorageUnavailable("away"))
        await on_stage.attach()
        assert on_stage.register.asked == 2


async def test_who_leaves_while_it_opens_is_not_attached() -> None:
    async with scene() as on_stage:
        on_stage.register.gate.clear()
        on_stage.seat.present_token("alice")
        on_stage.seat.take(MESSAGES[0], 10)
        on_stage.seat.leave()
        on_stage.register.gate.set()
    assert on_stage.host.attached == []


async def test_a_held_message_that_breaks_the_room_ends_this_device_alone() -> None:
    async with scene() as on_stage:
        on_stage.room.fails = True
        on_stage.seat.take(MESSAGES[0], 10)
        on_stage.seat.present_token("alice")
        assert type(await on_stage.ended()) is SegueError


async def test_a_refusal_of_the_room_ends_it_once() -> None:
    async with scene() as on_stage:
        await on_stage.attach()
        peer = on_stage.room.peer
        assert peer is not None
        on_stage.seat.refuse(peer, RefusedUpdate("no"))
        on_stage.seat.refuse(peer, RefusedUpdate("again"))
        assert isinstance(on_stage.error, RefusedUpdate)
        on_stage.seat.take(MESSAGES[1], 10)
        assert on_stage.room.heard == []


async def test_a_fresh_token_is_asked_for_in_time_and_its_role_holds() -> None:
    async with scene() as on_stage:
        await on_stage.attach("alice 100")
        on_stage.seat.on_tick(0)
        assert on_stage.host.token_asked == 0
        on_stage.now_s += 80
        for _ in range(3):
            on_stage.seat.on_tick(0)
        assert on_stage.host.token_asked == 1
        on_stage.register.role = Role.VIEWER
        on_stage.seat.present_token("alice 100")
        await until(lambda: on_stage.register.asked == 2)
        peer = on_stage.room.peer
        assert peer is not None
        await until(lambda: peer.identity.role is Role.VIEWER)
        assert on_stage.host.attached[-1] is Role.VIEWER, "the device was not told"
        on_stage.now_s += 60
        on_stage.seat.on_tick(0)
        assert on_stage.error is None


async def test_a_newer_token_that_comes_while_it_opens_counts() -> None:
    async with scene() as on_stage:
        on_stage.register.gate.clear()
        on_stage.seat.present_token("alice")
        await until(lambda: on_stage.register.asked)
        on_stage.seat.present_token("alice")
        on_stage.register.gate.set()
        await on_stage.host.until(lambda: on_stage.host.attached)
        assert on_stage.register.asked == 2


async def test_a_flood_of_fresh_tokens_is_one_question_at_a_time() -> None:
    async with scene() as on_stage:
        await on_stage.attach()
        before = on_stage.register.asked
        on_stage.register.gate.clear()
        for _ in range(1_000):
            on_stage.seat.present_token("alice")
        await until(lambda: on_stage.register.asked > before)
        for _ in range(1_000):
            on_stage.seat.present_token("alice")
        on_stage.register.role = Role.VIEWER
        on_stage.register.gate.set()
        peer = on_stage.hub.room.peer
        assert peer is not None
        await until(lambda: peer.identity.role is Role.VIEWER)
        assert on_stage.register.asked <= before + 2


async def test_a_token_that_runs_out_ends_it_to_come_back() -> None:
    async with scene() as on_stage:
        await on_stage.attach("alice 10")
        on_stage.now_s += 20
        on_stage.seat.on_tick(0)
        assert on_stage.error is None
        on_stage.now_s += 10
        on_stage.seat.on_tick(0)
        assert isinstance(on_stage.error, TokenExpired)


async def test_who_ends_workers_is_sent_away_from_everywhere_for_a_while() -> None:
    async with scene() as on_stage:
        await on_stage.attach()
        loop_s = asyncio.get_running_loop().time()
        conduct = on_stage.hub.conduct
        conduct.offend(UserId("alice"), loop_s)
        conduct.offend(UserId("bob"), loop_s)
        on_stage.seat.on_tick(loop_s)
        assert on_stage.error is None
        conduct.offend(UserId("alice"), loop_s)
        on_stage.seat.on_tick(loop_s)
        assert isinstance(await on_stage.ended(), TooMany)
        conduct.check(UserId("alice"), loop_s + 601)


async def test_who_ended_workers_is_not_let_in() -> None:
    async with scene() as on_stage:
        for _ in range(2):
            on_stage.hub.conduct.offend(UserId("alice"), asyncio.get_running_loop().time())
        on_stage.seat.present_token("alice")
        assert isinstance(await on_stage.ended(), TooMany)
        assert on_stage.host.attached == []


async def test_a_fresh_token_of_somebody_else_is_refused() -> None:
    async with scene() as on_stage:
        await on_stage.attach()
        on_stage.seat.present_token("mallory")
        assert isinstance(on_stage.error, Forbidden)


async def test_a_membership_that_is_gone_ends_it_at_the_next_token() -> None:
    async with scene() as on_stage:
        await on_stage.attach()
        on_stage.register.role = None
        on_stage.seat.present_token("alice")
        assert isinstance(await on_stage.ended(), Forbidden)


TALK, ALICE = DocumentId("talk"), UserId("alice")


async def test_a_changed_role_counts_at_once_and_is_told() -> None:
    async with scene() as on_stage:
        await on_stage.attach()
        peer = on_stage.room.peer
        assert peer is not None
        on_stage.register.role = Role.VIEWER
        on_stage.seating.on_changed(DocumentId("another"), ALICE)
        on_stage.seating.on_changed(TALK, UserId("bob"))
        assert on_stage.register.asked == 1
        on_stage.seating.on_changed(TALK, ALICE)
        await on_stage.host.until(lambda: on_stage.host.attached == [Role.OWNER, Role.VIEWER])
        assert peer.identity.role is Role.VIEWER
        assert on_stage.register.asked == 2


async def test_a_membership_that_is_ended_ends_it_at_once() -> None:
    async with scene() as on_stage:
        await on_stage.attach()
        on_stage.register.role = None
        on_stage.seating.on_changed(TALK, ALICE)
        assert isinstance(await on_stage.ended(), Forbidden)


async def test_a_membership_that_is_ended_while_it_opens_does_not_open() -> None:
    async with scene() as on_stage:
        on_stage.register.gate.clear()
        on_stage.seat.present_token("alice")
        await until(lambda: on_stage.register.asked)
        on_stage.register.role = None
        on_stage.seating.on_changed(TALK, ALICE)
        on_stage.register.gate.set()
        assert isinstance(await on_stage.ended(), Forbidden)
        assert on_stage.host.attached == []


async def test_a_role_that_is_changed_again_meanwhile_is_looked_up_again() -> None:
    async with scene() as on_stage:
        await on_stage.attach()
        on_stage.register.gate.clear()
        on_stage.register.role = Role.VIEWER
        on_stage.seating.on_changed(TALK, ALICE)
        await until(lambda: on_stage.register.asked == 2)
        on_stage.register.role = None
        on_stage.seating.on_changed(TALK, ALICE)
        on_stage.register.gate.set()
        assert isinstance(await on_stage.ended(), Forbidden)


async def test_keep_alives_go_to_who_can_take_them() -> None:
    async with scene() as on_stage:
        on_stage.seat.keep_alive()
        assert on_stage.host.written == []
        await on_stage.attach()
        on_stage.seat.keep_alive()
        on_stage.host.congested = True
        on_stage.seat.keep_alive()
        assert on_stage.host.written == [b"\x82\x08\x04talk\x01\x01\x00"]


async def test_a_quiet_device_whose_count_is_doubtful_connects_anew() -> None:
    async with scene() as on_stage:
        owed = on_stage.host.owed
        await on_stage.attach()
        owed.on_step1({})
        owed.accepted(owed.on_update(), ())
        assert owed.doubtful
        for _ in range(5):
            on_stage.seat.take(Update(b"busy"), 10)
            on_stage.seat.on_tick(0)
        assert on_stage.error is None
        for _ in range(3):
            on_stage.seat.on_tick(0)
        assert isinstance(on_stage.error, Resync)


async def test_a_quiet_device_without_doubt_stays() -> None:
    async with scene() as on_stage:
        await on_stage.attach()
        for _ in range(10):
            on_stage.seat.on_tick(0)
        assert on_stage.error is None
