"""People in several sessions who write all the while, and what has to hold of what they were told.

The checker of all fault scenarios. Each device writes down what it sent, what was acknowledged
(ledger.mjs) and what it saw of the conversation (witness.mjs); Postgres keeps every row that was ever
committed, in a table of the tests' own. At any moment: what was acknowledged, and what was shown to
anybody else, is in the log; snapshot and tail replay to the same as all rows. In the end: all devices
hold the same, and it is what is stored.
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import anyio
from tally import Tally

from conversations import assert_kept
from devices import Device, DeviceHost, Stock
from postgres_proxy import PostgresProxy
from servers import PostgresServer, SegueServer, new_session
from settled import assert_settled
from stored import Stored, frozen_log, read_all_rows

STOCKS: tuple[Stock, ...] = ("hocuspocus", "y-websocket")
AGENTS = Path(__file__).parents[1] / "integration" / "agents" / "agents_for_tests"
SETTINGS = {
    "SEGUE_AGENT": "counting:Counting",
    "PYTHONPATH": str(AGENTS),
    # All devices are one person's, on one machine.
    "SEGUE_MAX_SOCKETS_PER_USER": "2000",
    "SEGUE_MAX_SOCKETS_PER_ADDRESS": "2000",
    # Compactions fall into the middle of everything.
    "SEGUE_SNAPSHOT_EVERY": "25",
}

HZ = 6
SAID = 0.04
"""Share of messages among edits; the others are strokes in a text and entries of a map."""

COUNT_TO = 12
USER = "alice"
PATIENCE_S = 100

PER_CROWD = 5
"""Rounds with the same people: texts that grow for ever would only make later rounds slower."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a scenario plays with. The server reaches its database through the proxy, tests past it."""

    host: DeviceHost
    postgres: PostgresServer
    proxy: PostgresProxy
    server: SegueServer
    dsn: str
    tally: Tally


class Crowd:
    """The devices of some sessions. Made by `gather`."""

    def __init__(self, scene: Scene, seed: int, rooms: Mapping[str, list[Device]]) -> None:
        self.fate = random.Random(seed)
        self.rooms = rooms
        self.devices = [device for devices in rooms.values() for device in devices]
        self._scene = scene
        self._host = scene.host
        self._dsn = scene.dsn

    async def type(self, hz: int = HZ) -> None:
        """Has everybody write until `settle`."""
        say = {"share": SAID, "user": USER, "text": str(COUNT_TO)}
        for device in self.devices:
            how = {"seed": self.fate.randrange(2**32), "replace": device.dialect == "hocuspocus"}
            await device.call("type", root="text", hz=hz, say=say, **how)

    async def write_a_while(self) -> None:
        """Returns after a random number of acknowledgements, some within the very turn of one."""
        device = self.fate.choice(self.devices)
        known = (await device.summary())["told"]
        await device.wait(PATIENCE_S, told=known + self.fate.randrange(3, 15))

    async def write_on(self, edits: int) -> list[int]:
        """Waits until each has made so many more; gives how often each was told that it is safe."""
        async with anyio.create_task_group() as tasks:
            for device in self.devices:
                made = (await device.summary())["made"]
                tasks.start_soon(_wait, device, {"made": made + edits})
        return [(await device.summary())["told"] for device in self.devices]

    async def carry_on(self) -> None:
        """Returns once each was told anew that something is safe."""
        async with anyio.create_task_group() as tasks:
            for device in self.devices:
                known = (await device.summary())["told"]
                tasks.start_soon(_wait, device, {"told": known + 1})

    async def all_gone(self) -> None:
        """Returns once nobody is connected: nobody can be told anything."""
        await self._host.wait_all(self.devices, connected=False)

    async def look(self) -> None:
        """Checks every session at a moment in which nothing is committed to it."""
        for session, devices in self.rooms.items():
            async with frozen_log(self._dsn, session) as stored:
                await self._check(session, stored, devices)

    async def _check(self, session: str, stored: Stored, devices: Sequence[Device]) -> None:
        found = await self._host.fold(stored.updates, devices)
        lost = sum(device["lost"] for device in found["missing"])
        self._scene.tally.lost += lost
        assert lost == 0, f"acknowledged and not stored: {found['missing']}"
        assert not found["early"], found["early"]
        assert not found["pending"], "a row builds on something that isn't stored"
        every = await self._host.fold(await read_all_rows(self._dsn, session))
        assert (every["content"], every["state"]) == (found["content"], found["state"]), (
            "snapshot and tail replay to something else than all rows"
        )

    async def settle(self) -> None:
        """Ends the writing; returns once all is saved, answered and equal everywhere, and checked."""
        for device in self.devices:
            await device.call("stop_typing")
        await self._host.wait_all(self.devices, PATIENCE_S, quiet=True)
        for session, devices in self.rooms.items():
            stored = await assert_settled(self._host, self._dsn, session, devices, PATIENCE_S)
            await self._check(session, stored, devices)
            ids = [device.id for device in devices]
            witnessed = await self._host.call("witnessed", ids=ids)
            assert_kept(await devices[0].roots(), witnessed)
        for device in self.devices:
            summary = await device.summary()
            assert summary["stop"] is None, summary
            self._scene.tally.acknowledged += summary["acknowledged"]

    async def leave(self) -> None:
        """Closes every device."""
        for device in self.devices:
            await device.call("close")


Deed = Callable[[Crowd], Awaitable[None]]


async def play(scene: Scene, deed: Deed, **gathered: Any) -> None:
    """Plays a scenario's rounds: all write, the deed is done, what was promised is checked.

    New people come after every few rounds, with texts that are short again.
    """
    tally = scene.tally
    while tally.left:
        crowd = await gather(scene, seed=tally.rounds, **gathered)
        await crowd.type()
        for _ in range(min(PER_CROWD, tally.left)):
            await crowd.write_a_while()
            await deed(crowd)
            await crowd.look()
            tally.rounds += 1
        await crowd.settle()
        await crowd.leave()


async def gather(
    scene: Scene, seed: int, *, rooms: int = 4, devices: int = 20, url: str | None = None
) -> Crowd:
    """Opens new sessions with devices of both dialects, and waits until they are there."""
    gathered = {}
    stocks = cycle(STOCKS)
    address, token = url or scene.server.url, scene.server.token(USER)
    for number in range(rooms):
        size = devices * (number + 1) // rooms - devices * number // rooms
        session = new_session()
        opened = await scene.host.open_all(tuple(islice(stocks, size)), address, session, token)
        await scene.host.each("witness", opened)
        gathered[session] = opened
    crowd = Crowd(scene, seed, gathered)
    await scene.host.wait_all(crowd.devices, PATIENCE_S, synced=True)
    return crowd


async def _wait(device: Device, until: Mapping[str, Any]) -> None:
    await device.wait(PATIENCE_S, **until)
