"""The list of one's conversations in one's home: written by the server, the same on every device."""

from collections.abc import Mapping
from typing import Any

import pytest

from devices import Device, DeviceHost
from http_client import HttpClient
from servers import SegueServer, new_session
from waiting import until_it_is

pytestmark = pytest.mark.anyio


async def listed(device: Device) -> Mapping[str, Any]:
    sessions: Mapping[str, Any] = (await device.roots()).get("sessions") or {}
    return sessions


async def until_listed(device: Device, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Waits until these sessions, and no others, are there with these fields."""

    async def is_so() -> bool:
        found = await listed(device)
        return found.keys() == wanted.keys() and all(
            fields.items() <= found[session].items() for session, fields in wanted.items()
        )

    await until_it_is(is_so)


async def open_homes(host: DeviceHost, server: SegueServer, user: str) -> list[Device]:
    homes = await host.open_all(
        ("hocuspocus", "y-websocket"), server.url, "home", server.token(user)
    )
    await host.wait_all(homes, synced=True)
    return homes


async def test_it_is_live_on_all_devices(host: DeviceHost, server: SegueServer) -> None:
    user = new_session()
    client = HttpClient(server, server.token(user))
    before, later = sorted((new_session(), new_session()))
    await client.ask("POST", "/v1/sessions", {"id": before, "title": "Lisbon"})
    homes = await open_homes(host, server, user)
    for home in homes:
        await until_listed(home, {before: {"title": "Lisbon", "seq": 0, "role": "owner"}})
    await client.ask("POST", "/v1/sessions", {"id": later})
    await client.ask("POST", f"/v1/sessions/{later}/messages", {"text": "hi"})
    await client.ask("PATCH", f"/v1/sessions/{later}", {"title": "Porto"})
    wanted = {before: {"title": "Lisbon"}, later: {"title": "Porto", "seq": 1}}
    for home in homes:
        await until_listed(home, wanted)
    await client.ask("DELETE", f"/v1/sessions/{before}")
    for home in homes:
        await until_listed(home, {later: {"title": "Porto"}})
    activity = (await listed(homes[0]))[later]["last_activity"]
    assert activity > 1_700_000_000_000


async def test_what_happens_on_a_socket_shows_too(host: DeviceHost, server: SegueServer) -> None:
    user, session = new_session(), new_session()
    home, _ = await open_homes(host, server, user)
    phone = await host.open("y-websocket", server.url, session, server.token(user))
    await until_listed(home, {session: {"title": "", "seq": 0}})
    author = {"$json": {"kind": "user", "id": user}}
    await phone.put("messages", ["m1"], {"role": "user", "author": author})
    await phone.put("session", ["title"], "Faro")
    await until_listed(home, {session: {"title": "Faro", "seq": 1}})


async def test_a_home_that_was_closed_is_right_when_it_opens(
    host: DeviceHost, server: SegueServer
) -> None:
    user, session = new_session(), new_session()
    homes = await open_homes(host, server, user)
    await host.each("offline", homes)
    await server.restart()
    client = HttpClient(server, server.token(user))
    await client.ask("POST", "/v1/sessions", {"id": session, "title": "Lisbon"})
    await host.each("online", homes)
    for home in homes:
        await until_listed(home, {session: {"title": "Lisbon"}})
