"""Random people with random luck, from seeds: in the end all see the same, and nothing is missing.

A seed that fails is kept below as a test with a name that says what it found.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from pycrdt import Doc, Map, Text

from conversations import assert_kept
from devices import Device, DeviceHost
from servers import PostgresServer, SegueServer
from settled import assert_all_acknowledged, assert_settled
from spoiling import spoil
from stored import Stored, frozen_log, keep_all_rows, read_all_rows

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

STEPS = 8
BACK_OFF_S = 60
"""What a Hocuspocus client may wait before it finds out that its network is back."""

FLOOD = 1500
DIALECTS = ("y-websocket", "hocuspocus", "hocuspocus", "y-websocket", "hocuspocus", "y-websocket")


@pytest.fixture(scope="module")
async def server(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SegueServer]:
    """A server that writes snapshots all the time, so that they fall into the middle of everything."""
    folder: Path = tmp_path_factory.mktemp("server")
    address = await postgres.new_database()
    async with SegueServer.started(
        folder, database_url=address, SEGUE_SNAPSHOT_EVERY="7", SEGUE_ROOM_GRACE="50ms"
    ) as started:
        await keep_all_rows(address)
        yield started


class World:
    """The devices of one seed, and what may happen to them."""

    def __init__(self, seed: int, server: SegueServer, session: str, devices: list[Device]) -> None:
        self.fate = random.Random(seed)
        self.server = server
        self.devices = devices
        self.host = devices[0].host
        self.session = session
        # A stock Hocuspocus client that sends an edit twice counts it once and is answered twice.
        self.miscounting: set[str] = set()

    async def step(self) -> None:
        """Lets people type, and now and then something else happen, all at once."""
        events: tuple[Callable[[], Awaitable[None]], ...] = (
            self.cut,
            self.take_offline,
            self.bring_online,
            self.repeat_frames,
            self.kill_a_worker,
            self.someone_new,
            self.restart_server,
        )
        weights = (4, 3, 3, 2, 3, 1, 1)
        async with anyio.create_task_group() as tasks:
            for device in self.some(4):
                tasks.start_soon(self.type_a_while, device)
            (event,) = self.fate.choices(events, weights)
            tasks.start_soon(event)
        await self.look()

    async def look(self) -> None:
        """Between any two commits, all that was acknowledged is stored."""
        async with frozen_log(self.server.dsn, self.session) as stored:
            devices = [device for device in self.devices if device.id not in self.miscounting]
            await assert_all_acknowledged(self.host, stored, devices)

    def some(self, most: int) -> list[Device]:
        return self.fate.sample(self.devices, self.fate.randint(1, most))

    async def type_a_while(self, device: Device) -> None:
        count, seed = self.fate.randint(3, 60), self.fate.randrange(2**32)
        say = {"share": 0.04, "user": "alice", "text": "🙂 hello"}
        await device.call("type", root="text", seed=seed, count=count, window=10**6, say=say)

    async def cut(self) -> None:
        await self.host.each("cut", self.some(3))

    async def take_offline(self) -> None:
        await self.host.each("offline", self.some(2))

    async def bring_online(self) -> None:
        await self.host.each("online", self.devices)

    async def repeat_frames(self) -> None:
        for device in self.some(2):
            if device.dialect == "hocuspocus":
                self.miscounting.add(device.id)
            await device.call("repeat", share=0.3, seed=self.fate.randrange(2**32))

    async def kill_a_worker(self) -> None:
        if workers := self.server.workers():
            self.fate.choice(workers).kill()

    async def someone_new(self) -> None:
        first = self.devices[0]
        again = await self.host.call("reopen", id=first.id)
        self.devices[0] = Device(self.host, first.id, first.dialect, again["client"])

    async def restart_server(self) -> None:
        await self.server.restart()

    async def new_generation(self) -> None:
        """Has the session written anew while people type: all that was acknowledged is in it.

        All know it before: who never did has nothing old, and just joins.
        """
        await self.bring_online()
        await self.host.wait_all(self.devices, BACK_OFF_S, synced=True)
        await self.take_offline()
        async with anyio.create_task_group() as tasks:
            for device in self.some(4):
                tasks.start_soon(self.type_a_while, device)
            await spoil(self.server, self.session, first_client=10)
        former = await read_all_rows(self.server.dsn, self.session)
        async with frozen_log(self.server.dsn, self.session) as fresh:
            devices = [device for device in self.devices if device.id not in self.miscounting]
            await assert_all_acknowledged(self.host, Stored(0, 0, former), devices)
            assert content_of(fresh.updates) == content_of(former)

    async def reload_all(self) -> list[Any]:
        """Does what 4412 says, on every device; gives what they had seen."""
        await self.bring_online()
        await self.host.wait_all(self.devices, BACK_OFF_S, stopped=True)
        seen: list[Any] = await self.host.call("witnessed", ids=[each.id for each in self.devices])
        for device in self.devices:
            await device.call("close")
        self.miscounting.clear()
        token = self.server.token("alice")
        self.devices = await self.host.open_all(DIALECTS, self.server.url, self.session, token)
        await self.host.each("witness", self.devices)
        return seen


def content_of(updates: Sequence[bytes]) -> object:
    """Gives what people wrote."""
    doc: Doc[Any] = Doc()
    for update in updates:
        doc.apply_update(update)
    return str(doc.get("text", type=Text)), doc.get("messages", type=Map).to_py()


async def play(
    host: DeviceHost, server: SegueServer, session: str, seed: int, rewritten_after: int = STEPS
) -> None:
    devices = await host.open_all(DIALECTS, server.url, session, server.token("alice"))
    await host.each("witness", devices)
    world = World(seed, server, session, devices)
    seen = []
    for number in range(STEPS):
        if number == rewritten_after:
            await world.new_generation()
            seen = await world.reload_all()
        await world.step()
    await world.bring_online()
    await assert_settled(host, server.dsn, session, world.devices, timeout_s=40)
    ids = [device.id for device in world.devices]
    roots = await world.devices[1].roots()
    assert roots["messages"]
    assert_kept(roots, [*seen, *await host.call("witnessed", ids=ids)])
    for device in world.devices:
        assert (await device.summary())["stop"] is None
        (await device.text()).encode()  # no half of a surrogate pair


@pytest.mark.parametrize("seed", range(20))
async def test_all_converge(host: DeviceHost, server: SegueServer, session: str, seed: int) -> None:
    await play(host, server, session, seed)


@pytest.mark.parametrize("seed", range(3))
async def test_all_converge_with_a_new_generation_in_the_middle(
    host: DeviceHost, server: SegueServer, session: str, seed: int
) -> None:
    await play(host, server, session, 100 + seed, rewritten_after=STEPS // 2)


async def test_snapshots_in_the_middle_of_a_flood_lose_nothing(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    """Dozens of edits share a row, and a snapshot falls between two of them."""
    devices = await host.open_all(DIALECTS[:4], server.url, session, server.token("alice"))
    await host.wait_all(devices, synced=True)
    for number, device in enumerate(devices):
        how = {"seed": number, "count": FLOOD, "append": f"{number}:", "window": 100}
        await device.call("type", root=f"text-{number}", wait=False, **how)
    for share in range(1, 11):
        for device in devices:
            await device.wait(40, made=FLOOD * share // 10)
        async with frozen_log(server.dsn, session) as stored:
            await assert_all_acknowledged(host, stored, devices)
    stored = await assert_settled(host, server.dsn, session, devices)
    assert stored.snapshot_position > 0
