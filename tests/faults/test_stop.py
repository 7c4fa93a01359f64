"""SIGTERM in the middle of answers, with devices that don't read: saved, said, and over in seconds."""

from itertools import islice

import pytest
from crowd import USER, Crowd, Scene, gather
from tally import Tally

from databases import connected
from devices import Device
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
        await device.wait(60, key={"root": "facts", "key": "last"})
    return [first, second]


async def ask_at_length(crowd: Crowd) -> None:
    """Has answers under way in some sessions."""
    for number, devices in enumerate(islice(crowd.rooms.values(), ANSWERS)):
        await devices[0].call("say", message=f"ask-{number}", user=USER, text=str(LONG_ANSWER))
        await devices[1].wait(60, answered={"runs": f"ask-{number}", "words": 3})


async def test_sigterm(scene: Scene, tally: Tally, rounds: int) -> None:
    sockets = MANY if rounds > 2 else FEW
    while tally.rounds < rounds:
        crowd = await gather(scene, seed=tally.rounds, rooms=sockets // 10, size=10)
        await ask_at_length(crowd)
        await crowd.type(hz=1)
        await crowd.write_a_while()
        asleep = await stall(crowd)
        awake = [device for device in crowd.devices if device not in asleep]
        assert await scene.server.terminate(timeout_s=EXIT_S) == 0
        await scene.host.each("offline", crowd.devices)
        for device in awake:
            first, *_ = await device.call("closes")
            assert first["code"] == 1012, (device.id, first)
        sessions = list(crowd.rooms)
        async with connected(scene.dsn) as sql:
            unfolded = await sql.fetch(UNFOLDED, sessions)
        # The first one has become long: that isn't encoded anew for a few words more.
        assert {row["id"] for row in unfolded} <= {sessions[0]}, "no snapshot of these"
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


async def assert_marked(scene: Scene, sessions: list[str]) -> None:
    """What was cut off says so, before anyone has opened it again."""
    for session in sessions:
        stored = await scene.host.fold((await read_stored(scene.dsn, session)).updates)
        statuses = {run["status"] for run in stored["roots"]["runs"].values()}
        assert "active" not in statuses, statuses
