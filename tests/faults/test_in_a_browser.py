"""Our own client in a real browser, without a network and without a server: "saved" is never said too early."""

from collections.abc import Sequence

import pytest
from crowd import USER, Scene
from playwright.async_api import Browser, Page

from servers import new_session
from stored import read_stored

pytestmark = pytest.mark.anyio

PER_PAGE = 5

# `safe`: every message that was there at a moment at which the client called all edits durable.
JOIN = """async ([url, token, id]) => {
  const { createClient } = await import('/client.js')
  const session = createClient({ url, token }).enterSession(id)
  const [said, safe] = [[], new Set()]
  const isSafe = () => session.getSyncStatus() === 'synchronized'
  const note = () => { if (isSafe()) for (const id of said) safe.add(id) }
  session.subscribe('status', note)
  session.subscribe('messages', note)
  const say = async (text) => { said.push(await session.sendMessage(text)); note() }
  globalThis.segue = { said, safe, isSafe, say, session }
}"""
SAY = """async (count) => { for (let n = 0; n < count; n++) await segue.say(`word ${n}`) }"""
TYPE = "() => { segue.typing = setInterval(() => segue.say('typed'), 30) }"
STOP_TYPING = "() => clearInterval(segue.typing)"
HAS_SAFE = "(count) => segue.safe.size >= count"
ALL_SAFE = "() => segue.isSafe() && segue.session.isSynced && segue.safe.size === segue.said.length"
READ = "() => ({ said: segue.said, safe: [...segue.safe], isSafe: segue.isSafe() })"
IS_OFFLINE = "() => segue.session.getStatus() !== 'connected'"


class Tab:
    """A page in a session."""

    def __init__(self, scene: Scene, page: Page, session: str) -> None:
        self.scene = scene
        self.page = page
        self.session = session

    async def look(self) -> None:
        """Asserts that what was called safe up to now is in the log."""
        safe = (await self.page.evaluate(READ))["safe"]
        stored = await read_stored(self.scene.dsn, self.session)
        kept = (await self.scene.host.fold(stored.updates))["roots"].get("messages", {})
        lost = set(safe) - set(kept)
        self.scene.tally.lost += len(lost)
        assert not lost, lost

    async def says_unseen(self, count: int) -> None:
        """Says something that can't be saved now, and hears of none of it that it is."""
        before: Sequence[str] = (await self.page.evaluate(READ))["safe"]
        await self.page.evaluate(SAY, count)
        found = await self.page.evaluate(READ)
        assert not found["isSafe"], "called safe, and it is nowhere but here"
        assert found["safe"] == before

    async def all_saved(self) -> None:
        """Returns once everything is called safe, and is."""
        await self.page.wait_for_function(ALL_SAFE, timeout=60_000)
        await self.look()

    async def types(self) -> None:
        """Goes on saying something, until `stops`; returns once some of it is safe."""
        safe = len((await self.page.evaluate(READ))["safe"])
        await self.page.evaluate(TYPE)
        await self.page.wait_for_function(HAS_SAFE, arg=safe + 3, timeout=60_000)

    async def stops(self) -> None:
        await self.page.evaluate(STOP_TYPING)


async def lose_the_network(tab: Tab) -> None:
    await tab.page.context.set_offline(True)
    await tab.page.wait_for_function(IS_OFFLINE)
    await tab.says_unseen(3)
    tab.scene.server.kill()
    await tab.look()
    await tab.scene.server.start()
    await tab.says_unseen(2)
    with tab.scene.tally.recovery():
        await tab.page.context.set_offline(False)
        await tab.all_saved()


async def lose_the_server(tab: Tab) -> None:
    await tab.types()
    tab.scene.server.kill()
    await tab.page.wait_for_function(IS_OFFLINE)
    await tab.look()
    await tab.stops()
    await tab.says_unseen(2)
    await tab.scene.server.start()
    with tab.scene.tally.recovery():
        await tab.all_saved()


async def lose_the_disk(tab: Tab) -> None:
    await tab.all_saved()
    with tab.scene.postgres.stopped():
        await tab.says_unseen(3)
        await tab.says_unseen(2)
    with tab.scene.tally.recovery():
        await tab.all_saved()


LOSSES = (lose_the_network, lose_the_server, lose_the_disk)


@pytest.mark.share(3 / 10)
async def test_in_a_browser(scene: Scene, browser: Browser) -> None:
    """Its network, its server and the disk go away by turns."""
    tally = scene.tally
    while tally.left:
        session = new_session()
        context = await browser.new_context()
        page = await context.new_page()
        origin = f"http://127.0.0.1:{scene.server.port}"
        await page.goto(origin)
        await page.evaluate(JOIN, [origin, scene.server.token(USER), session])
        tab = Tab(scene, page, session)
        for _ in range(min(PER_PAGE, tally.left)):
            await tab.all_saved()
            for lose in LOSSES:
                await lose(tab)
            tally.rounds += 1
        tally.acknowledged += len((await page.evaluate(READ))["safe"])
        await context.close()
