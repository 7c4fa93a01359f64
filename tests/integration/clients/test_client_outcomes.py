"""What every version of the stock clients does on each outcome: the table of README, row by row."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import anyio
import asyncpg
import pytest

from devices import STOCK_CLIENTS, Device, DeviceHost, Stock
from segue.auth.grants import Role
from servers import PostgresServer, SegueServer
from settled import assert_settled

pytestmark = pytest.mark.anyio

BURY = "UPDATE documents SET deleted_at = now() WHERE id = $1"

UPGRADES = 3
"""So often a refused y-websocket 2.1 is let in to be told why; then the upgrade fails."""

ATTEMPTS = 7
LEAST_S = 0.1 + 0.1 + 0.1 + 0.2 + 0.4 + 0.8
"""The least time in which 2.1, once refused at the upgrade, makes as many attempts."""


def versions_without(*stocks: Stock) -> list[Stock]:
    return [stock for stock in STOCK_CLIENTS if stock not in stocks]


async def open_all_versions(host: DeviceHost, server: SegueServer, session: str) -> list[Device]:
    token = server.token("alice")
    devices = await host.open_all(STOCK_CLIENTS, server.url, session, token)
    await host.wait_all(devices, synced=True, saved=True)
    return devices


def by_name(devices: Sequence[Device]) -> dict[Stock, Device]:
    return dict(zip(STOCK_CLIENTS, devices, strict=True))


async def assert_told(device: Device, code: int) -> None:
    """Returns once the device was told by its dialect's last word, and has stopped at once."""
    summary = await device.wait(stopped=True)
    if device.dialect == "y-websocket":
        assert summary["stop"]["code"] == code
    else:
        assert summary["stop"]["reason"].startswith(f"{code} ")
        assert summary["closes"] == []
    assert not summary["synced"] or device.dialect == "hocuspocus"


async def assert_slowed(device: Device, code: int, opened_before: int = 0) -> None:
    """Returns once a y-websocket 2.1 was told the code a few times, and then backs off."""
    summary = await device.wait(closed=opened_before + ATTEMPTS)
    assert summary["opened"] == opened_before + UPGRADES
    assert [closed["code"] for closed in summary["closes"][-4:]] == [1006] * 4
    told = (await device.call("closes"))[opened_before:][:UPGRADES]
    assert [closed["code"] for closed in told] == [code] * UPGRADES


