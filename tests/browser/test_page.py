"""The page itself: for everybody, on every screen, in every context, and light enough to start on a train."""

import gzip
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from accessible import assert_accessible
from people import Device, Devices
from segue.auth.grants import Role
from segue.http.pages import WEB

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

MAX_START_BYTES = 120_000

PLAN = """Here is a **sample plan** for *Lisbon*:

## Day 1
- Tram 28 to the [Miradouro](https://example.com/)
- Lunch at the market

| When | What |
| --- | --- |
| 9:00 | Jerónimos Monastery |
| 12:00 | Pastéis de Belém |

> These are samples: I can't book anything.
"""


async def fill_with_talk(devices: Devices, laptop: Device) -> None:
    """Gives the conversation a bit of everything."""
    await laptop.send("I'd like to go to Lisbon in mid May, two of us.")
    await laptop.shows("Saved")
    await devices.say_as_agent(PLAN)
    await devices.say_as_agent("The hotel is close to the ri", "interrupted")
    await expect(laptop.messages).to_have_count(3)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_axe_finds_nothing_and_pictures_are_taken(
    devices: Devices, screenshots: Path, dark: bool
) -> None:
    shade = "dark" if dark else "light"
    laptop = await devices.open("laptop", dark=dark)
    await fill_with_talk(devices, laptop)
    phone = await devices.open("phone", "ben", role=Role.EDITOR, dark=dark)
    await phone.composer.press_sequentially("Half typed")
    await expect(laptop.page.get_by_text("ben is typing")).to_be_visible()

    async def look(device: Device, name: str) -> None:
        assert isinstance(device.page, Page)
        await device.page.screenshot(
            path=screenshots / f"{name}-{shade}.png", animations="disabled"
        )
        await assert_accessible(device, name)

    await look(laptop, "laptop")
    await look(phone, "phone")
    await laptop.badge.click()
    await look(laptop, "laptop-badge")
    await laptop.open_panel("What the assistant knows")
    await laptop.page.get_by_role("button", name="Add").first.click()
    await look(laptop, "laptop-knows")
    await laptop.open_panel("Document")
    await laptop.page.get_by_role("button", name="New document").click()
    await laptop.page.get_by_label("Document 1").fill("Packing list\n- Hat")
    await phone.open_panel("Document")
    await phone.page.get_by_label("Document 1").click()
    await expect(laptop.page.locator("[data-caret=ben]")).to_be_visible()
    await look(laptop, "laptop-document")
    await look(phone, "phone-document")
    await laptop.open_panel("Share")
    await look(laptop, "laptop-share")
    await phone.page.get_by_role("button", name="Close the panel").click()
    await phone.open_panel("Conversations")
    await expect(phone.page.get_by_role("button", name="New conversation").first).to_be_visible()
    await look(phone, "phone-menu")


async def test_without_a_link_it_says_how_to_sign_in(devices: Devices, screenshots: Path) -> None:
    device = await devices.open("phone")
    await device.shows("Saved")
    device.page.on("dialog", lambda dialog: dialog.accept())
    await device.open_panel("Conversations")
    await device.page.get_by_role("button", name="Sign out on this device").click()
    await expect(device.page.get_by_role("heading", name="Segue")).to_be_visible()
    assert isinstance(device.page, Page)
    await device.page.screenshot(path=screenshots / "phone-sign-in.png")
    await assert_accessible(device, "sign in")
    await device.page.get_by_label("Link or token").fill("no token")
    await device.page.get_by_role("button", name="Sign in").click()
    await expect(device.page.get_by_role("alert")).to_contain_text("no sign-in token")
    await device.page.get_by_label("Link or token").fill(
        f"{devices.origin}/{devices.address('ann')}"
    )
    await device.page.get_by_role("button", name="Sign in").click()
    await device.shows("Saved")


async def test_what_was_kept_of_a_person_is_gone_once_they_sign_out(devices: Devices) -> None:
    device = await devices.open("laptop")
    await device.send("Private")
    await device.shows("Saved")
    await device.page.get_by_role("button", name="Sign out on this device").click()
    await expect(device.page.get_by_label("Link or token")).to_be_visible()
    kept = await device.page.evaluate(
        """async () => {
          const counts = []
          for (const { name } of await indexedDB.databases()) {
            const database = await new Promise((resolve) => {
              const request = indexedDB.open(name)
              request.onsuccess = () => resolve(request.result)
            })
            for (const store of database.objectStoreNames) {
              counts.push(await new Promise((resolve) => {
                const request = database.transaction(store).objectStore(store).count()
                request.onsuccess = () => resolve(request.result)
              }))
            }
            database.close()
          }
          return { counts, token: localStorage.getItem('segue.token') }
        }"""
    )
    assert kept == {"counts": [0, 0, 0], "token": None}


