"""The network between devices and the server: cut, silent, slow, torn in the middle of a frame."""

from collections.abc import Awaitable, Callable

import pytest
from crowd import COUNT_TO, PER_CROWD, USER, Crowd, Scene, gather, play

from conversations import text_of
from devices import DeviceHost, Stock
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
    assert await crowd.write_on(10) == first
    network.reset()
    network.flow()


async def is_silent_for_a_while(network: TcpProxy, crowd: Crowd) -> None:
    network.stall()
    await crowd.write_on(10)
    network.flow()


async def drops_in_mid_frame(network: TcpProxy, crowd: Crowd) -> None:
    network.cut_after = 5_000
    network.reset()
    before = network.cuts
    while network.cuts < before + len(crowd.devices):
        await crowd.write_on(2)
    network.cut_after = None
    network.reset()


async def is_2_s_slow(network: TcpProxy, crowd: Crowd) -> None:
    network.delay_s = 1.0  # each way
    await crowd.write_on(15)  # two and a half seconds' worth
    await crowd.look()
    network.delay_s = 0


Trouble = Callable[[TcpProxy, Crowd], Awaitable[None]]
TROUBLES: dict[str, Trouble] = {"reset": is_reset, "drops in mid frame": drops_in_mid_frame}
LONG_TROUBLES: dict[str, Trouble] = {
    "half open": is_half_open,
    "silent for a while": is_silent_for_a_while,
    "2 s slow": is_2_s_slow,
}


async def play_with(scene: Scene, trouble: Trouble) -> None:
    async with tcp_proxy(scene.server.port, seed=0) as network:

        async def make_trouble(crowd: Crowd) -> None:
            await trouble(network, crowd)
            with scene.tally.recovery():
                await crowd.carry_on()

        await play(scene, make_trouble, url=network.url)


@pytest.mark.parametrize("how", TROUBLES)
async def test_network(scene: Scene, how: str) -> None:
    await play_with(scene, TROUBLES[how])


@pytest.mark.share(1 / 4)
@pytest.mark.parametrize("how", LONG_TROUBLES)
async def test_network_long(scene: Scene, how: str) -> None:
    await play_with(scene, LONG_TROUBLES[how])


async def test_drop_at_the_end_of_an_answer(scene: Scene) -> None:
    """At another word of it each time, the last ones above all; nothing is missing afterwards."""
    tally = scene.tally
    while tally.left:
        crowd = await gather(scene, seed=tally.rounds, rooms=1, devices=2)
        for number in range(min(2 * PER_CROWD, tally.left)):
            await drop_at_the_end(scene, crowd, f"said-{number}")
            tally.rounds += 1
        await crowd.settle()
        for message in (await crowd.devices[0].roots())["messages"].values():
            if message["role"] == "assistant":
                assert message["status"] == "complete"
                assert len(text_of(message).split()) == COUNT_TO
        await crowd.leave()


async def drop_at_the_end(scene: Scene, crowd: Crowd, asked: str) -> None:
    writer, reader = crowd.devices
    await writer.call("say", message=asked, user=USER, text=str(COUNT_TO))
    words = COUNT_TO - crowd.fate.randrange(3)
    await reader.wait(60, answered={"runs": asked, "words": words})
    await scene.host.each("cut", crowd.devices)


SLOW_BYTES_PER_S = 5_000_000 / 8
PART = "all that was said in a long conversation, "
DIALECTS: tuple[Stock, ...] = ("hocuspocus", "y-websocket")


@pytest.mark.share(1 / 20)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_big_session_over_5_mbit(
    host: DeviceHost, scene: Scene, rounds: int, dialect: Stock
) -> None:
    """It is synced once, however long that takes: 10 MB where rounds are many, else 2."""
    parts = 20 if rounds > 2 else 4
    tally, session, token = scene.tally, new_session(), scene.server.token(USER)
    writer = await host.open("hocuspocus", scene.server.url, session, token)
    for _ in range(parts):
        await writer.edit((0, 0, PART * (500_000 // len(PART))))
        await writer.wait(60, saved=True)
    async with tcp_proxy(scene.server.port, seed=0) as network:
        network.bytes_per_s = SLOW_BYTES_PER_S
        while tally.left:
            with tally.recovery():
                reader = await host.open(dialect, network.url, session, token)
                await reader.wait(90, synced=True)
            await assert_settled(host, scene.dsn, session, [writer, reader])
            summary = await reader.summary()
            assert summary["opened"] == 1, "it began again"
            assert summary["received"]["bytes"] < 1.1 * parts * 500_000
            await reader.call("close")
            tally.rounds += 1
    tally.acknowledged += (await writer.summary())["acknowledged"]
