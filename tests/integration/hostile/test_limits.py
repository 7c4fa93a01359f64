"""Limits as stock clients meet them, on a server whose limits are small."""

from collections.abc import AsyncIterator

import pytest

from devices import DeviceHost, Dialect
from raw_websocket import CLOSE, RawWebSocket, frame
from servers import PostgresServer, SegueServer
from settled import assert_settled
from waiting import until_folded

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

DOCUMENT_BYTES = 64 << 10
BURST = 100
SOCKETS = 4


@pytest.fixture(scope="module")
async def server(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SegueServer]:
    async with SegueServer.started(
        tmp_path_factory.mktemp("server"),
        database_url=await postgres.new_database(),
        SEGUE_MAX_DOCUMENT=str(DOCUMENT_BYTES),
        SEGUE_FRAME_RATE="50",
        SEGUE_FRAME_BURST=str(BURST),
        SEGUE_MAX_SOCKETS_PER_USER=str(SOCKETS),
    ) as started:
        yield started


@pytest.mark.parametrize("dialect", ["y-websocket", "hocuspocus"])
async def test_a_full_document_refuses_one_writer_and_is_read_and_shortened_by_others(
    host: DeviceHost, server: SegueServer, session: str, dialect: Dialect
) -> None:
    token = server.token("alice")
    writer = await host.open(dialect, server.url, session, token)
    reader = await host.open("hocuspocus", server.url, session, token)
    await host.wait_all([writer, reader], synced=True)
    await writer.edit((0, 0, "x" * (DOCUMENT_BYTES - 500)))
    await host.equal([writer, reader])
    await until_folded(server.dsn, session)  # so its size is known
    await writer.edit((0, 0, "y" * 2_000))
    stop = (await writer.wait(stopped=True))["stop"]
    assert "SEGUE_MAX_DOCUMENT" in stop["reason"]
    joined = await host.open(dialect, server.url, session, token)
    await joined.wait(synced=True)
    await reader.edit((0, 30_000, ""))
    await assert_settled(host, server.dsn, session, [reader, joined])
    assert await joined.text() == "x" * (DOCUMENT_BYTES - 500 - 30_000)


async def test_one_socket_too_many_of_a_user_is_sent_away_and_others_are_not(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    token = server.token("alice")
    devices = await host.open_all(["y-websocket"] * SOCKETS, server.url, session, token)
    await host.wait_all(devices, synced=True)
    path = f"/v1/sync/{session}?token={token}"
    async with RawWebSocket.connected(server.port, path) as client:
        await client.accepted()
        told = await client.read()
        assert (told.opcode, told.code) == (CLOSE, 4529)
        assert b"SEGUE_MAX_SOCKETS_PER_USER" in told.data
    bob = f"/v1/sync/{session}-bobs?token={server.token('bob')}"
    async with RawWebSocket.connected(server.port, bob) as client:
        await client.accepted()
        assert (await client.read()).opcode != CLOSE


async def test_a_flood_is_sent_away_and_its_session_goes_on(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    token = server.token("alice")
    devices = await host.open_all(("y-websocket", "hocuspocus"), server.url, session, token)
    await host.wait_all(devices, synced=True)
    path = f"/v1/sync/{session}?token={token}"
    async with RawWebSocket.connected(server.port, path) as client:
        await client.accepted()
        await client.send(frame(b"\x00\x00\x01\x00") * 20 * BURST)
        while (told := await client.read()).opcode != CLOSE:
            pass
        assert told.code == 4529
        assert b"SEGUE_FRAME_RATE" in told.data
    await devices[0].edit((0, 0, "on"))
    await assert_settled(host, server.dsn, session, devices)
    assert [(await device.summary())["opened"] for device in devices] == [1, 1]
