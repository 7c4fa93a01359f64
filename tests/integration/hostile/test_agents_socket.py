"""Whatever comes to the agents' socket ends that socket, with a reason, and nobody else's."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from segue.auth.grants import Role
from servers import PostgresServer, SegueServer

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

HELLO = "hello with a good token"


@pytest.fixture
async def server(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[SegueServer]:
    async with SegueServer.started(
        tmp_path, database_url=await postgres.new_database(), SEGUE_REMOTE_AGENTS="helper"
    ) as started:
        yield started


def hello(server: SegueServer, user: str = "helper", **more: object) -> str:
    return json.dumps({"type": "hello", "token": server.token(user, scope="agent"), **more})


async def ended_with(server: SegueServer, *frames: str | bytes) -> int:
    """Sends frames; gives the code that the server closes with."""

    async def play(socket: ClientConnection) -> None:
        for frame in frames:
            await socket.send(hello(server) if frame == HELLO else frame)
        while True:
            await socket.recv()

    async with connect(f"{server.url}/v1/agents", max_size=None) as socket:
        with anyio.fail_after(30), pytest.raises(ConnectionClosed) as closed:
            await play(socket)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        pytest.param(["nonsense"], 4400, id="no JSON"),
        pytest.param([b"\x00\x01"], 4400, id="bytes"),
        pytest.param(['{"type":"ping"}'], 4401, id="no hello"),
        pytest.param(['{"type":"hello","token":"x"}'], 4401, id="a bad token"),
        pytest.param(["x" * (65 << 10)], 1009, id="much before a token"),
        pytest.param([HELLO, HELLO], 4400, id="hello twice"),
        pytest.param([HELLO, "[" * 10_000], 4400, id="deep"),
        pytest.param([HELLO, "x" * (2 << 20)], 1009, id="a large frame"),
        pytest.param([], 4508, id="silence"),
        pytest.param([HELLO], 4508, id="silence behind hello"),
    ],
)
async def test_it_is_told_why_and_ended(
    server: SegueServer, frames: list[str | bytes], code: int
) -> None:
    assert await ended_with(server, *frames) == code
    assert await server.status("/readyz") == 200
    assert "socket_failed" not in server.log.read_text()


async def test_words_of_turns_that_it_was_not_given_change_nothing(server: SegueServer) -> None:
    async with connect(f"{server.url}/v1/agents") as socket:
        await socket.send(hello(server))
        assert json.loads(await socket.recv()) == {"type": "welcome", "agent": "helper"}
        for number in (-1, 0, 1, 1 << 62):
            event = {"type": "text", "text": "not asked"}
            await socket.send(json.dumps({"type": "event", "turn": number, "event": event}))
            await socket.send(json.dumps({"type": "end", "turn": number}))
            asked = {"turn": number, "number": 1, "ref": "x", "max_bytes": 10}
            await socket.send(json.dumps({"type": "read_file", **asked}))
        await socket.send('{"type":"ping"}')
        assert json.loads(await socket.recv()) == {"type": "pong"}


async def test_a_role_that_is_no_agents_lets_nobody_in(server: SegueServer) -> None:
    token = server.token("helper", sessions={"trip": Role.OWNER})
    assert await ended_with(server, json.dumps({"type": "hello", "token": token})) == 4403
