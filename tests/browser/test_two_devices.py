"""One person on a phone and a laptop, and a second person: they see the same, as it happens."""

import pytest
from playwright.async_api import expect

from people import Devices
from segue.auth.grants import Role

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


async def test_what_is_sent_on_one_appears_on_the_other(devices: Devices) -> None:
    phone, laptop = await devices.open("phone"), await devices.open("laptop")
    await phone.send("Lisbon in May?")
    await laptop.sees("Lisbon in May?")
    await laptop.send("Or Porto?")
    await phone.sees("Lisbon in May?", "Or Porto?")
    for device in (phone, laptop):
        await device.shows("Saved")
        await expect(device.page.get_by_title("Saved", exact=True)).to_have_count(2)


async def test_the_token_leaves_the_address_and_stays_on_the_device(devices: Devices) -> None:
    phone = await devices.open("phone")
    await phone.shows("Saved")
    assert "token" not in phone.page.url
    await phone.page.reload()
    await phone.shows("Saved")


async def test_half_typed_text_follows_and_is_gone_once_sent(devices: Devices) -> None:
    phone, laptop = await devices.open("phone"), await devices.open("laptop")
    await laptop.shows("Saved")
    await phone.composer.press_sequentially("Half a thou")
    await expect(laptop.composer).to_have_value("Half a thou")
    await laptop.composer.press_sequentially("ght")
    await expect(phone.composer).to_have_value("Half a thought")
    await laptop.composer.press("Enter")
    await phone.sees("Half a thought")
    await expect(phone.composer).to_have_value("")


async def test_who_is_here_on_what_and_who_types(devices: Devices) -> None:
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    ben = await devices.open("phone", "ben", role=Role.EDITOR)
    await expect(laptop.page.get_by_label("Who else is here")).to_contain_text("ben, on")
    await ben.composer.press_sequentially("I")
    await expect(laptop.page.get_by_text("ben is typing")).to_be_visible()
    await ben.composer.fill("")
    await expect(laptop.page.get_by_text("ben is typing")).to_have_count(0)
    await ben.page.close()
    await expect(laptop.page.get_by_label("Who else is here")).to_have_count(0)


async def test_a_viewer_reads_along_and_has_nothing_to_write_with(devices: Devices) -> None:
    laptop = await devices.open("laptop")
    await laptop.send("Look at this")
    await laptop.shows("Saved")
    viewer = await devices.open("phone", "eve", role=Role.VIEWER)
    await viewer.sees("Look at this")
    await expect(viewer.page.get_by_text("You may read here.")).to_be_visible()
    await expect(viewer.composer).to_have_count(0)


async def test_a_document_is_edited_together_with_both_carets_in_sight(devices: Devices) -> None:
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    ben = await devices.open("laptop", "ben", role=Role.EDITOR)
    await ben.shows("Saved")
    await laptop.open_panel("Document")
    await laptop.page.get_by_role("button", name="New document").click()
    mine = laptop.page.get_by_label("Document 1")
    await mine.press_sequentially("Packing list: ")
    await ben.open_panel("Document")
    his = ben.page.get_by_label("Document 1")
    await expect(his).to_have_value("Packing list: ")
    await his.press_sequentially("hat")
    await expect(mine).to_have_value("Packing list: hat")
    await expect(laptop.page.locator("[data-caret=ben]")).to_be_visible()
    await expect(ben.page.locator("[data-caret=ann]")).to_be_visible()
    await mine.press("Home")
    await mine.press_sequentially("Our ")
    await expect(his).to_have_value("Our Packing list: hat")
    await his.press_sequentially("!")
    await expect(mine).to_have_value("Our Packing list: hat!")


async def test_what_the_assistant_knows_can_be_corrected(devices: Devices) -> None:
    laptop, phone = await devices.open("laptop"), await devices.open("phone")
    await laptop.shows("Saved")
    await laptop.open_panel("What the assistant knows")
    panel = laptop.page.get_by_role("complementary")
    await panel.get_by_role("button", name="Add").last.click()
    await panel.get_by_label("Name").fill("Home airport")
    await panel.get_by_label("Value").fill("LIS")
    await panel.get_by_role("button", name="Add").last.click()
    await phone.open_panel("What the assistant knows")
    there = phone.page.get_by_role("complementary")
    await expect(there.get_by_text("LIS", exact=True)).to_be_visible()
    await expect(there.get_by_text("From you")).to_be_visible()
    await there.get_by_role("button", name="Correct Home airport").click()
    await there.get_by_label("Home airport", exact=True).fill("OPO")
    await there.get_by_label("Home airport", exact=True).press("Enter")
    await expect(panel.get_by_text("OPO")).to_be_visible()
    await panel.get_by_role("button", name="Forget Home airport").click()
    await expect(there.get_by_text("OPO")).to_have_count(0)


async def test_a_title_is_everybodys(devices: Devices) -> None:
    laptop, phone = await devices.open("laptop"), await devices.open("phone")
    await laptop.shows("Saved")
    await laptop.page.get_by_role("button", name="New conversation").last.click()
    await laptop.page.get_by_label("Title").fill("Spring trip")
    await laptop.page.get_by_label("Title").press("Enter")
    await expect(phone.page.get_by_role("heading", name="Spring trip")).to_be_visible()


async def test_an_edited_message_is_a_version_and_both_can_be_read(devices: Devices) -> None:
    laptop, phone = await devices.open("laptop"), await devices.open("phone")
    await laptop.send("To Lisbon")
    await laptop.shows("Saved")
    await laptop.page.get_by_label("Edit this message").click()
    await laptop.page.get_by_label("New version of the message").fill("To Porto")
    await laptop.page.get_by_role("button", name="Send as a new version").click()
    await phone.sees("To Porto")
    await phone.page.get_by_label("Earlier version").click()
    await laptop.sees("To Lisbon")
    await laptop.page.get_by_label("Later version").click()
    await phone.sees("To Porto")


async def test_the_list_of_conversations_is_live_and_counts_what_is_unread(
    devices: Devices,
) -> None:
    laptop = await devices.open("laptop", "zoe")
    await laptop.send("Shall we?")
    await laptop.page.get_by_title("Rename").click()
    await laptop.page.get_by_label("Title").fill("Spring trip")
    await laptop.page.get_by_label("Title").press("Enter")
    phone = await devices.open("phone", "zoe", enters=False)
    await phone.open_panel("Conversations")
    listed = phone.page.get_by_role("navigation").get_by_role("button", name="Spring trip")
    await expect(listed).to_be_visible()
    await expect(listed.locator(".unread")).to_have_count(0)
    await laptop.page.get_by_role("button", name="New conversation").first.click()
    ben = await devices.open("laptop", "ben", role=Role.EDITOR)
    await ben.send("Yes!")
    await ben.send("When?")
    for device in (phone, laptop):
        unread = device.page.get_by_role("navigation").locator(".unread")
        await expect(unread).to_have_text("2 unread")
    await listed.click()
    await phone.sees("Shall we?", "Yes!", "When?")
    await expect(laptop.page.get_by_role("navigation").locator(".unread")).to_have_count(0)
