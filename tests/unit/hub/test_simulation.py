"""Seeded runs of a whole hub against everything its ports allow to happen, at every moment.

Each run: several devices of both dialects, two of them on one connection, write, stall, leave and
come back, while workers die, batches conflict, loads and snapshots fail. The devices and the outboxes
check each single message (`hub_devices`); the end is checked here. A failing seed fails again.
"""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hub_devices import Device, Line
from hub_ports import KILLER, Log, Workers
from pycrdt import Doc, Map, Text
from virtual_time import run, time_passes, turns

from segue.document.edits import AddMessage, Author
from segue.document.views import ViewMessages
from segue.errors import Overloaded, RefusedUpdate, Restarting, StartOver, StorageUnavailable
from segue.hub.hub import Hub
from segue.hub.options import HubOptions
from segue.ids import DocumentId, UserId
from segue.wire.messages import QueryAwareness, SyncStep2, Update

DOCUMENT = DocumentId("talk")
OPTIONS = HubOptions(snapshot_every_rows=5, grace_s=10, max_batch_bytes=100)
SEEDS = 300
STEPS = 250
PATIENCE = 20
TRY_AGAIN = (Overloaded, Restarting, StorageUnavailable)


class World:
    def __init__(
        self, hub: Hub, workers: Workers, log: Log, calls: asyncio.TaskGroup, seed: int
    ) -> None:
        self.hub = hub
        self.calls = calls
        self.message = 0
        self.workers = workers
        self.log = log
        self.stored = log.document(DOCUMENT)
        self.random = random.Random(seed)
        self.client = 0
        self.letter = 0
        self.is_full = False
        self.devices = [
            self._device("alice", ""),
            self._device("alice", "talk"),
            self._device("bob", "talk\0one"),
            self._device("bob", "talk\0two"),
            self._device("carol", ""),
        ]
        self.robbed: set[Device] = set()

    def _device(self, user: str, name: str) -> Device:
        return Device(
            self.hub, DOCUMENT, self.stored, user=user, name=name, client=self.new_client()
        )

    def new_client(self) -> int:
        self.client += 1
        return self.client

    # -- what can happen -------------------------------------------------------------------------

    def _somebody(self, condition: Callable[[Device], bool]) -> Device | None:
        able = [device for device in self.devices if condition(device)]
        return self.random.choice(able) if able else None

    def edit(self) -> None:
        device = self.random.choice(self.devices)
        device.edit(self.random.choice([self._insert, self._insert, self._set, self._cut]))

    def _insert(self, device: Device) -> None:
        self.letter += 1
        at = self.random.randint(0, len(device.text))
        device.text.insert(at, f"{chr(97 + self.letter % 26)}" * self.random.randint(1, 3))

    def _set(self, device: Device) -> None:
        device.map[self.random.choice("xyz")] = self.random.random()

    def _cut(self, device: Device) -> None:
        # Of deletes alone a Hocuspocus client can't be told apart what it queued: see `owed`.
        if len(device.text) and (device.is_connected or not device.name):
            at = self.random.randrange(len(device.text))
            del device.text[at]

    def say(self) -> None:
        self.message += 1
        name = f"m{self.message}"
        self.random.choice(self.devices).edit(lambda device: device.say(name))

    def call(self) -> None:
        """What HTTP does: a message of its own, or a look."""
        self.calls.create_task(self.random.choice([self._post, self._look])())

    async def _post(self) -> None:
        self.message += 1
        name = f"m{self.message}"
        author = Author("user", UserId("dave"))
        with suppress(*TRY_AGAIN):
            await self.hub.edit(DOCUMENT, AddMessage(name, "user", author, 0, ()))
            assert "seq" in messages_of(self.stored.doc)[name], "told too early"

    async def _look(self) -> None:
        with suppress(*TRY_AGAIN):
            page = json.loads(await self.hub.view(DOCUMENT, ViewMessages(50)))
            committed = messages_of(self.stored.doc)
            assert all(
                committed[message["id"]]["seq"] == message["seq"] for message in page["messages"]
            )

    def connect(self) -> None:
        if device := self._somebody(lambda each: not each.is_connected):
            self._connect(device)

    def _connect(self, device: Device) -> None:
        line = Line(lambda: self.is_full and self.random.random() < 0.1)
        partner = {2: 3, 3: 2}.get(self.devices.index(device))
        if partner is not None and (other := self.devices[partner].outbox) is not None:
            line = other.line
        device.connect(line)

    def disconnect(self) -> None:
        if device := self._somebody(lambda each: each.is_connected):
            device.disconnect()

    def deliver(self) -> None:
        if device := self._somebody(lambda each: bool(each.to_server)):
            device.deliver_to_server(self.random.randint(1, 4))
            self.tidy()

    def read(self) -> None:
        if device := self._somebody(
            lambda each: each.outbox is not None and bool(each.outbox.said)
        ):
            device.read(self.random.randint(1, 4))

    def lose_message(self) -> None:
        """What no TCP does, but a document that was put back to an earlier state would look like."""
        device = self._somebody(lambda each: not each.name and bool(each.to_server))
        if device is not None and isinstance(device.to_server[-1], Update):
            device.to_server.pop()
            self.robbed.add(device)

    def sync_again(self) -> None:
        def able(device: Device) -> bool:
            # Statuses under way while the number is set: see `owed`, "not covered".
            settled = device.unsynced == 0 and not device.to_server
            return device.is_connected and (not device.name or settled)

        if device := self._somebody(able):
            device.send_step1()

    def query(self) -> None:
        if device := self._somebody(lambda each: each.is_connected):
            device.to_server.append(QueryAwareness())

    def offend(self) -> None:
        if device := self._somebody(lambda each: each.is_connected and not each.to_server):
            bad = self.random.choice([b"\xff", KILLER, b"\x01\x01\x05"])
            device.to_server.append(self.random.choice([Update, SyncStep2])(bad))

    def work(self) -> None:
        if self.workers.busy:
            self.workers.step(self.random.choice(self.workers.busy))
            self.tidy()

    def kill_worker(self) -> None:
        for document in list(self.workers.open_now):
            self.workers.lose(document)

    def turn_proof(self) -> None:
        """Has the document differ from its reload, now and then: it is written anew."""
        self.workers.snapshots_unproven = not self.workers.snapshots_unproven

    def take(self) -> None:
        self.log.take()

    def settle(self) -> None:
        if self.log.taken:
            self.log.settle(self.random.choice(list(self.log.taken)))

    def write_elsewhere(self) -> None:
        def add(doc: Doc[Any]) -> None:
            text = doc.get("text", type=Text)
            text += "."

        self.stored.write_elsewhere(add)

    def let_load(self) -> None:
        if self.log.loads:
            self.log.let_load(self.random.randrange(len(self.log.loads)))

    def let_save(self) -> None:
        if self.log.saves:
            self.log.let_save()

    def turn_storage(self) -> None:
        self.log.is_away = not self.log.is_away

    def turn_congestion(self) -> None:
        self.is_full = not self.is_full

    def congest(self) -> None:
        if device := self._somebody(lambda e: e.outbox is not None and not e.outbox.line.congested):
            assert device.outbox is not None
            device.outbox.line.congest()

    # -- -----------------------------------------------------------------------------------------

    def tidy(self) -> None:
        """Has the devices do what their close code tells them."""
        for device in self.devices:
            outbox = device.outbox
            if outbox is None or outbox.error is None:
                continue
            device.outbox = None
            device.to_server.clear()
            assert not isinstance(outbox.error, Overloaded)
            if 4400 <= outbox.error.close_code < 4500:
                assert isinstance(outbox.error, RefusedUpdate | StartOver), outbox.error
                device.start_over(self.new_client())

    async def step(self) -> None:
        doings: list[tuple[Callable[[], None], int]] = [
            (self.edit, 20),
            (self.say, 4),
            (self.call, 2),
            (self.deliver, 25),
            (self.read, 25),
            (self.work, 40),
            (self.take, 12),
            (self.settle, 12),
            (self.let_load, 6),
            (self.let_save, 3),
            (self.connect, 6),
            (self.disconnect, 2),
            (self.congest, 3),
            (self.turn_congestion, 2),
            (self.query, 2),
            (self.sync_again, 2),
            (self.lose_message, 1),
            (self.offend, 1),
            (self.kill_worker, 2),
            (self.turn_proof, 1),
            (self.write_elsewhere, 1),
            (self.turn_storage, 1),
        ]
        doing = self.random.choices([d for d, _ in doings], [w for _, w in doings])[0]
        doing()
        await turns(self.random.randint(0, 3))
        if self.random.random() < 0.02:
            await time_passes(self.random.uniform(0, 15))
        self.tidy()

    async def come_to_rest(self) -> None:
        self.log.is_away = self.is_full = self.workers.snapshots_unproven = False
        for device in self.robbed:  # only a new connection finds out that its last words got lost
            if device.is_connected:
                device.disconnect()
        for device in self.devices:
            if not device.is_connected:
                self._connect(device)
        for _ in range(PATIENCE):
            if not await self.go_on():
                return
            self.tidy()
            for device in self.devices:
                if not device.is_connected:
                    self._connect(device)
        raise AssertionError("it never comes to rest")

    async def go_on(self) -> bool:
        """Lets everything through that waits; tells whether there was something."""
        await time_passes(3)
        was_busy = bool(self.log.loads or self.log.saves or self.workers.busy or self.log.raised)
        while self.log.loads:
            self.let_load()
        while self.log.saves:
            self.let_save()
        self.workers.work()
        self.log.commit()
        for device in self.devices:
            if device.outbox is not None and device.outbox.error is None:
                was_busy |= bool(device.outbox.said or device.to_server or self.log.taken)
                device.read()
                device.deliver_to_server()
        return was_busy or any(device.outbox is None for device in self.devices)


