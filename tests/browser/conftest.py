"""These tests use the page as people do: Debian's chromium, a context per device, a real server."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from people import CHROMIUM_ARGUMENTS, Devices
from servers import SegueServer
from stock_fixtures import postgres, server, session

__all__ = ["postgres", "server", "session"]

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser; every device is a context of its own in it."""
    if CHROMIUM is None:
        pytest.skip("no chromium here (apt install chromium)")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS
        )
        yield launched
        await launched.close()


@pytest.fixture
async def devices(browser: Browser, server: SegueServer, session: str) -> AsyncIterator[Devices]:
    """Opens pages as devices; fails if any of them reported an error that nobody expected."""
    opened = Devices(browser, server, session)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of the page are kept, to be looked at."""
    folder = Path(__file__).parents[2] / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder
