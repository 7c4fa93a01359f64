"""Debian's browser, for the tests that use it."""

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from people import CHROMIUM_ARGUMENTS

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
