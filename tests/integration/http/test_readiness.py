"""/readyz on a real server: what it names when something is away, and that it stops in time."""

import signal
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from databases import execute
from devices import DeviceHost
from http_client import HttpAnswer, HttpClient
from segue.http.health import OK
from servers import PostgresServer, SegueServer

pytestmark = pytest.mark.anyio

ALL_WELL = {"postgres": OK, "migrations": OK, "workers": OK}


async def until_not_ready(client: HttpClient, check: str) -> HttpAnswer:
    """Returns once a check fails; the server has no way to call us."""
    with anyio.fail_after(60):
        while True:
            answer = await client.ask("GET", "/readyz")
            if answer.status == 503 and answer.json["checks"].get(check, OK) != OK:
                return answer
            await anyio.sleep(0.05)


async def until_told(client: HttpClient, text: str) -> None:
    """Returns once the reason why it isn't ready is this."""
    while text not in (await until_not_ready(client, "node")).json["detail"]:  # noqa: ASYNC110
        await anyio.sleep(0.05)


async def until_ready(client: HttpClient) -> Any:
    await client.server.ready()
    return (await client.ask("GET", "/readyz")).json


async def test_a_frozen_postgres_is_named_and_nobody_waits_for_ever(
    postgres: PostgresServer, server: SegueServer, alice: HttpClient, session: str
) -> None:
    assert await until_ready(alice) == {"status": "ready", "checks": ALL_WELL}
    await alice.ask("POST", "/v1/sessions", {"id": session})
    with postgres.stopped():
        answer = await until_not_ready(alice, "postgres")
        assert answer.json["code"] == "not_ready"
        assert answer.json["checks"]["workers"] == OK
        assert answer.headers["retry-after"]
        path = f"/v1/sessions/{session}"
        for method, body in (("GET", None), ("PATCH", {"title": "x"})):
            waited = await alice.ask(method, path, body)
            assert (waited.status, waited.json["code"]) == (503, "storage_unavailable")
    assert await until_ready(alice) == {"status": "ready", "checks": ALL_WELL}
    assert (await alice.ask("PATCH", path, {"title": "y"})).json["title"] == "y"


async def test_a_missing_migration_is_named_and_a_newer_one_is_no_obstacle(
    server: SegueServer, alice: HttpClient
) -> None:
    """During an upgrade the release migrates first; the nodes of before go on serving."""
    await until_ready(alice)
    await execute(server.dsn, "INSERT INTO schema_migrations VALUES ('9999_newer', '')")
    name = "0002_session_lists"
    take = "UPDATE schema_migrations SET name = $1 WHERE name = $2"
    await execute(server.dsn, take, "0002_gone", name)
    answer = await until_not_ready(alice, "migrations")
    assert name in answer.json["checks"]["migrations"]
    assert answer.json["checks"]["postgres"] == OK
    await execute(server.dsn, take, name, "0002_gone")
    assert (await until_ready(alice))["checks"] == ALL_WELL
    await execute(server.dsn, "DELETE FROM schema_migrations WHERE name = '9999_newer'")


async def test_a_second_node_says_what_it_waits_for(server: SegueServer, tmp_path: Path) -> None:
    second = SegueServer(tmp_path, {}, server.dsn)
    client = HttpClient(second, server.token("alice"))
    try:
        await second.start(ready=False)
        with anyio.fail_after(60):
            while await second.status("/livez") != 200:  # noqa: ASYNC110 - it has no way to call us
                await anyio.sleep(0.05)
            await until_told(client, "Another node")
        answer = await client.ask("GET", "/v1/sessions")
        assert (answer.status, answer.json["code"]) == (503, "restarting")
    finally:
        await second.end()


async def test_a_node_that_stops_says_so_before_it_sends_devices_away(
    host: DeviceHost, postgres: PostgresServer, tmp_path: Path, session: str
) -> None:
    address = await postgres.new_database()
    async with SegueServer.started(tmp_path, database_url=address, SEGUE_DRAIN="60s") as server:
        client = HttpClient(server, server.token("alice"))
        device = await host.open("hocuspocus", server.url, session, client.token)
        await device.wait(synced=True)
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        answer = await until_not_ready(client, "node")
        assert "stopping" in answer.json["detail"]
        # It is served as before, in the meantime.
        await device.edit((0, 0, "still saved"))
        await device.wait(saved=True, connected=True)
        assert (await client.ask("POST", "/v1/sessions", {"id": "late"})).status == 201
        # Nobody is left to wait for: it ends long before its time.
        await host.close_all()
        with anyio.fail_after(30):
            await anyio.to_thread.run_sync(server.process.wait, abandon_on_cancel=True)
        assert server.process.returncode == 0
