"""A session that was written anew: every client is told, none brings the past back or loses what is new."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devices import STOCK_CLIENTS, Device, DeviceHost
from event_reader import EventReader
from http_client import HttpClient
from servers import PostgresServer, SegueServer
from settled import assert_settled
from spoiling import ROOT, spoil
from waiting import until_it_is

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def server(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SegueServer]:
    """A server that proves its snapshot behind every row."""
    folder: Path = tmp_path_factory.mktemp("server")
    address = await postgres.new_database()
    async with SegueServer.started(folder, database_url=address, SEGUE_SNAPSHOT_EVERY="1") as own:
        yield own


async def assert_told_to_start_over(device: Device) -> None:
    stop = (await device.wait(stopped=True))["stop"]
    if device.dialect == "y-websocket":
        assert stop["code"] == 4412
    else:
        assert stop["reason"].startswith("4412 ")


async def test_every_version_is_told_and_finds_all_when_reloaded(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    token = server.token("alice")
    before = await host.open_all(STOCK_CLIENTS, server.url, session, token, impatient=False)
    await host.wait_all(before, synced=True, saved=True)
    for number, device in enumerate(before):
        await device.edit((0, 0, f"{number} 👋 "))
        await device.put("map", [f"{number}"], {"number": number, "text": {"$text": "nested"}})
    await host.wait_all(before, saved=True)
    hashes = await host.equal(before)
    sleeper = await host.open("hocuspocus", server.url, session, token, impatient=False)
    await sleeper.wait(synced=True)
    await host.each("offline", [sleeper])
    await sleeper.edit((0, 0, "from the past "))
    await spoil(server, session, first_client=10)
    for device in before:
        if device.id.startswith("y-websocket-2"):  # comes back, as with any code
            await device.wait(closed=1)
        else:
            await assert_told_to_start_over(device)
    await host.each("online", [sleeper])
    await assert_told_to_start_over(sleeper)
    assert (await sleeper.text()).startswith("from the past "), "it keeps what was typed"
    shown = {name: value for name, value in (await before[0].roots()).items() if name != ROOT}
    for device in (*before, sleeper):
        await device.call("close")
    reloaded = await host.open_all(STOCK_CLIENTS, server.url, session, token)
    await host.wait_all(reloaded, synced=True)
    await reloaded[0].edit((0, 0, "new "))
    await assert_settled(host, server.dsn, session, reloaded)
    after = {name: value for name, value in (await reloaded[0].roots()).items() if name != ROOT}
    assert after == {**shown, "text": "new " + shown["text"]}
    assert hashes["content"] != (await host.equal(reloaded))["content"]


async def test_who_follows_over_http_goes_on(server: SegueServer, session: str) -> None:
    alice = HttpClient(server, server.token("alice"))
    await alice.ask("POST", "/v1/sessions", {"id": session})

    async def say(text: str) -> str:
        answer = await alice.ask("POST", f"/v1/sessions/{session}/messages", {"text": text})
        assert answer.status == 201, answer.body
        created: str = answer.json["id"]
        return created

    before = [await say("one"), await say("two")]
    async with EventReader.opened(server, alice.token, session) as reader:
        await reader.until("session.updated")
        cut_off_at = reader.last_id
        await spoil(server, session, first_client=10)
        after = await say("three")
        told = await reader.until("session.updated")
        if after not in {each.data.get("id") for each in told}:
            told += await reader.until("session.updated")
        assert after in {each.data.get("id") for each in told}
    async with EventReader.opened(server, alice.token, session, cut_off_at) as reader:
        told = await reader.until("session.updated")
        # All that was there once more, as it is now: it may read otherwise. Then what is new.
        kinds = {each.data["id"]: each.type for each in told if "id" in each.data}
        assert (
            kinds.items()
            >= {
                before[0]: "message.updated",
                before[1]: "message.updated",
                after: "message.created",
            }.items()
        )
    page = await alice.ask("GET", f"/v1/sessions/{session}/messages")
    assert [each["id"] for each in page.json["messages"]] == [*before, after]
    assert [each["seq"] for each in page.json["messages"]] == [1, 2, 3]


async def test_over_a_restart_old_copies_stay_outdated(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    token = server.token("alice")
    sleeper = await host.open("hocuspocus", server.url, session, token, impatient=False)
    await sleeper.edit((0, 0, "hello"))
    await sleeper.wait(saved=True)
    await host.each("offline", [sleeper])
    await spoil(server, session, first_client=10)
    server.kill()
    await server.start()

    async def reads_hello() -> bool:
        reader = await host.open("y-websocket", server.url, session, token)
        await reader.wait(synced=True)
        shown = await reader.text()
        await reader.call("close")
        return shown == "hello"

    await until_it_is(reads_hello)
    await host.each("online", [sleeper])
    await assert_told_to_start_over(sleeper)
    assert await reads_hello()
