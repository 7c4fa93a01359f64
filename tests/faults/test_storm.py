"""Everybody comes back at once after a restart."""

import anyio
import pytest
from crowd import Scene, gather
from tally import Tally

pytestmark = pytest.mark.anyio

MANY = (300, 1_000)
FEW = (30, 100)
"""Sessions and devices."""


@pytest.mark.share(1 / 20)
async def test_storm(scene: Scene, tally: Tally, rounds: int) -> None:
    """The node answers all the while, and all are served."""
    sessions, devices = MANY if rounds > 2 else FEW
    while tally.left:
        crowd = await gather(scene, tally.rounds, rooms=sessions, devices=devices)
        await crowd.type(hz=1)
        await crowd.write_a_while()
        scene.server.kill()
        await crowd.all_gone()
        with tally.recovery():
            await scene.server.start()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(stay_alive, scene)
                await crowd.carry_on()
                tasks.cancel_scope.cancel()
        await scene.server.ready()
        await crowd.settle()
        await crowd.leave()
        tally.rounds += 1


async def stay_alive(scene: Scene) -> None:
    """Asks again and again; whoever is asked answers, if only after a while."""
    while True:
        assert await scene.server.status("/livez") == 200
        # On a small machine its look at the database may take longer than it waits; then it says so.
        assert await scene.server.status("/readyz") in (200, 503)
        await anyio.sleep(0.2)
