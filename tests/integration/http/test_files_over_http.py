"""Files on a real server: large ones, cut off, kept over a crash, and gone with their session."""

import hashlib
import os
import socket
from pathlib import Path

import psutil
import pytest

from databases import connected
from http_client import HttpAnswer, HttpClient
from segue.auth.grants import Role
from servers import PostgresServer, SegueServer, new_session
from waiting import until_it_is

pytestmark = pytest.mark.anyio

MIB = 1 << 20
LEFT = "SELECT (SELECT count(*) FROM files) + (SELECT count(*) FROM file_chunks)"


@pytest.fixture
async def files(alice: HttpClient, session: str) -> str:
    """The path of the files of a session of alice's."""
    assert (await alice.ask("POST", "/v1/sessions", {"id": session})).status == 201
    return f"/v1/sessions/{session}/files"


def ref_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def code(answer: HttpAnswer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


async def add(client: HttpClient, files: str, content: bytes) -> HttpAnswer:
    return await client.ask("POST", f"{files}?name=a.png", raw=content, content_type="image/png")


async def test_a_large_file_goes_in_and_out_and_the_node_holds_none_of_it(
    server: SegueServer, alice: HttpClient, files: str
) -> None:
    content = os.urandom(24 * MIB)
    assert (await add(alice, files, b"warm")).status == 201
    assert server.process is not None
    hub = psutil.Process(server.process.pid)
    before = hub.memory_info().rss
    added = await add(alice, files, content)
    assert (added.status, added.json["size"]) == (201, len(content))
    found = await alice.ask("GET", f"{files}/{ref_of(content)}")
    assert (found.status, hashlib.sha256(found.body).hexdigest()) == (200, ref_of(content))
    assert hub.memory_info().rss - before < 16 * MIB
    part = await alice.ask("GET", f"{files}/{ref_of(content)}", range=f"bytes={23 * MIB}-")
    assert (part.status, part.body) == (206, content[23 * MIB :])
    assert (await add(alice, files, content)).status == 200


async def test_a_file_over_the_limit_is_told_so_though_it_is_sent_whole(
    alice: HttpClient, files: str
) -> None:
    answer = await add(alice, files, bytes(30 * MIB))
    assert code(answer) == (413, "too_large")
    assert "SEGUE_MAX_FILE" in answer.json["detail"]
    assert (await alice.ask("GET", files)).json == {"files": []}


async def test_an_upload_that_is_cut_off_leaves_nothing(
    server: SegueServer, alice: HttpClient, files: str
) -> None:
    head = (
        f"POST {files} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {alice.token}\r\n"
        f"Content-Length: {2 * MIB}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode() + bytes(MIB))
        await until_stored(server, 1)
    await until_stored(server, 0)


async def until_stored(server: SegueServer, least: int) -> None:
    """Returns once there are pieces, or none."""

    async def look() -> bool:
        async with connected(server.dsn) as connection:
            stored = await connection.fetchval(
                "SELECT count(*) FROM file_chunks JOIN files ON files.id = file WHERE ref IS NULL"
            )
        return stored >= least if least else stored == 0

    await until_it_is(look)


async def test_a_file_outlives_a_crash_and_not_its_session(
    server: SegueServer, alice: HttpClient, files: str
) -> None:
    content = os.urandom(MIB)
    await add(alice, files, content)
    await server.restart()
    place = f"{files}/{ref_of(content)}"
    assert (await alice.ask("GET", place)).body == content
    async with connected(server.dsn) as connection:
        before = await connection.fetchval(LEFT)
        assert (await alice.ask("DELETE", files.removesuffix("/files"))).status == 204
        assert await connection.fetchval(LEFT) == before - 1 - 4
    assert code(await alice.ask("GET", place)) == (410, "deleted")
    assert code(await add(alice, files, content)) == (410, "deleted")


async def test_without_postgres_files_say_so_and_come_back_with_it(tmp_path: Path) -> None:
    with PostgresServer.created() as postgres:
        address = await postgres.new_database()
        async with SegueServer.started(tmp_path, database_url=address) as server:
            alice = HttpClient(server, server.token("alice"))
            await alice.ask("POST", "/v1/sessions", {"id": "trip"})
            files = "/v1/sessions/trip/files"
            content = os.urandom(MIB)
            assert (await add(alice, files, content)).status == 201
            with postgres.stopped():
                for method, path, raw in (
                    ("POST", files, b"x"),
                    ("GET", files, None),
                    ("GET", f"{files}/{ref_of(content)}", None),
                    ("DELETE", f"{files}/{ref_of(content)}", None),
                ):
                    answer = await alice.ask(method, path, raw=raw)
                    assert code(answer) == (503, "storage_unavailable"), (method, path)
                    assert answer.headers["retry-after"] == "1"
            await server.ready()
            assert (await alice.ask("GET", f"{files}/{ref_of(content)}")).body == content
            assert (await add(alice, files, b"x")).status == 201


async def test_files_of_foreign_sessions_tell_nothing(
    server: SegueServer, alice: HttpClient, files: str
) -> None:
    content = b"alice's alone"
    await add(alice, files, content)
    mallory = HttpClient(server, server.token("mallory"))
    editor = HttpClient(server, server.token("mallory", sessions={new_session(): Role.OWNER}))
    own = f"/v1/sessions/{new_session()}"
    await mallory.ask("POST", "/v1/sessions", {"id": own.rpartition("/")[2]})
    for method, path, raw in (
        ("POST", "", content),
        ("GET", "", None),
        ("GET", f"/{ref_of(content)}", None),
        ("DELETE", f"/{ref_of(content)}", None),
    ):
        places = (files, f"/v1/sessions/{new_session()}/files")
        answers = [
            await client.ask(method, place + path, raw=raw)
            for client in (mallory, editor)
            for place in places
        ]
        assert {(answer.status, answer.body) for answer in answers} == {(403, answers[0].body)}
    unknown = await mallory.ask("GET", f"{own}/files/{ref_of(b'nobody has this')}")
    assert code(await mallory.ask("GET", f"{own}/files/{ref_of(content)}")) == code(unknown)
    assert (await add(mallory, f"{own}/files", content)).status == 201