async def simulate(seed: int) -> None:
    workers, log = Workers(), Log()
    async with Hub(workers, log, OPTIONS) as hub, asyncio.TaskGroup() as calls:
        world = World(hub, workers, log, calls, seed)
        for _ in range(STEPS):
            await world.step()
        await world.come_to_rest()
        _check_all_equal(world)
        for device in world.devices:
            device.disconnect()
        for _ in range(PATIENCE):
            await world.go_on()
            await time_passes(11)
        assert hub.room_count == 0
        assert hub.backlog.size_bytes == 0
        assert log.stored[DOCUMENT].snapshot_position == log.stored[DOCUMENT].position
        assert not workers.open_now


def _check_all_equal(world: World) -> None:
    stored = world.stored
    messages = messages_of(stored.doc)
    assert len({message["seq"] for message in messages.values()}) == len(messages)
    assert all(message["parent"] in (None, *messages) for message in messages.values())
    for device in world.devices:
        assert messages_of(device.doc) == messages
        assert device.told_saved <= messages.keys(), "acknowledged and lost"
        assert device.vector == stored.vector
        assert str(device.text) == str(stored.doc.get("text", type=type(device.text)))
        assert device.map.to_py() == stored.doc.get("map", type=type(device.map)).to_py()
        owed = device.peer.owed
        if owed is not None and not owed.doubtful:
            assert device.unsynced == 0, "it shows 'saving' for ever"
        others = {each.client for each in world.devices if each is not device}
        assert others <= device.others.keys()
    assert world.hub.backlog.size_bytes == 0


def messages_of(doc: Doc[Any]) -> dict[str, Any]:
    return doc.get("messages", type=Map).to_py() or {}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_nothing_is_lost_or_shown_too_early(seed: int) -> None:
    run(simulate(seed))
