"""A Tiptap editor uses a session as its document: XML types, marks, nested nodes, its own undo."""

from collections.abc import AsyncIterator

import pytest

from devices import STOCK_CLIENTS, Device, DeviceHost, Stock
from servers import SegueServer
from settled import assert_settled

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("stock", STOCK_CLIENTS)]

SHOWN = (
    "<h2>Our trip</h2>"
    "<p>We fly to <strong>Lisbon</strong> in May 😀.</p>"
    "<ul><li><p>passports</p></li><li><p>a map</p></li></ul>"
    "<p></p>"  # Tiptap keeps a paragraph behind a list, to write on in
)


@pytest.fixture(scope="module")
async def device_host() -> AsyncIterator[DeviceHost]:
    """A process of its own: with editors in it, it looks like a browser to every client."""
    async with DeviceHost.started() as host:
        yield host


async def open_editor(host: DeviceHost, server: SegueServer, session: str, stock: Stock) -> Device:
    device = await host.open(stock, server.url, session, server.token("alice"))
    await device.wait(synced=True)
    await device.call("open_editor")
    return device


async def run(device: Device, *steps: tuple[object, ...]) -> None:
    """Runs commands of the editor as one chain."""
    await device.call("in_editor", steps=steps)


async def type_into(device: Device, text: str, at: str | None = None) -> None:
    """Types letter by letter behind the text `at`, or at the cursor."""
    await device.call("type_in_editor", text=text, **({} if at is None else {"at": at}))


async def shown(device: Device) -> str:
    html: str = await device.call("shown_in_editor")
    return html


async def write_the_plan(first: Device, second: Device) -> None:
    """Two people write, each in their own place and in turns; the result is `SHOWN`."""
    await type_into(first, "Our trip")
    await run(first, ("setHeading", {"level": 2}), ("splitBlock",))
    await type_into(first, "We fly to Porto in May.")
    await second.wait(html="in May.")
    await type_into(second, " 😀", at="in May")
    await run(second, ("insertContentAt", end_of(SHOWN_TEXT), {"type": "paragraph"}))
    await run(second, ("setTextSelection", end_of(SHOWN_TEXT) + 1), ("toggleBulletList",))
    await type_into(second, "passports")
    await run(second, ("splitListItem", "listItem"))
    await type_into(second, "a map")
    await first.wait(html="a map")
    await run(first, ("setTextSelection", {"from": 21, "to": 26}), ("insertContent", "Lisbon"))
    await run(first, ("setTextSelection", {"from": 21, "to": 27}), ("setBold",))


SHOWN_TEXT = ("Our trip", "We fly to Porto in May 😀.")


def end_of(blocks: tuple[str, ...]) -> int:
    """Gives the editor's position behind blocks of plain text, counted in UTF-16."""
    return sum(len(block.encode("utf-16-le")) // 2 + 2 for block in blocks)


async def test_two_editors_write_one_document_that_outlives_a_restart(
    host: DeviceHost, server: SegueServer, session: str, stock: Stock
) -> None:
    first = await open_editor(host, server, session, stock)
    second = await open_editor(host, server, session, "hocuspocus")
    await write_the_plan(first, second)
    await assert_settled(host, server.dsn, session, [first, second])
    assert await shown(first) == await shown(second) == SHOWN
    await server.restart()
    third = await open_editor(host, server, session, "y-websocket")
    await third.wait(html="passports")
    assert await shown(third) == SHOWN
    await type_into(third, " and tickets", at="passports")
    await host.wait_all([first, second], timeout_s=40, html="passports and tickets")
    await assert_settled(host, server.dsn, session, [first, second, third])
    assert await shown(first) == await shown(second) == await shown(third)


async def test_undo_takes_back_ones_own_edits_only(
    host: DeviceHost, server: SegueServer, session: str, stock: Stock
) -> None:
    first = await open_editor(host, server, session, stock)
    second = await open_editor(host, server, session, "hocuspocus")
    await type_into(first, "mine")
    await second.wait(html="mine")
    await type_into(second, " and yours", at="mine")
    await first.wait(html="and yours")
    await run(first, ("undo",))
    await second.wait(html="<p> and yours</p>")
    await run(first, ("redo",))
    await second.wait(html="<p>mine and yours</p>")
    await assert_settled(host, server.dsn, session, [first, second])
    assert await shown(first) == await shown(second) == "<p>mine and yours</p>"


async def test_a_table_filled_from_two_sides_while_one_is_offline(
    host: DeviceHost, server: SegueServer, session: str, stock: Stock
) -> None:
    first = await open_editor(host, server, session, stock)
    second = await open_editor(host, server, session, "hocuspocus")
    await run(first, ("insertTable", {"rows": 2, "cols": 2, "withHeaderRow": True}))
    await type_into(first, "day")
    await run(first, ("goToNextCell",))
    await type_into(first, "place")
    await run(first, ("goToNextCell",))
    await type_into(first, "1")
    await second.wait(html="<p>1</p>")
    await host.each("offline", [first])
    await first.wait(connected=False)
    await run(first, ("goToNextCell",))
    await type_into(first, "Lisbon")
    await run(first, ("addRowAfter",))
    await type_into(second, "st of May", at="1")
    await run(second, ("addColumnAfter",))
    await host.each("online", [first])
    await host.wait_all([first, second], html="Lisbon")
    await assert_settled(host, server.dsn, session, [first, second])
    table = await shown(first)
    assert table == await shown(second)
    assert "<p>1st of May</p>" in table
    assert table.count("<tr>") == 3
