"""What a member does to their own session, or to one they share, and how little of it others notice.

While each attack runs, two people write in a session beside it, served by the same worker. How long their
edits take is logged (`pytest --log-cli-level=INFO`); what is asserted is that nothing of theirs is lost, late for ever or cut.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from statistics import quantiles
from time import perf_counter

import anyio
import pytest
from pycrdt import Doc, Map, Text

from devices import Device, DeviceHost
from http_client import HttpClient
from raw_websocket import CLOSE, RawWebSocket, frame
from segue.wire.lib0 import var_bytes, var_uint
from servers import PostgresServer, SegueServer, new_session
from settled import assert_settled

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

log = logging.getLogger(__name__)

CPU = "200ms"
COSTLY = 5_000
"""Messages in one update: about a second of a worker's time, and less than the largest update."""

SPAMMERS = 25
STATES = 400
"""Presence states of each: 10,000 in all, fewer than a flood of one socket."""

Attack = Callable[[SegueServer, str], Awaitable[None]]


@pytest.fixture
async def server(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[SegueServer]:
    """A server whose one worker is shared by attackers and others."""
    async with SegueServer.started(
        tmp_path,
        database_url=await postgres.new_database(),
        SEGUE_WORKERS="1",
        SEGUE_WORKER_CPU=CPU,
    ) as started:
        yield started


def update(data: bytes) -> bytes:
    return frame(b"\x00\x02" + var_bytes(data))


def step2(data: bytes) -> bytes:
    return frame(b"\x00\x01" + var_bytes(data))


def step1(vector: bytes) -> bytes:
    return frame(b"\x00\x00" + var_bytes(vector))


def presence(data: bytes) -> bytes:
    return frame(b"\x01" + var_bytes(data))


def one_struct(client: int, clock: int) -> bytes:
    """An update that writes "x" into the root "text", as a client at a clock."""
    at = var_uint(client) + var_uint(clock)
    return b"\x01\x01" + at + b"\x04\x01\x04text\x01x" + b"\x00"


def many_messages(count: int) -> bytes:
    doc: Doc[Map[object]] = Doc()
    messages = doc.get("messages", type=Map)
    with doc.transaction():
        for number in range(count):
            part = Map({"type": "text", "text": Text("hi")})
            author = {"kind": "user", "id": "mallory"}
            said = {"role": "user", "author": author, "parts": Map({"0": part})}
            messages[f"m{number}"] = Map(said)
    return doc.get_update()


async def told_by(server: SegueServer, session: str, *frames: bytes) -> int:
    """Says something in a session, and gives the code with which that is ended."""
    path = f"/v1/sync/{session}?token={server.token('mallory')}"
    async with RawWebSocket.connected(server.port, path) as client:
        await client.accepted()
        try:
            await client.send(b"".join(frames))
        except ConnectionError:  # ended while it was sending
            pass
        while (told := await client.read()).opcode != CLOSE:
            pass
        return told.code


async def squat(server: SegueServer, session: str) -> None:
    """Writes under the client id of somebody else, who slept."""
    alice = HttpClient(server, server.token("alice"))
    shared = new_session()
    assert (await alice.ask("POST", "/v1/sessions", {"id": shared})).status == 201
    token = server.token("alice")
    async with RawWebSocket.connected(server.port, f"/v1/sync/{shared}?token={token}") as sleeper:
        await sleeper.accepted()
        await sleeper.send(update(one_struct(77, 0)))
        added = await alice.ask("POST", f"/v1/sessions/{shared}/messages", {"text": "hi"})
        assert added.status == 201
    token = server.token("mallory", sessions={shared: "editor"})  # type: ignore[dict-item]
    path = f"/v1/sync/{shared}?token={token}"
    for _ in range(2):
        async with RawWebSocket.connected(server.port, path) as client:
            await client.accepted()
            await client.send(update(one_struct(77, 1)))
            while (told := await client.read()).opcode != CLOSE:
                pass
            assert told.code == 4400


async def leave_gaps(server: SegueServer, session: str) -> None:
    """Sends what builds on nothing, also when it is asked for what is missing."""
    gap = one_struct(9, 1_000)
    codes = [await told_by(server, session, step2(gap), step2(gap)) for _ in range(3)]
    assert codes[0] in (4502, 4400), codes
    assert codes[-1] == 4400, codes


async def bomb_with_vectors(server: SegueServer, session: str) -> None:
    """Claims to know the edits of more clients than there can be."""
    many = 200_000
    entries = b"".join(var_uint((1 << 31) + client) + b"\x01" for client in range(many))
    for vector in (var_uint(1 << 40), var_uint(many) + entries, var_uint(many) + b"\x01\x01"):
        assert await told_by(server, session, step1(vector)) in (4400, 1009)


async def bomb_with_presence(server: SegueServer, session: str) -> None:
    """Announces states without number or end."""
    for states in (var_uint(1 << 40), b"\x01\x01\x01" + var_uint(1 << 40), b"\xff" * 4_000):
        assert await told_by(server, session, presence(states)) in (4400, 1009)


async def spam_presence(server: SegueServer, session: str) -> None:
    """Changes what is shown of many devices as fast as the network goes."""

    async def spam(number: int) -> None:
        path = f"/v1/sync/{session}?token={server.token('mallory')}"
        async with RawWebSocket.connected(server.port, path) as client:
            await client.accepted()
            client_id = var_uint(1_000 + number)
            shown = b'{"typing":true,"label":"' + b"x" * 500 + b'"}'
            for clock in range(1, STATES):
                state = b"\x01" + client_id + var_uint(clock) + var_bytes(shown)
                await client.send(presence(state))

    async with anyio.create_task_group() as tasks:
        for number in range(SPAMMERS):
            tasks.start_soon(spam, number)


async def kill_workers(server: SegueServer, session: str) -> None:
    """Sends edits that cost a worker its life, again and again, from ever new sessions."""
    mallory = HttpClient(server, server.token("mallory"))
    assert (await mallory.ask("POST", "/v1/sessions", {"id": session})).status == 201
    costly = many_messages(COSTLY)
    codes = [await told_by(server, new_session(), update(costly)) for _ in range(3)]
    assert codes == [4400, 4400, 4529]
    answer = await mallory.ask("POST", f"/v1/sessions/{session}/messages", {"text": "me again"})
    assert (answer.status, answer.json["code"]) == (429, "too_many")


ATTACKS: tuple[Attack, ...] = (
    squat,
    leave_gaps,
    bomb_with_vectors,
    bomb_with_presence,
    spam_presence,
    kill_workers,
)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__.replace("_", " "))
async def test_others_go_on(
    host: DeviceHost, server: SegueServer, session: str, attack: Attack
) -> None:
    devices = await host.open_all(
        ("hocuspocus", "hocuspocus", "y-websocket"), server.url, session, server.token("bob")
    )
    await host.wait_all(devices, synced=True)
    took_s: list[float] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_write_on, devices[0], took_s)
        await attack(server, new_session())
        tasks.cancel_scope.cancel()
    await assert_settled(host, server.dsn, session, devices)
    for device in devices:
        summary = await device.summary()
        assert (summary["opened"], summary["closes"]) == (1, [])
    assert '"level": "critical"' not in server.log.read_text()
    if len(took_s) > 1:
        median, p99 = (1_000 * quantiles(took_s, n=100)[at] for at in (49, 98))
        log.info("%d edits of others, p50 %.0f ms, p99 %.0f ms", len(took_s), median, p99)


async def _write_on(device: Device, took_s: list[float]) -> None:
    """Writes a word after the other, each once the one before is saved."""
    while True:
        began = perf_counter()
        await device.edit((0, 0, "word "))
        await device.wait(saved=True)
        took_s.append(perf_counter() - began)
        await anyio.sleep(0.01)
