"""Killed at every step of a compaction; a stored snapshot that is damaged."""

from collections.abc import Awaitable, Callable

import pytest
from crowd import Crowd, Scene, play
from holds import OF_A_COMPACTION, Hold, Step, hold

pytestmark = pytest.mark.anyio


async def kill_the_server(scene: Scene, crowd: Crowd, held: Hold) -> None:
    scene.server.kill()
    await crowd.all_gone()
    # Else Postgres goes on with what the server had asked for, as if nothing had happened.
    await held.terminate()
    await scene.server.start()


async def kill_postgres(scene: Scene, crowd: Crowd, held: Hold) -> None:
    scene.postgres.kill()
    scene.postgres.start()


async def end_the_session(scene: Scene, crowd: Crowd, held: Hold) -> None:
    await held.terminate()


Deed = Callable[[Scene, Crowd, Hold], Awaitable[None]]
DEEDS: tuple[Deed, ...] = (kill_the_server, kill_postgres, end_the_session)


@pytest.mark.parametrize("step", OF_A_COMPACTION)
async def test_crash_in_a_compaction(scene: Scene, step: Step) -> None:
    async def crash(crowd: Crowd) -> None:
        deed = DEEDS[(scene.tally.rounds + OF_A_COMPACTION.index(step)) % len(DEEDS)]
        async with hold(scene.dsn, step) as held:
            await held.reached()
            await deed(scene, crowd, held)
        with scene.tally.recovery():
            await crowd.carry_on()

    await play(scene, crash)
