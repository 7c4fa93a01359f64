"""One document of a hub and its devices, for tests that say what happens step by step."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from hub_devices import Device, Line, Outbox, Said
from hub_ports import Log, Stored, Workers
from virtual_time import run, time_passes, turns

from segue.auth.grants import Role
from segue.hub.hub import Hub
from segue.hub.options import HubOptions
from segue.hub.room import Room
from segue.ids import DocumentId

DOCUMENT = DocumentId("talk")


class Scene:
    def __init__(self, hub: Hub, workers: Workers, log: Log) -> None:
        self.hub = hub
        self.workers = workers
        self.log = log
        self.devices: list[Device] = []

    @property
    def stored(self) -> Stored:
        return self.log.document(DOCUMENT)

    @property
    def room(self) -> Room:
        return self.hub._rooms[DOCUMENT]

    def device(self, user: str = "alice", name: str = "") -> Device:
        client = len(self.devices) + 1
        device = Device(self.hub, DOCUMENT, self.stored, user=user, name=name, client=client)
        self.devices.append(device)
        return device

    async def join(
        self,
        user: str = "alice",
        name: str = "",
        role: Role = Role.OWNER,
        line: Line | None = None,
    ) -> Device:
        """Gives a device that is connected and has synced."""
        device = self.device(user, name)
        device.connect(line, role)
        await self.flow()
        return device

    async def load(self) -> None:
        """Lets the log be read, and the document be opened."""
        await turns()
        while self.log.loads:
            self.log.let_load()
            await turns()
        self.workers.work()

    def send(self) -> None:
        for device in self.devices:
            device.deliver_to_server()

    def read(self) -> None:
        for device in self.devices:
            if device.outbox is not None and not device.outbox.congested:
                device.read()

    async def flow(self) -> None:
        """Lets everything go its way, but for devices that read nothing."""
        for _ in range(8):
            await self.load()
            self.send()
            self.workers.work()
            self.log.commit()
            while self.log.saves:
                self.log.let_save()
                await turns()
            self.read()

    async def pass_grace(self) -> None:
        await time_passes(31)
        await self.flow()


@asynccontextmanager
async def scene(options: HubOptions | None = None) -> AsyncIterator[Scene]:
    workers, log = Workers(), Log()
    async with Hub(workers, log, options or HubOptions()) as hub:
        on_stage = Scene(hub, workers, log)
        yield on_stage
        for device in on_stage.devices:
            if device.is_connected:
                device.disconnect()
        log.is_away = False
        await on_stage.pass_grace()
        await on_stage.pass_grace()
        assert hub.room_count == 0, "a room never ends"
        assert hub.backlog.size_bytes == 0, "the backlog leaks"


Play = Callable[[Scene], Awaitable[None]]


def staged_with(options: HubOptions | None) -> Callable[[Play], Callable[[], None]]:
    """Runs a test on a scene of its own with these bounds, in virtual time."""

    def decorate(test: Play) -> Callable[[], None]:
        # No `wraps`: pytest would take the test's argument for a fixture.
        def play() -> None:
            async def act() -> None:
                async with scene(options) as on_stage:
                    await test(on_stage)

            run(act())

        play.__name__ = play.__qualname__ = test.__name__
        play.__doc__ = test.__doc__
        return play

    return decorate


staged = staged_with(None)


def type_text(text: str) -> Callable[[Device], None]:
    def change(device: Device) -> None:
        device.text += text

    return change


def kinds(outbox: Outbox | None) -> list[str]:
    assert outbox is not None
    return [said.kind for said in outbox.said]


def said(outbox: Outbox | None, kind: str) -> list[Said]:
    assert outbox is not None
    return [each for each in outbox.said if each.kind == kind]