async def test_a_keyboard_is_enough(devices: Devices) -> None:
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    assert isinstance(laptop.page, Page)
    await laptop.composer.focus()
    await laptop.page.keyboard.type("First line")
    await laptop.page.keyboard.press("Shift+Enter")
    await laptop.page.keyboard.type("second line")
    await laptop.page.keyboard.press("Enter")
    await laptop.sees("First line\nsecond line")
    await laptop.badge.focus()
    await laptop.page.keyboard.press("Enter")
    await expect(laptop.page.locator(".popover")).to_be_visible()
    await laptop.page.keyboard.press("Escape")
    await expect(laptop.page.locator(".popover")).to_have_count(0)


async def test_a_screen_reader_is_told_whole_messages_in_one_place(devices: Devices) -> None:
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    status = laptop.page.get_by_role("status")
    await expect(status).to_have_text("Saved")
    await devices.say_as_agent("The plan is ready.")
    await expect(status).to_have_text("Segue demo: The plan is ready.")
    await expect(status).to_have_count(1)
    assert await laptop.page.get_by_role("log").get_attribute("aria-live") == "off"


async def test_on_plain_http_it_works_without_what_browsers_then_withhold(devices: Devices) -> None:
    port = devices.origin.rsplit(":", 1)[1]
    phone = await devices.open("phone", origin=f"http://segue.test:{port}")
    await phone.shows("Saved")
    withheld = await phone.page.evaluate(
        "[isSecureContext, 'randomUUID' in crypto, 'serviceWorker' in navigator]"
    )
    assert withheld == [False, False, False]
    laptop = await devices.open("laptop")
    await phone.send("From the other room")
    await laptop.sees("From the other room")
    await phone.page.reload()
    await phone.sees("From the other room")
    await phone.shows("Saved")


async def test_side_by_side_are_two_devices_each_with_a_network_of_its_own(
    devices: Devices,
) -> None:
    both = await devices.open("laptop", path="/side-by-side")
    assert isinstance(both.page, Page)

    phone, laptop = await both.frame("The phone"), await both.frame("The laptop")
    await phone.send("From the phone")
    await laptop.sees("From the phone")
    await both.page.get_by_label("Network").first.uncheck()
    await phone.shows("Offline")
    await phone.send("Cut off")
    await phone.shows("Offline, 1 waiting")
    await laptop.send("Going on")
    await laptop.shows("Saved")
    await both.page.get_by_label("Network").first.check()
    await phone.sees("From the phone", "Going on", "Cut off")
    await laptop.sees("From the phone", "Going on", "Cut off")
    names = await both.page.evaluate("indexedDB.databases().then(all => all.map(({name}) => name))")
    assert len({name for name in names if name.startswith("segue ")}) == 2
    await assert_accessible(both, "side by side")


def test_it_starts_with_less_than_the_agreed_weight() -> None:
    page = (WEB / "index.html").read_text()
    names = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)
    assert any(name.endswith(".js") for name in names)
    assert any(name.endswith(".css") for name in names)
    assert (
        sum(len(gzip.compress((WEB / name[1:]).read_bytes())) for name in names) < MAX_START_BYTES
    )


async def test_it_can_be_installed(devices: Devices) -> None:
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    manifest = await laptop.page.evaluate("fetch('/manifest.webmanifest').then((a) => a.json())")
    assert manifest["start_url"] == "/"
    for icon in manifest["icons"]:
        answer = await laptop.page.evaluate(
            "(url) => fetch(url).then((a) => [a.status, a.headers.get('content-type')])",
            icon["src"],
        )
        assert answer == [200, icon["type"]]
    await laptop.page.evaluate("navigator.serviceWorker.ready")
    cached = await laptop.page.evaluate(
        """async () => {
          const urls = []
          for (const name of await caches.keys())
            for (const { url } of await (await caches.open(name)).keys()) urls.push(new URL(url).pathname)
          return urls
        }"""
    )
    assert "/" in cached
    assert not any(path.startswith("/v1") for path in cached)
