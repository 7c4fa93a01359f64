"""People with devices: pages of a browser, and what one does and sees there."""

import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Frame,
    Locator,
    Page,
    Route,
    expect,
)

from segue.auth.grants import Role
from servers import SegueServer
from waiting import PATIENCE_S

expect.set_options(timeout=1_000 * PATIENCE_S)

CHROMIUM_ARGUMENTS: Final = ["--no-sandbox", "--host-resolver-rules=MAP segue.test 127.0.0.1"]

Kind = Literal["phone", "laptop"]
_SHAPES: Final[dict[Kind, dict[str, Any]]] = {
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
    "laptop": {"viewport": {"width": 1280, "height": 800}},
}

# What a browser reports of a network that a test has cut, or a server that it has killed.
_NETWORK_TROUBLE: Final = re.compile(r"WebSocket connection to|Failed to load resource|net::ERR_")

_WRITE_AS_AGENT: Final = """async ([url, token, session, text, status]) => {
  const { createClient } = await import('/client.js')
  const client = createClient({ url, token, device: { id: 'agent', kind: 'program' } })
  const entered = client.enterSession(session)
  const until = async (holds) => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await until(() => entered.isSynced)
  const { doc } = entered
  const [YMap, YText] = [doc.getMap('messages').constructor, doc.getText('none').constructor]
  const part = new YMap([['type', 'text'], ['text', new YText(text)], ['state', 'done']])
  const author = { kind: 'agent', id: 'demo', name: 'Segue demo' }
  const time = Date.now()
  const hex = time.toString(16).padStart(12, '0')
  const random = Math.random().toString(16).slice(2, 14).padEnd(12, '0')
  doc.getMap('messages').set(`${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${random}`, new YMap([
    ['role', 'assistant'], ['author', author], ['created_at', time], ['status', status],
    ['parts', new YMap([['0', part]])],
  ]))
  await until(() => entered.getSyncStatus() === 'synchronized')
  client.destroy()
}"""


@dataclass
class Device:
    """A page, or a frame of one, with a conversation open."""

    page: Page | Frame
    errors: list[str] = field(default_factory=list)

    @property
    def composer(self) -> Locator:
        """The field for the next message."""
        return self.page.get_by_label("Message", exact=True)

    @property
    def messages(self) -> Locator:
        """What was said, each as one reads it."""
        return self.page.get_by_role("log").locator("article .body")

    @property
    def badge(self) -> Locator:
        """The word on whether all is saved."""
        return self.page.locator(".badge")

    async def send(self, text: str) -> None:
        """Types a message and sends it; from then on the badge speaks of it, too."""
        await self.composer.fill(text)
        await self.page.get_by_label("Send", exact=True).click()
        await expect(self.composer).to_have_value("")

    async def sees(self, *texts: str) -> None:
        """Waits until exactly these messages are shown, in this order."""
        await expect(self.messages).to_have_text(list(texts))

    async def shows(self, badge: str) -> None:
        """Waits until the badge says so."""
        await expect(self.badge).to_have_text(badge)

    async def frame(self, title: str) -> "Device":
        """Gives the device in a frame of the page."""
        element = await self.page.get_by_title(title).element_handle()
        assert element is not None
        found = await element.content_frame()
        assert found is not None
        return Device(found)

    async def open_panel(self, name: str) -> None:
        """Opens a panel beside the conversation."""
        await self.page.get_by_role("button", name=name, exact=True).click()


class Devices:
    """Opens pages in one conversation, each a device of its own, and closes them at the end."""

    def __init__(self, browser: Browser, server: SegueServer, session: str) -> None:
        self._browser = browser
        self._server = server
        self._session = session
        self._contexts: list[BrowserContext] = []
        self._opened: list[Device] = []
        self.requests: list[str] = []

    @property
    def origin(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self._server.port}"

    async def open(
        self,
        kind: Kind,
        user: str = "ann",
        *,
        role: Role | None = None,
        origin: str | None = None,
        path: str = "/",
        enters: bool = True,
        dark: bool = False,
    ) -> Device:
        """Opens the page as a person on a device; with a role only as the conversation's guest.

        Without `enters` the choice of a conversation is left to them.
        """
        context = await self._browser.new_context(
            **_SHAPES[kind], color_scheme="dark" if dark else "light"
        )
        self._contexts.append(context)
        device = await self.adopt(await context.new_page())
        address = self.address(user, role)
        if not enters:
            address = address.partition("&")[0]
        await device.page.goto((origin or self.origin) + path + address)
        return device

    async def open_link(self, kind: Kind, link: str) -> Device:
        """Opens a link on a device on which nobody is signed in."""
        context = await self._browser.new_context(**_SHAPES[kind])
        self._contexts.append(context)
        device = await self.adopt(await context.new_page())
        await device.page.goto(link)
        return device

    def address(self, user: str, role: Role | None = None) -> str:
        """Gives the end of the sign-in link that leads a person to the conversation."""
        granted = None if role is None else {self._session: role}
        return f"#token={self._server.token(user, sessions=granted)}&s={self._session}"

    async def adopt(self, page: Page) -> Device:
        """Takes a page in that was opened otherwise, to watch over it."""
        device = Device(page)
        page.on("console", lambda message: _note(device, message))
        page.on("pageerror", lambda error: device.errors.append(f"{error} {error.stack}"))
        page.on("request", lambda request: self.requests.append(request.url))
        self._opened.append(device)
        return device

    async def say_as_agent(self, text: str, status: str = "complete") -> None:
        """Adds a message of an agent; what it may write is for the page to survive."""
        context = await self._browser.new_context()
        page = await context.new_page()
        await page.goto(f"{self.origin}/")
        token = self._server.token("demo", sessions={self._session: Role.AGENT})
        arguments = [self.origin, token, self._session, text, status]
        await page.evaluate(_WRITE_AS_AGENT, arguments)
        await context.close()

    async def close(self) -> None:
        """Closes all; fails if a page reported an error."""
        errors = [error for device in self._opened for error in device.errors]
        for context in self._contexts:
            try:
                await context.close()
            except Error:  # a test has closed it
                continue
        assert not errors, errors


def _note(device: Device, message: ConsoleMessage) -> None:
    if message.type in ("error", "warning") and not _NETWORK_TROUBLE.search(message.text):
        device.errors.append(message.text)


async def refuse(route: Route) -> None:
    """Answers a request as a network that is away does."""
    await route.abort("internetdisconnected")
