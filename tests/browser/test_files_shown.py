"""Files on the page: a picture from the phone on the laptop, and files that would like to run."""

import re
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import FilePayload, Page, expect

from accessible import assert_accessible
from http_client import HttpClient
from people import Device, Devices, Kind
from segue.auth.grants import Role
from servers import SegueServer

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

EVIL = b"""<svg xmlns="http://www.w3.org/2000/svg" onload="parent.document.title='owned'">
<script>parent.document.title = 'owned'</script><image href="https://evil.example/pixel.png"/></svg>"""


def png(width: int, height: int) -> bytes:
    """Gives a picture: a sky over water."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (
        b"\0" + bytes((30 + y % 90, 110 + (y * 100) // height, 200 - y % 60)) * width
        for y in range(height)
    )
    data = zlib.compress(b"".join(rows))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def payload(name: str, kind: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": content}


HARBOUR = payload("harbour.png", "image/png", png(640, 400))
PLAN = payload("plan.pdf", "application/pdf", b"%PDF-1.4 not much of one" * 50_000)


async def choose(device: Device, *files: FilePayload) -> None:
    """Attaches files as the dialog of the system does."""
    assert isinstance(device.page, Page)
    async with device.page.expect_file_chooser() as chosen:
        await device.page.get_by_role("button", name="Attach files").click()
    await (await chosen.value).set_files(list(files))


def chips(device: Device) -> Any:
    return device.page.get_by_role("list", name="Files for this message").get_by_role("listitem")


def shown(device: Device) -> Any:
    return device.messages.last.get_by_role("list", name="Files").get_by_role("listitem")


async def send_chosen(device: Device, text: str = "") -> None:
    if text:
        await device.composer.fill(text)
    send = device.page.get_by_role("button", name="Send", exact=True)
    await expect(send).to_be_enabled(timeout=30_000)
    await send.click()
    await expect(chips(device)).to_have_count(0)


async def sees_picture(device: Device, name: str, width: int) -> None:
    picture = device.page.get_by_role("img", name=name)
    await expect(picture).to_be_visible(timeout=30_000)
    await expect(picture).to_have_js_property("naturalWidth", width)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_a_picture_from_the_phone_is_shown_on_the_laptop(
    devices: Devices, screenshots: Path, dark: bool
) -> None:
    phone = await devices.open("phone", dark=dark)
    laptop = await devices.open("laptop", dark=dark)
    await phone.shows("Saved")
    await choose(phone, HARBOUR, PLAN)
    await expect(chips(phone)).to_have_count(2)
    await expect(phone.page.get_by_role("progressbar")).to_have_count(0, timeout=30_000)
    shade = "dark" if dark else "light"
    await look(phone, screenshots / f"phone-attached-{shade}.png")
    await send_chosen(phone, "From the ferry, and the plan")
    for device, name in ((phone, "phone"), (laptop, "laptop")):
        await sees_picture(device, "harbour.png", 640)
        await expect(shown(device)).to_have_count(2)
        await expect(shown(device).last).to_contain_text("1.2 MB")
        await device.shows("Saved")
        await look(device, screenshots / f"{name}-files-{shade}.png")
    await phone.page.reload()
    await sees_picture(phone, "harbour.png", 640)


@pytest.mark.parametrize("kind", ["phone", "laptop"])
async def test_a_picture_is_looked_at_as_large_as_the_screen_is(
    devices: Devices, screenshots: Path, kind: Kind
) -> None:
    device = await devices.open(kind)
    await device.shows("Saved")
    await choose(device, HARBOUR)
    await send_chosen(device)
    await sees_picture(device, "harbour.png", 640)
    assert isinstance(device.page, Page)
    thumbnail = device.page.get_by_role("button", name="harbour.png", exact=True)
    await thumbnail.focus()
    await device.page.keyboard.press("Enter")
    large = device.page.get_by_role("dialog", name="harbour.png")
    await expect(large.get_by_role("img")).to_be_visible()
    await look(device, screenshots / f"{kind}-picture.png")
    await device.page.keyboard.press("Escape")
    await expect(large).to_have_count(0)
    await thumbnail.click()
    await large.get_by_role("button").click()
    await expect(large).to_have_count(0)


async def look(device: Device, path: Path) -> None:
    assert isinstance(device.page, Page)
    await device.page.screenshot(path=path, animations="disabled")
    await assert_accessible(device, path.stem)


async def test_a_file_is_saved_as_it_was_sent(devices: Devices, tmp_path: Path) -> None:
    phone, laptop = (
        await devices.open("phone"),
        await devices.open("laptop", "ben", role=Role.EDITOR),
    )
    await phone.shows("Saved")
    await choose(phone, PLAN)
    await send_chosen(phone)
    assert isinstance(laptop.page, Page)
    async with laptop.page.expect_download() as saved:
        await laptop.page.get_by_role("button", name="Save plan.pdf").click()
    download = await saved.value
    assert download.suggested_filename == "plan.pdf"
    await download.save_as(tmp_path / "plan.pdf")
    assert (tmp_path / "plan.pdf").read_bytes() == PLAN["buffer"]


async def test_files_that_would_like_to_run_do_nothing(devices: Devices) -> None:
    phone, laptop = await devices.open("phone"), await devices.open("laptop")
    await phone.shows("Saved")
    page = b"<script>opener.document.title = document.title = 'owned'</script>"
    files = [
        payload("evil.svg", "image/svg+xml", EVIL),
        payload("evil.html", "text/html", page),
        payload("no.png", "image/png", EVIL),
        payload("a\u202egpj.exe", "application/x-msdownload", b"MZ"),
    ]
    await choose(phone, *files)
    await send_chosen(phone)
    await expect(shown(laptop)).to_have_count(4)
    await expect(shown(laptop).last).to_contain_text("agpj.exe")
    # What only says that it is a picture goes again; the others were never shown as one.
    await expect(laptop.messages.last.locator("img, .picture, svg script, iframe")).to_have_count(0)
    assert isinstance(laptop.page, Page)
    for name in ("evil.svg", "evil.html"):
        async with laptop.page.expect_download() as saved:
            await laptop.page.get_by_role("button", name=f"Save {name}").click()
        assert (await saved.value).suggested_filename == name
    assert len(laptop.page.context.pages) == 1
    assert await laptop.page.title() != "owned"
    assert all(url.startswith((devices.origin, "blob:", "data:")) for url in devices.requests)


async def test_a_file_that_is_opened_as_a_page_is_refused_or_saved(
    devices: Devices, server: SegueServer, session: str
) -> None:
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    ann = HttpClient(server, server.token("ann"))
    place = f"/v1/sessions/{session}/files"
    added = await ann.ask("POST", place, raw=EVIL, content_type="image/svg+xml")
    address = f"{devices.origin}{place}/{added.json['ref']}"
    assert isinstance(laptop.page, Page)
    answer = await laptop.page.context.new_page()
    found = await answer.goto(address)
    assert found is not None
    assert found.status == 401  # no link sends a token

    async def with_token(route: Any) -> None:
        headers = {**route.request.headers, "authorization": f"Bearer {ann.token}"}
        await route.continue_(headers=headers)

    await answer.route(re.compile("/v1/"), with_token)  # and if one did
    async with answer.expect_download() as saved:
        await answer.evaluate("(address) => { location.href = address }", address)
    await (await saved.value).cancel()
    assert await answer.title() != "owned"


async def test_pasting_dropping_removing_and_the_keyboard(devices: Devices) -> None:
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    assert isinstance(laptop.page, Page)
    give = """(area, [kind, event]) => {
      const data = new DataTransfer()
      data.items.add(new File(['hello'], `${kind}.txt`, { type: 'text/plain' }))
      const options = { bubbles: true, cancelable: true, clipboardData: data, dataTransfer: data }
      area.dispatchEvent(new (event === 'paste' ? ClipboardEvent : DragEvent)(event, options))
    }"""
    await laptop.composer.evaluate(give, ["pasted", "paste"])
    log = laptop.page.get_by_role("log")
    await log.evaluate(give, ["held", "dragover"])
    await expect(laptop.page.locator(".composer.dropping")).to_have_count(1)
    await log.evaluate(give, ["dropped", "drop"])
    await expect(laptop.page.locator(".composer.dropping")).to_have_count(0)
    await expect(chips(laptop)).to_have_count(2)
    await laptop.page.get_by_role("button", name="Remove pasted.txt").focus()
    await laptop.page.keyboard.press("Enter")
    await expect(chips(laptop)).to_have_text([re.compile("dropped.txt")])
    await expect(laptop.page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    await laptop.composer.focus()
    await laptop.page.keyboard.press("Enter")
    await expect(shown(laptop)).to_have_text([re.compile("dropped.txt")])


async def test_a_file_without_a_connection_says_so_and_goes_later(devices: Devices) -> None:
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    assert isinstance(laptop.page, Page)
    await laptop.page.context.set_offline(True)
    await choose(laptop, HARBOUR)
    await expect(chips(laptop)).to_contain_text("Files need a connection")
    await expect(laptop.page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    await laptop.page.context.set_offline(False)
    await laptop.page.get_by_role("button", name="Try harbour.png again").click()
    await send_chosen(laptop, "Now")
    await sees_picture(laptop, "harbour.png", 640)


async def test_a_file_that_is_too_large_says_so(devices: Devices) -> None:
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    await choose(laptop, payload("film.mp4", "video/mp4", bytes(26 << 20)))
    await expect(chips(laptop)).to_contain_text("SEGUE_MAX_FILE", timeout=60_000)
    await laptop.page.get_by_role("button", name="Remove film.mp4").click()
    await expect(chips(laptop)).to_have_count(0)
    await laptop.send("Without it")


async def test_an_edited_message_keeps_its_files(devices: Devices) -> None:
    laptop, phone = await devices.open("laptop"), await devices.open("phone")
    await laptop.shows("Saved")
    await choose(laptop, HARBOUR)
    await send_chosen(laptop, "To Lisbon")
    await laptop.shows("Saved")
    await laptop.page.get_by_label("Edit this message").click()
    await laptop.page.get_by_label("New version of the message").fill("To Porto")
    await laptop.page.get_by_role("button", name="Send as a new version").click()
    await expect(phone.messages.last).to_contain_text("To Porto")
    await sees_picture(phone, "harbour.png", 640)
