"""Two processes on one database: one serves, the other waits; and when they fight, nothing is lost."""

from functools import partial
from pathlib import Path

import anyio
import pytest
from crowd import SETTINGS, Crowd, Scene, play

from databases import connected
from segue.storage.lease import TAKE
from servers import SegueServer
from tcp_proxy import TcpProxy, tcp_proxy
from waiting import until_it_is, until_logged

pytestmark = pytest.mark.anyio

TAKE_THE_LOCK_AWAY = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

WRITTEN = "SELECT sum(position) FROM documents"


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


async def lead_to_who_serves(network: TcpProxy, served_by: set[int], *servers: SegueServer) -> None:
    """Sends devices to whoever is ready, again and again, as a load balancer does.

    Asked once, a node that has lost the lock and doesn't know it yet would be the answer for ever.
    """
    while True:
        network.upstream_port = (await ready_one(*servers)).port
        served_by.add(network.upstream_port)
        await anyio.sleep(0.05)


@pytest.mark.share(1 / 4)
async def test_the_second_waits_and_takes_over(scene: Scene, tmp_path: Path) -> None:
    second = SegueServer(tmp_path, SETTINGS, scene.server.database_url)
    serving, waiting, tally = scene.server, second, scene.tally

    async def take_over(crowd: Crowd) -> None:
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

    try:
        await play(scene, take_over, rooms=2, devices=10)
    finally:
        await second.end()


async def test_two_fight_for_the_lock(scene: Scene, tmp_path: Path) -> None:
    """Who has lost it writes nothing over what the other wrote, and keeps no device to itself."""
    first, second = scene.server, SegueServer(tmp_path, SETTINGS, scene.server.database_url)
    served_by: set[int] = set()

    async def take_the_lock_away(crowd: Crowd) -> None:
        async with connected(scene.dsn) as sql:
            await sql.execute(TAKE_THE_LOCK_AWAY)
        with scene.tally.recovery():
            await crowd.carry_on()

    try:
        async with (
            tcp_proxy(first.port, seed=0) as network,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(lead_to_who_serves, network, served_by, first, second)
            await play(scene, take_the_lock_away, rooms=2, devices=10, url=network.url)
            tasks.cancel_scope.cancel()
    finally:
        await second.end()
    await ready_one(first)
    assert scene.tally.rounds < 20 or len(served_by) == 2


@pytest.mark.share(1 / 4)
async def test_a_node_that_lost_its_lease_alone_writes_nothing_more(scene: Scene) -> None:
    """Its lock and all its connections live on: so does a node whose database failed over, for a while."""
    node = scene.server

    async def depose(crowd: Crowd) -> None:
        async with connected(scene.dsn) as sql:
            await sql.execute(TAKE, None)
            written = await sql.fetchval(WRITTEN)
            await crowd.all_gone()
            assert await sql.fetchval(WRITTEN) == written
        await until_it_is(partial(_has_ended, node), timeout_s=60)
        await crowd.look()
        with scene.tally.recovery():
            await node.start()
            await crowd.carry_on()

    await play(scene, depose, rooms=2)


async def _has_ended(node: SegueServer) -> bool:
    return node.process is None or node.process.poll() is not None
