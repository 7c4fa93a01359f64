"""Several documents on one Hocuspocus socket: each is granted, refused and left on its own."""

import pytest

from devices import Device, DeviceHost
from servers import SegueServer, new_session
from settled import assert_settled

pytestmark = pytest.mark.anyio


async def open_beside(first: Device, server: SegueServer, session: str, user: str) -> Device:
    return await first.host.open(
        "hocuspocus", server.url, session, server.token(user), beside=first.id
    )


async def test_one_document_is_refused_and_the_others_live_on(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    foreign = new_session()
    owner = await host.open("hocuspocus", server.url, foreign, server.token("bob"))
    await owner.wait(synced=True)
    first = await host.open("hocuspocus", server.url, session, server.token("alice"))
    refused = await open_beside(first, server, foreign, "alice")
    second = await open_beside(first, server, new_session(), "alice")
    await refused.wait(stopped=True)
    await host.wait_all([first, second], synced=True)
    for device in (first, second):
        await device.edit((0, 0, f"by {device.id}"))
    await host.wait_all([first, second], saved=True)
    assert (await first.summary())["opened"] == 1
    assert await owner.roots() == {}
    await assert_settled(host, server.dsn, session, [first])


async def test_a_document_that_is_left_goes_quiet_and_the_others_go_on(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    first = await host.open("hocuspocus", server.url, session, server.token("alice"))
    left_session = new_session()
    left = await open_beside(first, server, left_session, "alice")
    other = await host.open("y-websocket", server.url, left_session, server.token("alice"))
    for device in (first, left, other):
        await device.call("present", state={"label": device.id})
    await other.wait(present={"label": left.id})
    await left.call("close")
    await other.wait(others=0)
    await first.edit((0, 0, "still here"))
    summary = await first.wait(saved=True)
    assert summary["opened"] == 1


async def test_one_document_twice_on_one_socket(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    """4.x `sessionAwareness`: two editors of one page share its socket."""
    how = {"session_awareness": True}
    first = await host.open("hocuspocus", server.url, session, server.token("alice"), **how)
    second = await host.open(
        "hocuspocus", server.url, session, server.token("alice"), beside=first.id, **how
    )
    await host.wait_all([first, second], synced=True)
    for device in (first, second):
        await device.call("present", state={"label": device.id})
        await device.edit((0, 0, f"by {device.id} "))
    await first.wait(present={"label": second.id})
    await second.wait(present={"label": first.id})
    await assert_settled(host, server.dsn, session, [first, second])
    assert (await first.summary())["opened"] == 1
