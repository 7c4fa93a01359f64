"""A device without a network: it goes on, says so, and loses nothing."""

import shutil
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from people import CHROMIUM_ARGUMENTS, Device, Devices

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


async def test_both_go_on_apart_and_come_together(devices: Devices) -> None:
    phone, laptop = await devices.open("phone"), await devices.open("laptop")
    await phone.send("Before the tunnel")
    await laptop.sees("Before the tunnel")
    assert isinstance(phone.page, Page)
    await phone.page.context.set_offline(True)
    await phone.shows("Offline")
    await phone.send("In the tunnel")
    await phone.send("Still in the tunnel")
    await phone.shows("Offline, 2 waiting")
    await laptop.send("Meanwhile outside")
    await laptop.shows("Saved")
    await phone.badge.click()
    await expect(phone.page.get_by_text("What you type is kept on this device")).to_be_visible()
    await phone.page.context.set_offline(False)
    await phone.shows("Saved")
    texts = ("Before the tunnel", "Meanwhile outside", "In the tunnel", "Still in the tunnel")
    await phone.sees(*texts)
    await laptop.sees(*texts)


async def test_a_reload_without_network_keeps_what_was_typed(devices: Devices) -> None:
    phone, laptop = await devices.open("phone"), await devices.open("laptop")
    await phone.send("Hello")
    await phone.shows("Saved")
    assert isinstance(phone.page, Page)
    await phone.page.evaluate("navigator.serviceWorker.ready")
    await phone.page.context.set_offline(True)
    await phone.send("Sent without network")
    await phone.composer.fill("Half typed")
    phone.page.on("dialog", lambda dialog: dialog.accept())
    await phone.page.reload()
    await phone.sees("Hello", "Sent without network")
    await phone.shows("Offline, 1 waiting")
    await expect(phone.composer).to_have_value("Half typed")
    await phone.page.context.set_offline(False)
    await phone.shows("Saved")
    await laptop.sees("Hello", "Sent without network")
    await expect(laptop.composer).to_have_value("Half typed")


async def test_a_browser_that_is_closed_without_network_sends_it_the_next_time(
    devices: Devices, tmp_path: Path
) -> None:
    laptop = await devices.open("laptop")
    await laptop.send("Hello")
    chromium = shutil.which("chromium")
    async with async_playwright() as playwright:

        async def start() -> Device:
            context = await playwright.chromium.launch_persistent_context(
                tmp_path / "profile", executable_path=chromium, args=CHROMIUM_ARGUMENTS
            )
            return await devices.adopt(await context.new_page())

        phone = await start()
        await phone.page.goto(f"{devices.origin}/{devices.address('ann')}")
        await phone.sees("Hello")
        assert isinstance(phone.page, Page)
        await phone.page.context.set_offline(True)
        await phone.send("Before the battery went")
        await phone.shows("Offline, 1 waiting")
        address = phone.page.url
        await phone.page.context.close()
        phone = await start()
        await phone.page.goto(address)
        await phone.sees("Hello", "Before the battery went")
        await phone.shows("Saved")
        await laptop.sees("Hello", "Before the battery went")
        assert isinstance(phone.page, Page)
        await phone.page.context.close()


async def test_closing_a_tab_with_unsaved_changes_warns(devices: Devices) -> None:
    phone = await devices.open("phone")
    await phone.send("Hello")
    await phone.shows("Saved")
    assert isinstance(phone.page, Page)
    warnings: list[str] = []

    async def answer(dialog: object) -> None:
        warnings.append(dialog.type)  # type: ignore[attr-defined]
        await dialog.accept()  # type: ignore[attr-defined]

    phone.page.on("dialog", answer)
    await phone.page.reload()
    await phone.shows("Saved")
    assert warnings == []
    await phone.page.context.set_offline(True)
    await phone.send("Unsaved")
    await phone.page.close(run_before_unload=True)
    await phone.page.wait_for_event("close")
    assert warnings == ["beforeunload"]


async def test_two_tabs_of_a_device_show_the_same_and_send_once(devices: Devices) -> None:
    phone, laptop = await devices.open("phone"), await devices.open("laptop")
    await phone.shows("Saved")
    assert isinstance(phone.page, Page)
    context = phone.page.context
    await context.set_offline(True)
    await phone.send("From the first tab")
    await context.set_offline(False)
    second = await devices.adopt(await context.new_page())
    await second.page.goto(phone.page.url)
    for device in (phone, second, laptop):
        await device.sees("From the first tab")
        await device.shows("Saved")
    await second.send("From the second tab")
    for device in (phone, second, laptop):
        await device.sees("From the first tab", "From the second tab")
