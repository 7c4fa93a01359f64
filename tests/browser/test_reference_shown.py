"""`/docs` in a browser: for a laptop and a phone, by day and by night, with keys alone."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from accessible import assert_accessible
from people import Device
from servers import SegueServer

pytestmark = pytest.mark.anyio

SHAPES: dict[str, dict[str, Any]] = {
    "laptop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}


async def read(browser: Browser, server: SegueServer, shape: str, shade: str) -> Page:
    """Opens the page where nothing else can be loaded; fails at whatever the browser complains of."""
    context = await browser.new_context(**SHAPES[shape], color_scheme=shade)
    opened = await context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on(
        "request",
        lambda request: complaints.append(request.url) if "/docs" not in request.url else None,
    )
    await opened.goto(server.url.replace("ws:", "http:") + "/docs")
    await expect(opened.get_by_role("heading", level=1)).to_be_visible()
    assert complaints == []
    return opened


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize("shape", list(SHAPES))
async def test_axe_finds_nothing_and_it_fits(
    browser: Browser, server: SegueServer, screenshots: Path, shape: str, shade: str
) -> None:
    opened = await read(browser, server, shape, shade)
    await opened.screenshot(path=screenshots / f"{shape}-docs-{shade}.png")
    assert await opened.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context = opened.context
    await context.close()
    # Its own policy lets no script of others in, axe's neither.
    context = await browser.new_context(**SHAPES[shape], color_scheme=shade, bypass_csp=True)
    opened = await context.new_page()
    await opened.goto(server.url.replace("ws:", "http:") + "/docs")
    await assert_accessible(Device(opened), f"docs on a {shape}, {shade}")
    await context.close()


async def test_one_gets_everywhere_with_keys(browser: Browser, server: SegueServer) -> None:
    opened = await read(browser, server, "laptop", "light")
    await opened.keyboard.press("Tab")
    await expect(opened.get_by_role("link", name="To the content")).to_be_focused()
    link = opened.get_by_role("navigation").get_by_role("link", name="Add a message")
    await link.focus()
    await opened.keyboard.press("Enter")
    await expect(opened.locator("article#add_message")).to_be_in_viewport()
    example = opened.locator("article#add_message pre")
    await opened.keyboard.press("Tab")
    await opened.keyboard.press("Tab")
    await expect(example).to_be_focused()
    await opened.context.close()
