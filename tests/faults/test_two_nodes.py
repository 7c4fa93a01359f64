"""Two processes on one database: one serves, the other waits; and when they fight, nothing is lost."""

from pathlib import Path

import pytest
from crowd import SETTINGS, Scene, gather
from tally import Tally

from databases import connected
from servers import SegueServer
from tcp_proxy import tcp_proxy
from waiting import until_it_is, until_logged

pytestmark = pytest.mark.anyio

TAKE_THE_LOCK_AWAY = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def ready_one(*servers: SegueServer) -> SegueServer:
    """Waits until one of them serves; starts those again that have ended, as a process manager does."""
    found = []

    async def look() -> bool:
        for server in servers:
            if server.process is None or server.process.poll() is not None:
                await server.start(ready=False)
        found[:] = [server for server in servers if await server.status("/readyz") == 200]
        return len(found) == 1

    await until_it_is(look, timeout_s=60)
    return found[0]


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
    """Who has lost it writes nothing over what the other wrote, and keeps no device to itself."""
    first, second = scene.server, SegueServer(tmp_path, SETTINGS, scene.server.database_url)
    served_by = set()
    try:
        while tally.rounds < rounds:
            async with tcp_proxy(first.port, seed=tally.rounds) as network:
                network.upstream_port = (await ready_one(first, second)).port
                crowd = await gather(scene, tally.rounds, rooms=2, url=network.url)
                await crowd.type()
                for _ in range(4):
                    await crowd.write_a_while()
                    async with connected(scene.dsn) as sql:
                        await sql.execute(TAKE_THE_LOCK_AWAY)
                    with tally.recovery():
                        network.upstream_port = (await ready_one(first, second)).port
                        await crowd.carry_on()
                    served_by.add(network.upstream_port)
                    await crowd.look()
                await crowd.settle()
                await crowd.leave()
            tally.rounds += 1
    finally:
        await second.end()
    await ready_one(first)
    assert rounds < 3 or len(served_by) == 2
