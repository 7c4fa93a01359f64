"""Two processes on one database: one serves, the other waits; and when they fight, nothing is lost."""

from pathlib import Path

import pytest
from crowd import Scene, gather
from tally import Tally

from conftest import SETTINGS
from databases import connected
from servers import SegueServer
from waiting import until_it_is, until_logged

pytestmark = pytest.mark.anyio

TAKE_THE_LOCK_AWAY = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def until_one_is_ready(*servers: SegueServer) -> None:
    async def look() -> bool:
        return 200 in [await server.status("/readyz") for server in servers]

    await until_it_is(look)


async def test_the_second_waits_and_takes_over(
    scene: Scene, tmp_path: Path, tally: Tally, rounds: int
) -> None:
    second = SegueServer(tmp_path, SETTINGS, scene.server.database_url)
    serving, waiting = scene.server, second
    try:
        while tally.rounds < rounds:
            crowd = await gather(scene, tally.rounds, rooms=2, url=scene.server.url)
            await crowd.type()
            await crowd.write_a_while()
            waiting_log = waiting.log.stat().st_size if waiting.log.exists() else 0
            await waiting.start(ready=False)
            await until_logged(waiting.log, "node_lock.waiting", waiting_log)
            assert await waiting.status("/readyz") == 503
            serving.kill()
            await crowd.all_gone()
            await crowd.look()
            with tally.recovery():
                await waiting.ready()
            # The devices know one address only: the first one's.
            waiting.kill()
            await serving.start()
            await crowd.carry_on()
            await crowd.settle()
            await crowd.leave()
            tally.rounds += 1
    finally:
        await second.end()


async def test_two_fight_for_the_lock(
    scene: Scene, tmp_path: Path, tally: Tally, rounds: int
) -> None:
    """Whoever has lost it writes nothing over what the other wrote."""
    second = SegueServer(tmp_path, SETTINGS, scene.server.database_url)
    try:
        await second.start(ready=False)
        await until_logged(second.log, "node_lock.waiting", 0)
        while tally.rounds < rounds:
            crowd = await gather(scene, tally.rounds, rooms=2)
            await crowd.type()
            for _ in range(3):
                await crowd.write_a_while()
                async with connected(scene.dsn) as sql:
                    await sql.execute(TAKE_THE_LOCK_AWAY)
                with tally.recovery():
                    await until_one_is_ready(scene.server, second)
                await crowd.look()
            second.kill()
            await crowd.carry_on()
            await crowd.settle()
            await crowd.leave()
            await second.start(ready=False)
            tally.rounds += 1
    finally:
        await second.end()
