"""`kill -9` at random moments under load: what was acknowledged is there, and everybody goes on."""

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from crowd import Crowd, Scene, play

pytestmark = pytest.mark.anyio

Blow = Callable[[Scene, Crowd], Awaitable[None]]


async def kill_server(scene: Scene, crowd: Crowd) -> None:
    scene.server.kill()
    # Before it is back, or devices would send again what it had lost.
    await crowd.all_gone()
    await crowd.look()
    with scene.tally.recovery():
        await scene.server.start()
        await crowd.carry_on()


async def kill_workers(scene: Scene, crowd: Crowd) -> None:
    workers = scene.server.workers()
    with scene.tally.recovery():
        for worker in crowd.fate.sample(workers, crowd.fate.randint(1, len(workers))):
            worker.kill()
        await crowd.carry_on()
    for device in crowd.devices:
        assert (await device.summary())["closes"] == [], (
            "a worker's death isn't its devices' affair"
        )


async def kill_postgres(scene: Scene, crowd: Crowd) -> None:
    scene.postgres.kill()
    # Acknowledgements of commits before the blow may still be on their way; then there are none.
    first = await crowd.write_on(3)
    assert await crowd.write_on(crowd.fate.randrange(3, 30)) == first
    with scene.tally.recovery():
        scene.postgres.start()
        await crowd.look()
        await crowd.carry_on()


async def kill_everything(scene: Scene, crowd: Crowd) -> None:
    workers = scene.server.workers()
    scene.postgres.kill()
    scene.server.kill()
    for worker in workers:
        worker.kill()
    await crowd.all_gone()
    with scene.tally.recovery():
        scene.postgres.start()
        await crowd.look()
        await scene.server.start()
        await crowd.carry_on()


BLOWS: dict[str, Blow] = {
    "server": kill_server,
    "workers": kill_workers,
    "postgres": kill_postgres,
    "everything": kill_everything,
}


@pytest.mark.parametrize("what", BLOWS)
async def test_kill(scene: Scene, what: str) -> None:
    await play(scene, partial(BLOWS[what], scene))
