"""Python programs among stock clients, with random luck: all see the same, saved means stored."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devices import Device, DeviceHost
from segue import Session
from segue.document.local import LocalReplica
from servers import PostgresServer, SegueServer
from settled import assert_settled
from spoiling import spoil
from stored import read_stored

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

STEPS = 12
BACK_OFF_S = 60
"""What a Hocuspocus client may wait before it finds out that its network is back."""

DIALECTS = ("y-websocket", "hocuspocus", "hocuspocus", "y-websocket")
TEXT = "artifact:text"
LETTERS = "abc é👩‍👩‍👧\n"


@pytest.fixture(scope="module")
async def server(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SegueServer]:
    folder: Path = tmp_path_factory.mktemp("server")
    address = await postgres.new_database()
    async with SegueServer.started(
        folder, database_url=address, SEGUE_SNAPSHOT_EVERY="7", SEGUE_ROOM_GRACE="50ms"
    ) as started:
        yield started


class World:
    """Who takes part in one seed, and what may happen to them."""

    def __init__(
        self, seed: int, server: SegueServer, devices: list[Device], programs: list[Session]
    ) -> None:
        self.fate = random.Random(seed)
        self.server = server
        self.devices = devices
        self.host = devices[0].host
        self.programs = programs
        self.said: set[str] = set()

    async def step(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for device in self.fate.sample(self.devices, 2):
                tasks.create_task(self.type_a_while(device))
            for program in self.programs:
                tasks.create_task(self.write(program))
            event = self.fate.choice(
                (self.cut, self.cut, self.offline, self.online, self.kill_a_worker, self.restart)
            )
            tasks.create_task(event())

    async def type_a_while(self, device: Device) -> None:
        count, seed = self.fate.randint(3, 30), self.fate.randrange(2**32)
        await device.call("type", root=TEXT, seed=seed, count=count, window=10**6)

    async def write(self, program: Session) -> None:
        for _ in range(self.fate.randint(1, 8)):
            text = program.artifact("text")
            whole = [*text]
            at = self.fate.randint(0, len(whole))
            whole[at : at + self.fate.choice((0, 0, 1))] = self.fate.choice(LETTERS)
            await program.write_artifact("text", "".join(whole))
            if self.fate.random() < 0.3:
                self.said.add((await program.add_message("user", "hi")).id)
            await asyncio.sleep(0)
        if self.fate.random() < 0.3:
            await self.save(program)

    async def save(self, program: Session) -> None:
        said = {message.id for message in program.messages}
        await program.save()
        stored = await read_stored(self.server.dsn, program.id)
        replayed = LocalReplica()
        for update in stored.updates:
            replayed.receive(update)
        missing = said - {message.id for message in replayed.history()}
        assert not missing, "saved and not stored"

    async def cut(self) -> None:
        await self.host.each("cut", self.fate.sample(self.devices, 2))
        program = self.fate.choice(self.programs)
        program._life.cancel()
        await asyncio.wait([program._life])
        program._connection._is_flowing = False
        program._life = asyncio.get_running_loop().create_task(program._connection.run())

    async def offline(self) -> None:
        await self.host.each("offline", self.fate.sample(self.devices, 2))

    async def online(self) -> None:
        await self.host.each("online", self.devices)

    async def kill_a_worker(self) -> None:
        if workers := self.server.workers():
            self.fate.choice(workers).kill()

    async def restart(self) -> None:
        await self.server.restart()

    async def new_generation(self) -> None:
        """Has the session written anew while everybody writes; stock clients are then loaded again.

        All know it before: who never did has nothing old, and just joins.
        """
        await self.online()
        await self.host.wait_all(self.devices, BACK_OFF_S, synced=True)
        await self.offline()
        async with asyncio.TaskGroup() as tasks:
            for device in self.fate.sample(self.devices, 2):
                tasks.create_task(self.type_a_while(device))
            for program in self.programs:
                tasks.create_task(self.write(program))
            tasks.create_task(spoil(self.server, self.programs[0].id, first_client=10))
        await self.online()
        await self.host.wait_all(self.devices, BACK_OFF_S, stopped=True)
        for device in self.devices:
            await device.call("close")
        token = self.server.token("alice")
        self.devices = await self.host.open_all(
            DIALECTS, self.server.url, self.programs[0].id, token
        )


@pytest.mark.parametrize("seed", range(4))
async def test_programs_converge_with_everybody(
    host: DeviceHost, server: SegueServer, session: str, seed: int
) -> None:
    await play(host, server, session, seed)


@pytest.mark.parametrize("seed", range(2))
async def test_programs_converge_with_a_new_generation_in_the_middle(
    host: DeviceHost, server: SegueServer, session: str, seed: int
) -> None:
    await play(host, server, session, 100 + seed, rewritten_after=STEPS // 2)


async def play(
    host: DeviceHost, server: SegueServer, session: str, seed: int, rewritten_after: int = STEPS
) -> None:
    here = {"url": server.url, "token": server.token("alice")}
    devices = await host.open_all(DIALECTS, server.url, session, server.token("alice"))
    programs = [await Session.create(session_id=session, **here) for _ in range(2)]
    world = World(seed, server, devices, programs)
    for number in range(STEPS):
        if number == rewritten_after:
            await world.new_generation()
        await world.step()
    await world.online()
    for program in programs:
        await world.save(program)
    await assert_settled(host, server.dsn, session, world.devices, timeout_s=40)
    hashes = await host.equal(world.devices)
    for program in programs:
        await assert_equal(host, program, hashes)
        assert world.said == {message.id for message in program.messages}
        assert [m.seq for m in program.messages] == list(range(1, len(world.said) + 1))
        await program.close()


async def assert_equal(host: DeviceHost, program: Session, hashes: object) -> None:
    """Waits until a program holds what all devices hold: inserts, deletes and content."""
    async with asyncio.timeout(30):
        while True:
            news = program._news
            held = await host.fold([program._replica.state(b"\x00")])
            if {"content": held["content"], "state": held["state"]} == hashes:
                return
            await news.wait()
