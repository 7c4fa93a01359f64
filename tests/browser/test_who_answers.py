"""Who answers, and when: people take over from an agent, ask out of turn, and see what it thought."""

import re
from pathlib import Path

import pytest
from counting import AGENTS, BEGUN, LONG, server
from playwright.async_api import Browser, Page, expect

from accessible import assert_accessible
from http_client import HttpClient
from people import Devices
from segue.auth.grants import Role
from servers import PostgresServer, SegueServer

__all__ = ["server"]

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


async def test_a_person_takes_over_and_gives_back_in_sight_of_all(
    devices: Devices, screenshots: Path
) -> None:
    phone, laptop = (
        await devices.open("phone"),
        await devices.open("laptop", "ben", role=Role.EDITOR),
    )
    await phone.send(LONG)
    for device in (phone, laptop):
        await expect(device.messages.last).to_have_text(BEGUN)
        await expect(device.page.get_by_text("counting answers here")).to_be_visible()
    await phone.send("4")
    await expect(laptop.page.get_by_text("Waits for its turn")).to_be_visible()
    await laptop.page.get_by_role("button", name="Take over").click()
    await expect(phone.page.get_by_text("ben answers here")).to_be_visible()
    await expect(laptop.page.get_by_text("You answer here")).to_be_visible()
    for device in (phone, laptop):
        await expect(device.page.get_by_role("button", name="Stop the answer")).to_have_count(0)
    await laptop.send("I'll take it from here.")
    await phone.send("5")
    for device in (phone, laptop):
        await expect(device.messages.last).to_have_text("5")
        assert isinstance(device.page, Page)
        name = "phone" if device is phone else "laptop"
        await device.page.screenshot(path=screenshots / f"{name}-taken-over.png")
        await assert_accessible(device, name)
    await phone.page.get_by_role("button", name="Give back to the assistant").click()
    await expect(laptop.page.get_by_text("counting answers here")).to_be_visible()
    await laptop.send("3")
    await expect(phone.messages.last).to_have_text("0 1 2")
    await expect(phone.messages.nth(-3)).to_have_text("5")  # was never answered


async def test_what_waits_is_taken_back_or_goes_first(devices: Devices) -> None:
    phone, laptop = await devices.open("phone"), await devices.open("laptop")
    await phone.send(LONG)
    await expect(laptop.messages.last).to_have_text(BEGUN)
    await laptop.send("7")
    for device in (phone, laptop):
        await expect(device.messages.last).to_have_text("7")
    await phone.page.get_by_role("button", name="Withdraw").click()
    for device in (phone, laptop):
        await expect(device.messages).to_have_count(2)
    await laptop.composer.fill("3")
    await laptop.page.get_by_label("Stop the answer and take this first").check()
    await laptop.page.get_by_label("Send", exact=True).click()
    for device in (phone, laptop):
        await expect(device.messages.last).to_have_text("0 1 2")
        await expect(device.page.get_by_text("Stopped")).to_be_visible()


async def test_what_an_agent_thought_and_draws_on_is_there_for_who_wants_it(
    browser: Browser, postgres: PostgresServer, tmp_path: Path, session: str
) -> None:
    async with SegueServer.started(
        tmp_path,
        database_url=await postgres.new_database(),
        SEGUE_AGENT="musing:Musing",
        PYTHONPATH=str(AGENTS),
    ) as server:
        devices = Devices(browser, server, session)
        phone = await devices.open("phone")
        await phone.send("How is the weather?")
        answer = phone.messages.last
        await expect(answer).to_contain_text("It rains.")
        thought = answer.get_by_text("They ask about the weather.")
        await expect(thought).to_be_hidden()
        await answer.get_by_text("What it thought").click()
        await expect(thought).to_be_visible()
        await expect(answer.get_by_role("link")).to_have_count(1)
        source = answer.get_by_role("link", name="Lisbon today")
        await expect(source).to_have_attribute("href", "https://weather.example/lisbon")
        await expect(answer).to_contain_text("A trap")
        await devices.close()


async def test_a_conversation_walked_through_on_a_phone_and_a_desktop(
    devices: Devices, server: SegueServer, session: str
) -> None:
    """Send, stop from the other, edit, switch, regenerate, and a crash after which it goes on by itself."""
    phone, laptop = await devices.open("phone"), await devices.open("laptop")
    await phone.send(LONG)
    await expect(laptop.messages.last).to_have_text(BEGUN)
    await laptop.page.get_by_role("button", name="Stop the answer").click()
    await expect(phone.page.get_by_text("Stopped")).to_be_visible()

    await phone.page.get_by_role("button", name="Edit this message").click()
    await phone.page.get_by_label("New version of the message").fill("4")
    await phone.page.get_by_role("button", name="Send as a new version").click()
    for device in (phone, laptop):
        await device.sees("4", "0 1 2 3")
        await expect(device.page.get_by_text("2 / 2")).to_be_visible()
    await laptop.page.get_by_role("button", name="Earlier version").click()
    await expect(phone.messages.first).to_have_text(LONG)
    await phone.page.get_by_role("button", name="Later version").click()
    await laptop.sees("4", "0 1 2 3")

    await laptop.messages.last.hover()
    await laptop.page.get_by_role("button", name="Answer this anew").click()
    for device in (phone, laptop):
        await expect(device.page.get_by_text("2 / 2")).to_have_count(2)
        await device.sees("4", "0 1 2 3")

    settings = {"settings": {"when_interrupted": "resume"}}
    ann = HttpClient(server, server.token("ann"))
    changed = await ann.ask("PATCH", f"/v1/sessions/{session}", settings)
    assert changed.status == 200
    await laptop.send(LONG)
    for device in (phone, laptop):
        await expect(device.messages.last).to_have_text(BEGUN)
    server.kill()
    seen = (await phone.messages.last.text_content() or "").split()
    await server.start()
    went_on = re.compile("^" + " ".join(seen) + r" \d+ \d+")
    for device in (phone, laptop):
        await expect(device.messages.last).to_have_text(went_on, timeout=30_000)
        await device.shows("Saved")
        await expect(device.page.get_by_text("Interrupted")).to_have_count(0)
    await phone.page.get_by_role("button", name="Stop the answer").click()
    await expect(laptop.page.get_by_text("Stopped")).to_be_visible()
