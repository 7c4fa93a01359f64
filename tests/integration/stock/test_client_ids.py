"""A client id belongs to the user who first used it in a document."""

import pytest

from devices import DeviceHost, Dialect
from segue.auth.grants import Role
from servers import SegueServer
from settled import assert_settled

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("dialect", ["y-websocket", "hocuspocus"])
async def test_a_foreign_device_cannot_write_under_a_sleepers_client_id(
    host: DeviceHost, server: SegueServer, session: str, dialect: Dialect
) -> None:
    sleeper = await host.open(dialect, server.url, session, server.token("alice"))
    await sleeper.edit((0, 0, "awake"))
    await sleeper.wait(settled=True, synced=True)
    await host.each("offline", [sleeper])
    await sleeper.edit((5, 0, " and dreaming"))

    may_edit = server.token("mallory", sessions={session: Role.EDITOR})
    thief = await host.open(dialect, server.url, session, may_edit)
    await thief.wait(synced=True)
    forged = [[5, 0, " no more......"]]
    await thief.call("forge", client=sleeper.client, root="text", patches=forged)
    await thief.wait(stopped=True)

    await host.each("online", [sleeper])
    await sleeper.wait(synced=True, settled=True)
    witness = await host.open(dialect, server.url, session, server.token("alice"))
    await witness.wait(contains={"root": "text", "text": "awake and dreaming"})
    assert await witness.text() == "awake and dreaming"
    await assert_settled(host, server.dsn, session, [sleeper, witness])
