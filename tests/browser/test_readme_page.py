"""The page of the README runs as it stands, in a page of another origin."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.async_api import Browser, expect
from typing_extensions import override

from people import Devices
from servers import PostgresServer, SegueServer

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

README = (Path(__file__).parents[2] / "README.md").read_text()


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def app_server(folder: Path) -> Iterator[str]:
    """Serves somebody's app, from a folder; gives its origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as serving:
        thread = Thread(target=serving.serve_forever, name="app")
        thread.start()
        try:
            yield f"http://127.0.0.1:{serving.server_port}"
        finally:
            serving.shutdown()
            thread.join()


async def test_a_page_without_a_bundler_takes_part(
    browser: Browser, postgres: PostgresServer, tmp_path: Path, session: str
) -> None:
    found = re.search(r"<!-- test: page -->\n```html\n(.*?)```", README, re.DOTALL)
    assert found is not None
    address = await postgres.new_database()
    folder = tmp_path / "app"
    folder.mkdir()
    with app_server(folder) as app_origin:
        async with SegueServer.started(
            tmp_path, database_url=address, SEGUE_ORIGINS=app_origin
        ) as server:
            devices = Devices(browser, server, session)
            page = found[1].replace("http://127.0.0.1:8000", devices.origin)
            (folder / "index.html").write_text(page.replace("my-trip", session))
            laptop = await devices.open("laptop")
            await laptop.send("From the page of Segue")
            context = await browser.new_context()
            await context.add_init_script(f"localStorage.token = {server.token('ann')!r}")
            app = (await devices.adopt(await context.new_page())).page
            await app.goto(app_origin)
            await expect(app.locator("li")).to_have_text("ann: From the page of Segue")
            await app.locator("#text").fill("From a page of one's own")
            await app.locator("#text").press("Enter")
            await laptop.sees("From the page of Segue", "From a page of one's own")
            await expect(app.locator("#state")).to_have_text("saved")
            await context.close()
            await devices.close()
