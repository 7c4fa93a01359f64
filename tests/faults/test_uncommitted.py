"""What is not committed is shown to nobody, acknowledged to nobody."""

import pytest

from devices import Device, DeviceHost, Dialect
from servers import SegueServer
from settled import assert_settled
from stored import frozen_log
from waiting import until_a_commit_waits

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("dialect", ["y-websocket", "hocuspocus"])]

BASE = "committed. "
SECRET_PART = "uncommitted"


async def open_with_base(
    host: DeviceHost, server: SegueServer, session: str, dialect: Dialect
) -> tuple[Device, Device]:
    token = server.token("alice")
    writer, sleeper = await host.open_all((dialect, "hocuspocus"), server.url, session, token)
    await writer.edit((0, 0, BASE))
    await sleeper.wait(contains={"root": "text", "text": BASE})
    await writer.wait(saved=True, settled=True)
    await host.each("offline", [sleeper])
    await sleeper.wait(connected=False)
    return writer, sleeper


async def greeted(device: Device) -> None:
    """Returns once the server has shown its vector on a new connection; that is before any state."""
    await device.wait(received={"step1": 1})


async def test_joiners_and_returning_devices_see_only_what_is_committed(
    host: DeviceHost, server: SegueServer, session: str, dialect: Dialect
) -> None:
    writer, sleeper = await open_with_base(host, server, session, dialect)
    watcher = await host.open("y-websocket", server.url, session, server.token("alice"))
    await watcher.wait(synced=True)
    async with frozen_log(server.dsn, session):
        await writer.edit((len(BASE), 0, SECRET_PART))
        await until_a_commit_waits(server.dsn)
        known = (await writer.summary())["acknowledged"]
        joiner = await host.open(dialect, server.url, session, server.token("alice"))
        await host.each("mark", [writer, sleeper])
        await host.each("online", [sleeper])
        await host.each("cut", [writer])
        await greeted(joiner)
        await greeted(sleeper)
        await greeted(writer)
        for _ in range(20):
            # Whatever they ask for now, they get no answer that holds what isn't committed.
            await writer.edit((len(BASE), 0, "."))
            for device in (joiner, sleeper, watcher):
                assert await device.text() in ("", BASE)
            summary = await writer.summary()
            assert summary["acknowledged"] == known
            assert summary["unsynced"] > 0
    await assert_settled(host, server.dsn, session, [writer, sleeper, joiner, watcher])
    assert SECRET_PART in await joiner.text()
    first_shown = (await joiner.call("read"))["first_sync"]
    assert first_shown["text"].startswith(BASE), "an unfinished document was called synced"


async def test_what_was_in_flight_when_the_server_died_is_saved_by_its_writer(
    host: DeviceHost, server: SegueServer, session: str, dialect: Dialect
) -> None:
    writer, sleeper = await open_with_base(host, server, session, dialect)
    async with frozen_log(server.dsn, session):
        await writer.edit((len(BASE), 0, SECRET_PART))
        await until_a_commit_waits(server.dsn)
        server.kill()
        await writer.wait(connected=False)
        assert (await writer.summary())["unsynced"] > 0
    await server.start()
    await host.each("online", [sleeper])
    await assert_settled(host, server.dsn, session, [writer, sleeper], timeout_s=40)
    assert await sleeper.text() == BASE + SECRET_PART
