"""SIGTERM in the middle of answers, with devices that don't read: saved, said, and over in seconds."""

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import anyio
import pytest
from crowd import HZ, PATIENCE_S, STOCKS, USER, Crowd, Scene, gather
from tally import Tally

from databases import connected
from devices import Device, DeviceHost
from servers import SegueServer
from stored import read_stored

pytestmark = pytest.mark.anyio

MANY = 500
FEW = 60
EXIT_S = 10
"""The promise itself, and generous: it takes about two."""

ANSWERS = 5
BIG = 300_000
UNFOLDED = "SELECT id FROM documents WHERE snapshot_position < position AND id = ANY($1)"
LONG_ANSWER = 100_000


async def stall(crowd: Crowd) -> list[Device]:
    """Has two devices read nothing while more than kernels hold back is on its way to them."""
    (writer, *others, first, second) = next(iter(crowd.rooms.values()))
    for device in (first, second):
        await device.call("pause")
    for number in range(40):
        await writer.put("facts", ["big"], f"{number}:" + "x" * BIG)
    await writer.put("facts", ["last"], "of them")
    for device in others:
        await device.wait(PATIENCE_S, key={"root": "facts", "key": "last"})
    return [first, second]


async def ask_at_length(crowd: Crowd) -> None:
    """Has answers under way in some sessions."""
    for number, devices in enumerate(islice(crowd.rooms.values(), ANSWERS)):
        await devices[0].call("say", message=f"ask-{number}", user=USER, text=str(LONG_ANSWER))
        await devices[1].wait(60, answered={"runs": f"ask-{number}", "words": 3})


async def watch_the_door(server: SegueServer, answers: list[int | None]) -> None:
    """Knocks all the while."""
    while True:
        answers.append(await server.status("/readyz"))
        await anyio.sleep(0.02)


async def terminate(server: SegueServer) -> None:
    """Has it end by itself in time; from its first no on it lets nobody in."""
    answers: list[int | None] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch_the_door, server, answers)
        assert await server.terminate(timeout_s=EXIT_S) == 0
        tasks.cancel_scope.cancel()
    noes = answers[[answer == 200 for answer in [*answers, None]].index(False) :]
    assert 200 not in noes, answers


async def connected_ones(crowd: Crowd, asleep: Sequence[Device]) -> dict[Device, int]:
    """Gives who is to be told of the stop, and how often each was cut off before.

    Where the machine is slow a library may give a connection up by itself.
    """
    found = {}
    for device in crowd.devices:
        if device not in asleep and (await device.summary())["connected"]:
            found[device] = len(await device.call("closes"))
    return found


async def assert_sent_away(connected: Mapping[Device, int]) -> None:
    for device, before in connected.items():
        close = (await device.call("closes"))[before]
        assert close["code"] == 1012, (device.id, close)


def said_to_be_left(server: SegueServer, logged: int) -> int:
    """Counts the documents of which a slow machine had no time for a snapshot: the node says so."""
    lines = server.log.read_bytes()[logged:].splitlines()
    return sum(json.loads(line)["count"] for line in lines if b"hub.rooms_not_retired" in line)


@pytest.mark.share(1 / 20)
async def test_sigterm(scene: Scene, tally: Tally, rounds: int) -> None:
    sockets = MANY if rounds > 2 else FEW
    while tally.left:
        crowd = await gather(scene, seed=tally.rounds, rooms=sockets // 10, devices=sockets)
        await ask_at_length(crowd)
        await crowd.type(hz=1)
        await crowd.write_a_while()
        asleep = await stall(crowd)
        logged = scene.server.log.stat().st_size
        connected_then = await connected_ones(crowd, asleep)
        await terminate(scene.server)
        await scene.host.each("offline", crowd.devices)
        await assert_sent_away(connected_then)
        sessions = list(crowd.rooms)
        async with connected(scene.dsn) as sql:
            unfolded = {row["id"] for row in await sql.fetch(UNFOLDED, sessions)}
        # The first one has become long: that isn't encoded anew for a few words more.
        left = unfolded - {sessions[0]}
        assert len(left) <= said_to_be_left(scene.server, logged), f"no snapshot of {left}"
        await scene.host.wait_all(crowd.devices, connected=False)
        await crowd.look()
        await assert_marked(scene, sessions)
        await scene.server.start()
        with tally.recovery():
            await scene.host.each("online", crowd.devices)
            await crowd.carry_on()
        await crowd.settle()
        await crowd.leave()
        tally.rounds += 1


async def told_more(devices: Sequence[Device]) -> None:
    for device in devices:
        known = (await device.summary())["told"]
        await device.wait(60, told=known + 1)


def postgres_log(folder: Path) -> str:
    (found,) = folder.rglob("postgres.log")
    return found.read_text()


@pytest.mark.share(1 / 5)
async def test_sigterm_with_its_own_postgres(
    host: DeviceHost, open_folder: Path, tally: Tally, session: str
) -> None:
    """Postgres ends behind everything else, and in peace: it has nothing to recover afterwards."""
    async with SegueServer.started(open_folder) as server:
        devices = await host.open_all(STOCKS * 2, server.url, session, server.token(USER))
        await host.wait_all(devices, synced=True)
        for number, device in enumerate(devices):
            how = {"hz": HZ, "replace": device.dialect == "hocuspocus"}
            await device.call("type", root="text", seed=number, **how)
        while tally.left:
            await told_more(devices)
            postmaster = server.postmaster()
            await terminate(server)
            assert not postmaster.is_running()
            await server.start()
            with tally.recovery():
                await told_more(devices)
            assert "not properly shut down" not in postgres_log(open_folder)
            tally.rounds += 1
        for device in devices:
            await device.call("stop_typing")
        await host.wait_all(devices, 60, saved=True)
        await host.equal(devices, 60)
        for device in devices:
            tally.acknowledged += (await device.summary())["acknowledged"]


async def assert_marked(scene: Scene, sessions: list[str]) -> None:
    """What was cut off says so, before anyone has opened it again."""
    found: list[str] = []
    for session in sessions:
        stored = await scene.host.fold((await read_stored(scene.dsn, session)).updates)
        found += [run["status"] for run in stored["roots"].get("runs", {}).values()]
    assert found.count("interrupted") >= ANSWERS, found
    assert "active" not in found, found
