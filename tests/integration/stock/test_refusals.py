"""Who may not, is told so in the words of its dialect, stops asking, and changes nothing."""

from datetime import UTC, datetime

import asyncpg
import pytest

from devices import DeviceHost, Dialect
from segue.auth.grants import Role
from servers import SegueServer
from settled import assert_settled
from stored import read_stored

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("dialect", ["y-websocket", "hocuspocus"])]

BURY = "UPDATE documents SET deleted_at = now() WHERE id = $1"


async def assert_stopped(
    host: DeviceHost,
    server: SegueServer,
    dialect: Dialect,
    session: str,
    token: str | None,
    code: int,
) -> None:
    device = await host.open(dialect, server.url, session, token)
    await device.edit((0, 0, "mine?"))
    stop = (await device.wait(stopped=True))["stop"]
    if dialect == "y-websocket":
        assert stop["code"] == code
    else:
        assert str(code) in stop["reason"]
    summary = await device.summary()
    assert summary["opened"] == 1
    assert not summary["synced"]
    assert await device.text() == "mine?"


@pytest.mark.parametrize("token", ["", "not.a.token"])
async def test_a_bad_token(
    host: DeviceHost, server: SegueServer, session: str, dialect: Dialect, token: str
) -> None:
    await assert_stopped(host, server, dialect, session, token, 4401)


async def test_a_token_that_has_run_out(
    host: DeviceHost, server: SegueServer, session: str, dialect: Dialect
) -> None:
    old = server.token("alice", now=datetime.now(UTC).timestamp() - 3600, ttl_s=60)
    await assert_stopped(host, server, dialect, session, old, 4401)


async def test_a_foreign_session(
    host: DeviceHost, server: SegueServer, session: str, dialect: Dialect
) -> None:
    owner = await host.open("hocuspocus", server.url, session, server.token("alice"))
    await owner.edit((0, 0, "private"))
    await owner.wait(saved=True)
    await assert_stopped(host, server, dialect, session, server.token("mallory"), 4403)
    assert await owner.text() == "private"


async def test_a_session_that_the_token_does_not_list(
    host: DeviceHost, server: SegueServer, session: str, dialect: Dialect
) -> None:
    token = server.token("alice", sessions={"another": Role.OWNER})
    await assert_stopped(host, server, dialect, session, token, 4403)


async def test_a_name_that_is_none(host: DeviceHost, server: SegueServer, dialect: Dialect) -> None:
    await assert_stopped(host, server, dialect, "home:bob", server.token("alice"), 4400)


async def test_a_deleted_session_is_a_tombstone(
    host: DeviceHost, server: SegueServer, session: str, dialect: Dialect
) -> None:
    owner = await host.open(dialect, server.url, session, server.token("alice"))
    await owner.edit((0, 0, "gone"))
    await owner.wait(saved=True)
    await bury(server.dsn, session)
    await owner.edit((0, 0, "too late"))
    stop = (await owner.wait(stopped=True))["stop"]
    assert stop["code"] == 4410 or "4410" in stop["reason"]
    await assert_stopped(host, server, dialect, session, server.token("alice"), 4410)
    await assert_stopped(host, server, dialect, session, server.token("mallory"), 4403)


async def bury(dsn: str, session: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(BURY, session)
    finally:
        await connection.close()


async def test_a_page_of_another_origin(
    host: DeviceHost, server: SegueServer, session: str, dialect: Dialect
) -> None:
    if dialect == "hocuspocus":
        pytest.skip("4.8 ignores close codes and goes on trying")
    elsewhere = {"Origin": "https://elsewhere.example"}
    device = await host.open(dialect, server.url, session, server.token("alice"), headers=elsewhere)
    assert (await device.wait(stopped=True))["stop"]["code"] == 4403


async def test_a_page_of_the_same_origin_is_welcome(
    host: DeviceHost, server: SegueServer, session: str, dialect: Dialect
) -> None:
    own = {"Origin": f"http://127.0.0.1:{server.port}"}
    device = await host.open(dialect, server.url, session, server.token("alice"), headers=own)
    await device.wait(synced=True)


async def test_a_viewers_edit_is_not_acknowledged_reaches_nobody_and_is_not_stored(
    host: DeviceHost, server: SegueServer, session: str, dialect: Dialect
) -> None:
    owner = await host.open("hocuspocus", server.url, session, server.token("alice"))
    await owner.edit((0, 0, "read me"))
    await owner.wait(saved=True)
    may_read = server.token("victor", sessions={session: Role.VIEWER})
    viewer = await host.open(dialect, server.url, session, may_read)
    await viewer.wait(synced=True, contains={"root": "text", "text": "read me"})
    before = await read_stored(server.dsn, session)
    await viewer.edit((0, 0, "scribble "))
    if dialect == "hocuspocus":
        await viewer.wait(received={"status-0": 1})
    await owner.edit((7, 0, " again"))
    await viewer.wait(contains={"root": "text", "text": "again"})
    summary = await viewer.summary()
    assert summary["acknowledged"] == 0
    assert summary["unsynced"] == 1
    assert summary["opened"] == 1
    assert await owner.text() == "read me again"
    stored = await assert_settled(host, server.dsn, session, [owner])
    assert stored.position == before.position + 1


async def test_an_expired_token_is_exchanged_without_a_gap(
    host: DeviceHost, server: SegueServer, session: str, dialect: Dialect
) -> None:
    if dialect == "y-websocket":
        pytest.skip("it has no message that asks for a token; the socket closes, see below")
    short, long = server.token("alice", ttl_s=20), server.token("alice")
    device = await host.open(dialect, server.url, session, None, tokens=[short, long])
    await device.wait(tokens=2)
    await device.edit((0, 0, "still here"))
    summary = await device.wait(saved=True)
    assert summary["opened"] == 1


async def test_an_expired_token_closes_the_socket_for_now_and_a_fresh_one_resumes(
    host: DeviceHost, server: SegueServer, session: str, dialect: Dialect
) -> None:
    # Just inside the tolerance for clocks, so that what is left is the server's grace only.
    expired = server.token("alice", now=datetime.now(UTC).timestamp() - 64, ttl_s=60)
    device = await host.open(dialect, server.url, session, expired)
    await device.wait(synced=True)
    if dialect == "hocuspocus":
        await device.call("tokens", tokens=[expired])
        assert (await device.wait(stopped=True))["stop"]["reason"].startswith("4401")
        return
    await device.call("tokens", tokens=[server.token("alice")])
    closed = await device.wait(closed=1)
    assert closed["closes"][0]["code"] == 4501
    await device.edit((0, 0, "still here"))
    await device.wait(synced=True, settled=True)
