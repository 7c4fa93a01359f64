"""The network between devices and the server: cut, silent, slow, torn in the middle of a frame."""

from collections.abc import Awaitable, Callable

import pytest
from crowd import COUNT_TO, USER, Crowd, Scene, gather
from tally import Tally

from conversations import text_of
from devices import DeviceHost
from servers import new_session
from settled import assert_settled
from tcp_proxy import TcpProxy, tcp_proxy

pytestmark = pytest.mark.anyio


async def is_reset(network: TcpProxy, crowd: Crowd) -> None:
    for _ in range(3):
        await crowd.write_a_while()
        network.reset()
        await crowd.write_on(2)


async def is_half_open(network: TcpProxy, crowd: Crowd) -> None:
    network.stall()
    first = await crowd.write_on(2)
    assert await crowd.write_on(20) == first
    network.reset()
    network.flow()


async def is_silent_for_a_while(network: TcpProxy, crowd: Crowd) -> None:
    network.stall()
    await crowd.write_on(20)
    network.flow()


async def drops_in_mid_frame(network: TcpProxy, crowd: Crowd) -> None:
    network.cut_after = 20_000
    network.reset()
    before = network.cuts
    while network.cuts < before + len(crowd.devices):
        await crowd.write_on(2)
    network.cut_after = None
    network.reset()


async def is_2_s_slow(network: TcpProxy, crowd: Crowd) -> None:
    network.delay_s = 1.0  # each way
    await crowd.write_on(30)
    await crowd.look()
    network.delay_s = 0


TROUBLES: dict[str, Callable[[TcpProxy, Crowd], Awaitable[None]]] = {
    trouble.__name__.replace("_", " "): trouble
    for trouble in (is_reset, is_half_open, is_silent_for_a_while, drops_in_mid_frame, is_2_s_slow)
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_network(scene: Scene, tally: Tally, rounds: int, trouble: str) -> None:
    while tally.rounds < rounds:
        async with tcp_proxy(scene.server.port, seed=tally.rounds) as network:
            crowd = await gather(scene, seed=tally.rounds, url=network.url)
            await crowd.type()
            await crowd.write_a_while()
            await TROUBLES[trouble](network, crowd)
            with tally.recovery():
                await crowd.carry_on()
            await crowd.look()
            await crowd.settle()
            await crowd.leave()
        tally.rounds += 1


async def test_drop_at_the_end_of_an_answer(scene: Scene, tally: Tally, rounds: int) -> None:
    """At another word of it each time, the last ones above all; nothing is missing afterwards."""
    while tally.rounds < rounds:
        crowd = await gather(scene, seed=tally.rounds, rooms=1, size=2)
        writer, reader = crowd.devices
        for number in range(8):
            await writer.call("say", message=f"said-{number}", user=USER, text=str(COUNT_TO))
            words = COUNT_TO - crowd.fate.randrange(3)
            said = {"runs": f"said-{number}", "words": words}
            await reader.wait(60, answered=said)
            await scene.host.each("cut", crowd.devices)
        await crowd.settle()
        for message in (await reader.roots())["messages"].values():
            if message["role"] == "assistant":
                assert message["status"] == "complete"
                assert len(text_of(message).split()) == COUNT_TO
        await crowd.leave()
        tally.rounds += 1


SLOW_BYTES_PER_S = 5_000_000 / 8
PART = "all that was said in a long conversation, "


@pytest.mark.parametrize("dialect", ["hocuspocus", "y-websocket"])
async def test_a_big_session_over_5_mbit(
    host: DeviceHost, scene: Scene, tally: Tally, rounds: int, dialect: str
) -> None:
    """It is synced once, however long that takes: 10 MB where rounds are many, else 2."""
    parts = 20 if rounds > 2 else 4
    session = new_session()
    token = scene.server.token(USER)
    writer = await host.open("hocuspocus", scene.server.url, session, token)
    for _ in range(parts):
        await writer.edit((0, 0, PART * (500_000 // len(PART))))
        await writer.wait(60, saved=True)
    async with tcp_proxy(scene.server.port, seed=0) as network:
        network.bytes_per_s = SLOW_BYTES_PER_S
        with tally.recovery():
            reader = await host.open(dialect, network.url, session, token)
            await reader.wait(90, synced=True)
        await assert_settled(host, scene.dsn, session, [writer, reader])
        summary = await reader.summary()
        assert summary["opened"] == 1, "it began again"
        assert summary["received"]["bytes"] < 1.1 * parts * 500_000
        tally.acknowledged += (await writer.summary())["acknowledged"]
    tally.rounds += 1
