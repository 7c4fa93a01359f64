"""These tests use the page as people do: Debian's chromium, a context per device, a real server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from chromium import browser
from people import Devices
from servers import SegueServer
from stock_fixtures import postgres, server, session

__all__ = ["browser", "postgres", "server", "session"]


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
