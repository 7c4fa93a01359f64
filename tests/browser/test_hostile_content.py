"""Messages of a hostile model: they do nothing but stand there."""

import pytest
from playwright.async_api import expect

from people import Devices
from waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

HOSTILE = """<script>document.title = 'owned'</script>
<img src="https://evil.example/a.png" onerror="document.title = 'owned'">

![tracker](https://evil.example/pixel.png) [click](javascript:document.title='owned')

<iframe src="https://evil.example/"></iframe> <svg onload="document.title='owned'">

| a | b |
| --- | --- |
| <b onclick="x">c</b> | ![d](//evil.example/e) |

[bidi](https://ok.example/\u202egnp.exe) \u202eerofeb\u202c after
"""


async def test_markup_is_text_and_nothing_is_fetched_from_elsewhere(devices: Devices) -> None:
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    await devices.say_as_agent(HOSTILE)
    body = laptop.messages.last
    await expect(body).to_contain_text("<script>")
    await expect(body.locator("script, img, iframe, svg, b")).to_have_count(0)
    for link in await body.locator("a").all():
        assert (await link.get_attribute("href") or "").startswith(("https:", "http:"))
    assert await laptop.page.title() != "owned"
    assert all(url.startswith((devices.origin, "blob:", "data:")) for url in devices.requests)


async def test_a_line_of_a_megabyte_is_shown_and_the_page_goes_on(devices: Devices) -> None:
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    await devices.say_as_agent("**x** " * 150_000)
    await expect(laptop.messages).to_have_count(1)
    await laptop.send("Still here")
    await expect(laptop.messages.last).to_have_text("Still here")


async def test_turned_text_stays_within_its_message(devices: Devices) -> None:
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    await devices.say_as_agent("\u202eturned\u2067\u202e")
    isolation = await laptop.messages.last.locator("p").evaluate(
        "element => getComputedStyle(element).unicodeBidi"
    )
    assert isolation in ("isolate", "plaintext")


async def test_even_a_page_that_were_tricked_runs_no_foreign_script(devices: Devices) -> None:
    laptop = await devices.open("laptop")
    await laptop.shows("Saved")
    await laptop.page.evaluate(
        """() => {
          document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="document.title=1">')
          const script = document.createElement('script')
          script.textContent = "document.title = 'owned'"
          document.body.append(script)
          const away = document.createElement('img')
          away.src = 'https://evil.example/pixel.png'
          document.body.append(away)
        }"""
    )
    await until(lambda: len(laptop.errors) >= 3)  # the policy's words on each of them
    assert await laptop.page.title() not in ("1", "owned")
    assert all("Content Security Policy" in error for error in laptop.errors)
    laptop.errors.clear()
