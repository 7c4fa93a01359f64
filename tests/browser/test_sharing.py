"""A link lets a second person in: as a guest, or as who they are here already."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from people import Device, Devices
from servers import PostgresServer, SegueServer

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


@pytest.fixture
async def server(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[SegueServer]:
    """A server that lets guests in."""
    address = await postgres.new_database()
    async with SegueServer.started(tmp_path, database_url=address, SEGUE_GUESTS="on") as started:
        yield started


async def make_link(owner: Device, choice: str) -> str:
    """Makes a link as a person does; gives it."""
    await owner.open_panel("Share")
    await owner.page.get_by_label(choice).check()
    await owner.page.get_by_role("button", name="Make a link").click()
    link = await owner.page.get_by_label("Link").input_value()
    await owner.page.get_by_role("button", name="Close").click()
    return link


async def test_a_guest_joins_with_a_name_and_stays(devices: Devices) -> None:
    owner = await devices.open("laptop")
    await owner.send("Come and see")
    await owner.shows("Saved")
    link = await make_link(owner, "read and write")
    guest = await devices.open_link("phone", link)
    await guest.page.get_by_label("Your name").fill("Ben Okafor")
    await guest.page.get_by_role("button", name="Join").click()
    await guest.sees("Come and see")
    assert "join" not in guest.page.url
    await guest.send("Here I am")
    await owner.sees("Come and see", "Here I am")
    await expect(owner.page.get_by_label("Who else is here")).to_contain_text("Ben Okafor")
    await guest.page.reload()
    await guest.sees("Come and see", "Here I am")
    await guest.shows("Saved")


async def test_who_reads_only_is_let_in_and_no_further(devices: Devices) -> None:
    owner = await devices.open("laptop")
    await owner.send("Just look")
    await owner.shows("Saved")
    reader = await devices.open_link("phone", await make_link(owner, "read only"))
    await reader.page.get_by_label("Your name").fill("Eve")
    await reader.page.get_by_role("button", name="Join").click()
    await reader.sees("Just look")
    await expect(reader.page.get_by_text("You may read here.")).to_be_visible()
    await expect(reader.page.get_by_role("button", name="Share")).to_have_count(0)


async def test_who_is_signed_in_joins_as_themselves(devices: Devices) -> None:
    owner = await devices.open("laptop")
    await owner.send("Welcome")
    await owner.shows("Saved")
    link = await make_link(owner, "read and write")
    ben = await devices.open("laptop", "ben", enters=False)
    await expect(ben.page.get_by_role("heading", name="One conversation")).to_be_visible()
    await ben.page.goto(link)
    await ben.sees("Welcome")
    await ben.send("Thanks")
    await expect(owner.page.get_by_text("ben", exact=True)).to_be_visible()


async def test_a_link_that_opens_nothing_says_so(devices: Devices) -> None:
    lost = await devices.open_link("phone", f"{devices.origin}/#join=nothing")
    await lost.page.get_by_label("Your name").fill("Ben")
    await lost.page.get_by_role("button", name="Join").click()
    await expect(lost.page.get_by_role("alert")).to_contain_text("link")
