"""An agent answers: word by word on every device, stopped from any, cut off by a crash and taken up again."""

import re
from pathlib import Path

import anyio
import pytest
from counting import BEGUN, LONG, server
from playwright.async_api import Browser, Page, expect

from people import Devices
from servers import PostgresServer, SegueServer

__all__ = ["server"]

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


async def test_it_streams_to_both_devices_and_names_the_conversation(devices: Devices) -> None:
    phone, laptop = await devices.open("phone"), await devices.open("laptop")
    await phone.send("50")
    whole = "".join(f"{number} " for number in range(50)).strip()
    for device in (phone, laptop):
        await expect(device.messages.last).to_have_text(BEGUN)
        await device.sees("50", whole)
        await expect(device.page.get_by_role("heading", name="Counting to 50")).to_be_visible()
    await laptop.open_panel("What the assistant knows")
    panel = laptop.page.get_by_role("complementary")
    await expect(panel.locator(".value")).to_have_text("50")


async def test_it_is_stopped_from_the_other_device_and_goes_on_from_there(devices: Devices) -> None:
    phone, laptop = await devices.open("phone"), await devices.open("laptop")
    await phone.send(LONG)
    await expect(laptop.messages.last).to_have_text(BEGUN)
    await laptop.page.get_by_role("button", name="Stop the answer").click()
    await expect(phone.page.get_by_text("Stopped")).to_be_visible()
    text = await phone.messages.last.text_content()
    await expect(laptop.messages.last).to_have_text(text or "")
    await phone.page.get_by_role("button", name="Go on").click()
    await expect(laptop.page.get_by_text("Stopped")).to_have_count(0)
    await expect(laptop.page.get_by_role("button", name="Stop the answer")).to_be_visible()


async def test_what_others_say_meanwhile_waits_for_its_turn_in_sight_of_all(
    devices: Devices,
) -> None:
    phone, laptop = await devices.open("phone"), await devices.open("laptop")
    await phone.send(LONG)
    await expect(laptop.messages.last).to_have_text(BEGUN)
    await laptop.send("3")
    for device in (phone, laptop):
        await expect(device.page.get_by_text("Waits for its turn")).to_be_visible()
    await laptop.page.get_by_role("button", name="Stop the answer").click()
    await expect(phone.messages.last).to_have_text("0 1 2")


async def test_a_crash_in_mid_answer_is_marked_and_the_answer_goes_on(
    devices: Devices, server: SegueServer
) -> None:
    phone, laptop = await devices.open("phone"), await devices.open("laptop")
    await phone.send(LONG)
    for device in (phone, laptop):
        await expect(device.messages.last).to_have_text(BEGUN)
    server.kill()
    await server.start()
    for device in (phone, laptop):
        await expect(device.page.get_by_text("Interrupted")).to_be_visible(timeout=30_000)
        await device.shows("Saved")
    text = (await phone.messages.last.text_content() or "").strip()
    assert await laptop.messages.last.text_content() == await phone.messages.last.text_content()
    await laptop.page.get_by_role("button", name="Go on").click()
    went_on = re.compile("^" + re.escape(text) + r" \d+ \d+")
    await expect(phone.messages.last).to_have_text(went_on)
    await phone.page.get_by_role("button", name="Stop the answer").click()
    await expect(laptop.page.get_by_text("Stopped")).to_be_visible()


async def test_an_answer_that_fails_says_why(devices: Devices) -> None:
    phone = await devices.open("phone")
    await phone.send("fail")
    await expect(phone.page.get_by_text("I can't count to that.")).to_be_visible()


async def test_the_demo_plans_a_trip_over_both_devices(
    browser: Browser, postgres: PostgresServer, tmp_path: Path, session: str, screenshots: Path
) -> None:
    address = await postgres.new_database()
    async with SegueServer.started(tmp_path, database_url=address, SEGUE_AGENT="demo") as server:
        devices = Devices(browser, server, session)
        both = await devices.open("laptop", path="/side-by-side")
        phone, laptop = [await both.frame(title) for title in ("The phone", "The laptop")]
        await phone.send("I want to go to Lisbon in May, with a friend")
        await expect(laptop.messages).to_have_count(2)
        await expect(laptop.page.get_by_role("button", name="Stop the answer")).to_have_count(0)
        await laptop.send("For four nights, from Hamburg. We like food and music.")
        await expect(phone.messages).to_have_count(4)
        await expect(phone.page.get_by_role("button", name="Stop the answer")).to_have_count(0)
        await both.page.get_by_label("Network").first.uncheck()
        await phone.send("We have about 900 euros")
        await phone.shows("Offline, 1 waiting")
        await laptop.composer.fill("And no early flights, ple")
        await laptop.open_panel("What the assistant knows")
        known = laptop.page.get_by_role("complementary")
        await expect(known.get_by_text("Lisbon", exact=True)).to_be_visible()
        await laptop.page.get_by_role("button", name="Close the panel").click()
        assert isinstance(both.page, Page)
        await both.page.screenshot(path=screenshots / "side-by-side.png", animations="disabled")
        await both.page.get_by_label("Network").first.check()
        await phone.shows("Saved")
        await expect(laptop.messages).to_have_count(6)
        await devices.close()


async def test_a_tool_waits_for_a_decision_that_either_device_makes(
    browser: Browser, postgres: PostgresServer, tmp_path: Path, session: str, screenshots: Path
) -> None:
    address = await postgres.new_database()
    async with SegueServer.started(tmp_path, database_url=address, SEGUE_AGENT="demo") as server:
        devices = Devices(browser, server, session)
        phone, laptop = await devices.open("phone"), await devices.open("laptop")
        await phone.send(
            "Hamburg to Lisbon, May 3 to May 8, 2 people, budget 900 EUR, we like food"
        )
        for decider, word, outcome in (
            (laptop, "Approve", "Approved by ann"),
            (phone, "Decline", "Declined by ann"),
        ):
            await phone.send("Book it please")
            calls = [
                device.page.get_by_label(re.compile("^Tool: ")).last for device in (phone, laptop)
            ]
            for device, call in zip((phone, laptop), calls, strict=True):
                await expect(call).to_contain_text("Hold this seat in the demo?", timeout=60_000)
                await expect(call.get_by_role("button", name=word)).to_be_visible()
                assert isinstance(device.page, Page)
                name = "phone" if device is phone else "laptop"
                await device.page.screenshot(path=screenshots / f"{name}-decision.png")
            await decider.page.get_by_role("button", name=word).click()
            for call in calls:
                await expect(call).to_contain_text(outcome)
                await expect(call.get_by_role("button")).to_have_count(0)
        await phone.send("Book it please")
        one, other = [
            device.page.get_by_label(re.compile("^Tool: ")).last for device in (phone, laptop)
        ]
        yes, no = (
            one.get_by_role("button", name="Approve"),
            other.get_by_role("button", name="Decline"),
        )
        for button in (yes, no):
            await expect(button).to_be_visible(timeout=60_000)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(yes.click)
            tasks.start_soon(no.click)
        for call in (one, other):
            await expect(call.get_by_role("button")).to_have_count(0)
            await expect(call).to_contain_text(re.compile("(Approved|Declined) by ann"))
        await expect(other).to_have_text(await one.text_content() or "")
        await devices.close()