async def test_a_refused_token_is_not_hammered_with(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    refused: dict[Stock, Device] = {}
    begun = time.monotonic()
    for stock in STOCK_CLIENTS:
        # Tokens of their own: refusals are counted by token and document.
        refused[stock] = await host.open(
            stock, server.url, session, f"bad.for.{stock}", impatient=False
        )
        await refused[stock].edit((0, 0, "mine"))
    anonymous = await host.open("hocuspocus-2", server.url, session, None, impatient=False)
    await assert_slowed(refused["y-websocket-2"], 4401)
    assert time.monotonic() - begun >= LEAST_S
    for stock in versions_without("y-websocket-2"):
        await assert_told(refused[stock], 4401)
    await assert_told(anonymous, 4401)
    for stock in versions_without("y-websocket-2"):
        assert (await refused[stock].summary())["opened"] == 1
    for device in refused.values():
        summary = await device.summary()
        assert not summary["synced"]
        assert summary["unsynced"] > 0
        assert await device.text() == "mine"


async def test_an_expired_token_is_exchanged_or_comes_back_fresh(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    fresh = server.token("alice")
    # Just inside the tolerance for clocks, so that what is left is the server's grace only.
    expired = server.token("alice", now=datetime.now(UTC).timestamp() - 64, ttl_s=60)
    tokens = [expired, fresh]
    devices = await host.open_all(STOCK_CLIENTS, server.url, session, None, tokens=tokens)
    await host.wait_all(devices, synced=True)
    named = by_name(devices)
    for stock in ("hocuspocus-3", "hocuspocus"):
        await named[stock].wait(tokens=2)
    for stock in ("y-websocket-2", "y-websocket"):
        await named[stock].call("tokens", tokens=[fresh])
    for stock in ("y-websocket-2", "y-websocket", "hocuspocus-2"):
        summary = await named[stock].wait(closed=1)
        assert summary["closes"][0]["code"] == 4501
    for device in devices:
        await device.edit((0, 0, "still here "))
    await host.wait_all(devices, synced=True)
    await assert_settled(host, server.dsn, session, devices)
    for stock in ("hocuspocus-3", "hocuspocus"):
        summary = await named[stock].summary()
        assert summary["opened"] == 1
        assert summary["asked"] == 2


async def test_a_deleted_session_ends_all_of_them(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    token = server.token("alice")
    devices = await host.open_all(STOCK_CLIENTS, server.url, session, token, impatient=False)
    await host.wait_all(devices, synced=True)
    await bury(server.dsn, session)
    for device in devices:
        await device.edit((0, 0, "too late"))
    for stock, device in by_name(devices).items():
        if stock == "y-websocket-2":
            await device.wait(closed=ATTEMPTS)
            codes = [closed["code"] for closed in await device.call("closes")]
            assert codes[0] == 4410
            assert set(codes) == {4410, 1006}
            assert (await device.summary())["opened"] <= 1 + UPGRADES
        else:
            await assert_told(device, 4410)
            assert (await device.summary())["opened"] == 1


async def bury(dsn: str, session: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(BURY, session)
    finally:
        await connection.close()


@pytest.mark.parametrize("stock", STOCK_CLIENTS)
async def test_a_refused_update_is_final_for_its_copy_and_harms_nobody(
    host: DeviceHost, server: SegueServer, session: str, stock: Stock
) -> None:
    bob = await host.open("hocuspocus", server.url, session, server.token("bob"))
    await bob.edit((0, 0, "bob's. "))
    await bob.wait(saved=True)
    token = server.token("alice", sessions={session: Role.EDITOR})
    device = await host.open(stock, server.url, session, token, impatient=False)
    await device.wait(synced=True, contains={"root": "text", "text": "bob's"})
    await device.call("forge", client=bob.client, root="text", patches=[[0, 0, "forged "]])
    if stock == "y-websocket-2":
        await device.wait(closed=1 + ATTEMPTS)
        codes = {closed["code"] for closed in await device.call("closes")}
        assert codes == {4400, 1006}
        assert (await device.summary())["opened"] <= 1 + UPGRADES
    else:
        await assert_told(device, 4400)
    summary = await device.summary()
    assert summary["acknowledged"] == 0
    assert summary["unsynced"] > 0
    await bob.edit((0, 0, "still here. "))
    await assert_settled(host, server.dsn, session, [bob])
    assert (await bob.summary())["opened"] == 1
    assert await bob.text() == "still here. bob's. "


@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_a_restart_is_outlived_with_all_edits(
    host: DeviceHost, server: SegueServer, session: str, how: str
) -> None:
    devices = await open_all_versions(host, server, session)
    for device in devices:
        await device.edit((0, 0, "before "))
    await host.wait_all(devices, saved=True)
    if how == "killed":
        server.kill()
    else:
        assert await server.terminate() == 0
    await host.wait_all(devices, connected=False)
    for device in devices:
        await device.edit((0, 0, "meanwhile "))
    await server.start()
    await host.wait_all(devices, timeout_s=40, synced=True)
    await assert_settled(host, server.dsn, session, devices)
    shown = await devices[0].text()
    assert shown.count("before ") == shown.count("meanwhile ") == len(devices)
    for device in devices:
        summary = await device.summary()
        assert summary["least_unsynced"] == 0
        if how == "stopped":
            assert 1012 in [closed["code"] for closed in await device.call("closes")]


async def test_storage_away_shows_saving_and_nobody_is_sent_away(
    host: DeviceHost, postgres: PostgresServer, server: SegueServer, session: str
) -> None:
    devices = await open_all_versions(host, server, session)
    with postgres.stopped():
        for device in devices:
            await device.edit((0, 0, f"{device.id} "))
        joiners = await host.open_all(STOCK_CLIENTS, server.url, session, server.token("alice"))
        with anyio.fail_after(60):
            while await server.status("/readyz") == 200:  # noqa: ASYNC110 - it has no way to call us
                await anyio.sleep(0.1)
        for device in devices:
            summary = await device.summary()
            assert summary["unsynced"] == 1, device.id
            assert await device.text() == f"{device.id} "
        assert not any([(await joiner.summary())["synced"] for joiner in joiners])
    await host.wait_all([*devices, *joiners], timeout_s=40, synced=True)
    await assert_settled(host, server.dsn, session, [*devices, *joiners])
    for device in [*devices, *joiners]:
        summary = await device.summary()
        assert summary["opened"] == 1, (device.id, summary)
        assert summary["stop"] is None
