"""Has axe look at a page: nobody is to be shut out."""

from pathlib import Path
from typing import Final

from people import Device

_AXE: Final = Path(__file__).parents[1] / "client_js/node_modules/axe-core/axe.min.js"


async def assert_accessible(device: Device, state: str) -> None:
    """Has axe look at the page as it stands."""
    await device.page.evaluate(_AXE.read_text())
    found = await device.page.evaluate("axe.run({ resultTypes: ['violations'] })")
    problems = [
        (each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found["violations"]
    ]
    assert not problems, (state, problems)
