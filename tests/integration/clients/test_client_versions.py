"""What every version of the stock clients can rely on, each beside one of the other dialect."""

import pytest

from devices import STOCK_CLIENTS, Device, DeviceHost, Stock
from segue.auth.grants import Role
from servers import SegueServer
from settled import assert_settled
from stored import read_stored

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("stock", STOCK_CLIENTS)]

LONG = "a long story 📖 " * 8_000
"""What nobody wants to receive twice."""

MISSED_BYTES = 20_000
"""More than what is missed below needs, and a small part of `LONG`."""

PART = "written on a plane, far from any network ✈️ " * 12_000
"""A single edit near the limit of one update; a few of them are far beyond it."""

PARTS = 6
UPDATE_LIMIT_BYTES = 1 << 20
RECONNECTS = 50


def other_dialect(stock: Stock) -> Stock:
    """Gives the newest client of the other dialect."""
    return "y-websocket" if stock.startswith("hocuspocus") else "hocuspocus"


async def open_pair(
    host: DeviceHost, server: SegueServer, session: str, stock: Stock
) -> tuple[Device, Device]:
    stocks = (stock, other_dialect(stock))
    device, other = await host.open_all(stocks, server.url, session, server.token("alice"))
    await host.wait_all([device, other], synced=True)
    return device, other


async def test_it_writes_together_with_all_others(
    host: DeviceHost, server: SegueServer, session: str, stock: Stock
) -> None:
    token = server.token("alice")
    others = await host.open_all(STOCK_CLIENTS, server.url, session, token)
    late = await host.open(stock, server.url, session, token)
    devices = [late, *others]
    await host.wait_all(devices, synced=True)
    for number, device in enumerate(devices):
        await device.call("present", state={"label": device.id})
        await device.call("type", root="text", seed=number, count=20)
    await assert_settled(host, server.dsn, session, devices)
    await host.wait_all(devices, others=len(devices) - 1)


async def test_after_a_cut_it_receives_only_what_it_missed(
    host: DeviceHost, server: SegueServer, session: str, stock: Stock
) -> None:
    device, other = await open_pair(host, server, session, stock)
    await other.edit((0, 0, LONG))
    await host.equal([device, other])
    await host.each("offline", [device])
    await device.wait(connected=False)
    await device.edit((0, 0, "from the tunnel. "))
    await other.edit((0, 0, "from the office. "))
    await host.each("mark", [device])
    await host.each("online", [device])
    await assert_settled(host, server.dsn, session, [device, other])
    received = (await device.summary())["received"]
    assert received["bytes"] < MISSED_BYTES, received


async def test_a_cut_and_its_own_backoff_cost_nothing(
    host: DeviceHost, server: SegueServer, session: str, stock: Stock
) -> None:
    device = await host.open(stock, server.url, session, server.token("alice"), impatient=False)
    await device.wait(synced=True)
    await host.each("cut", [device])
    await device.wait(connected=False)
    await device.edit((0, 0, "typed in the tunnel"))
    await device.wait(synced=True)
    await assert_settled(host, server.dsn, session, [device])


async def test_a_big_offline_diff_comes_home(
    host: DeviceHost, server: SegueServer, session: str, stock: Stock
) -> None:
    device, other = await open_pair(host, server, session, stock)
    await host.each("offline", [device])
    await device.wait(connected=False)
    for number in range(PARTS):
        await device.edit((0, 0, f"{number} {PART}"))
    await host.each("online", [device])
    await assert_settled(host, server.dsn, session, [device, other])
    assert (await other.text()).count(PART) == PARTS


async def test_a_page_that_begins_with_a_big_local_copy_brings_it_home(
    host: DeviceHost, server: SegueServer, session: str, stock: Stock
) -> None:
    """As with a copy in IndexedDB; all clients send it as one answer, far over the limit of updates."""
    token = server.token("alice")
    other = await host.open(other_dialect(stock), server.url, session, token)
    device = await host.open(stock, server.url, session, token, before=[[0, 0, PART * PARTS]])
    stored = await assert_settled(host, server.dsn, session, [device, other])
    assert max(map(len, stored.updates)) > 3 * UPDATE_LIMIT_BYTES, "it came in smaller pieces"
    assert (await other.text()) == PART * PARTS


async def test_a_viewer_reads_on_and_its_edit_is_neither_acknowledged_nor_stored(
    host: DeviceHost, server: SegueServer, session: str, stock: Stock
) -> None:
    owner = await host.open("hocuspocus", server.url, session, server.token("alice"))
    await owner.edit((0, 0, "read me"))
    await owner.wait(saved=True)
    may_read = server.token("victor", sessions={session: Role.VIEWER})
    viewer = await host.open(stock, server.url, session, may_read)
    await viewer.wait(synced=True, contains={"root": "text", "text": "read me"})
    before = await read_stored(server.dsn, session)
    await viewer.edit((0, 0, "scribble "))
    refusal = "status-0" if viewer.dialect == "hocuspocus" else "auth"
    await viewer.wait(received={refusal: 1})
    await owner.edit((7, 0, " again"))
    summary = await viewer.wait(contains={"root": "text", "text": "again"})
    assert summary["acknowledged"] == 0
    assert summary["unsynced"] == 1
    assert summary["opened"] == 1
    assert summary["stop"] is None
    if viewer.dialect == "hocuspocus":
        assert summary["scope"] == "readonly"
    assert await owner.text() == "read me again"
    stored = await assert_settled(host, server.dsn, session, [owner])
    assert stored.position == before.position + 1


async def test_a_viewer_without_edits_is_shown_as_saved(
    host: DeviceHost, server: SegueServer, session: str, stock: Stock
) -> None:
    owner = await host.open("hocuspocus", server.url, session, server.token("alice"))
    await owner.edit((0, 0, "read me"))
    await owner.wait(saved=True)
    may_read = server.token("victor", sessions={session: Role.VIEWER})
    viewer = await host.open(stock, server.url, session, may_read)
    for round_number in range(1, 4):
        await viewer.wait(synced=True, saved=True)
        await host.each("cut", [viewer])
        await viewer.wait(closed=round_number)
    await viewer.wait(synced=True, saved=True)
    assert (await viewer.summary())["least_unsynced"] == 0


async def test_its_count_is_0_again_after_50_reconnects_with_edits(
    host: DeviceHost, server: SegueServer, session: str, stock: Stock
) -> None:
    """2.15 doesn't stop at 0: one status too many and it stays below for ever."""
    device, other = await open_pair(host, server, session, stock)
    for round_number in range(RECONNECTS):
        opened = (await device.summary())["opened"]
        await device.call("type", root="text", seed=round_number, count=4)
        break_off = "offline" if round_number % 3 == 0 else "cut"
        await host.each(break_off, [device])
        await device.call("type", root="text", seed=1000 + round_number, count=4)
        await other.edit((0, 0, "."))
        await host.each("online", [device])
        # Sometimes it types on while it connects, sometimes once it is synced.
        await device.call("type", root="text", seed=2000 + round_number, count=2)
        await device.wait(opened=opened + 1, synced=True)
    await assert_settled(host, server.dsn, session, [device, other])
    summary = await device.summary()
    assert summary["opened"] >= RECONNECTS
    assert summary["unsynced"] == 0
    assert summary["least_unsynced"] == 0
