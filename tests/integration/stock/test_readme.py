"""README as a newcomer reads it: its snippets run, its tables are the truth."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from http_client import HttpClient
from segue import errors
from segue.http.openapi import describe
from segue.http.session_operations import OPERATIONS
from segue.settings import describe as describe_settings
from servers import PostgresServer, SegueServer

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
NODE_MODULES = ROOT / "tests/stock/node_modules"


def snippet(name: str) -> str:
    """Gives the code behind the mark `<!-- test: name -->`."""
    found = re.search(rf"<!-- test: {name} -->\n```(?:js|sh|py)\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


@contextmanager
def program(folder: Path, name: str, server: SegueServer) -> Iterator[subprocess.Popen[str]]:
    """Runs a snippet as it stands, but for the server's port."""
    code = snippet(name).replace("ws://127.0.0.1:8000", server.url)
    (folder / f"{name}.mjs").write_text(code)
    environment = {"PATH": os.environ["PATH"], "TOKEN": server.token("alice")}  # noqa: TID251 - Node is there
    process = subprocess.Popen(
        ["node", f"{name}.mjs"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], *wanted: str) -> str:
    """Reads what a program prints until all of `wanted` came."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if all(text in seen for text in wanted):
            return seen
    raise AssertionError(f"the program ended after:\n{seen}")


@pytest.mark.anyio
async def test_both_snippets_run_and_meet(server: SegueServer, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    with program(tmp_path, "y-websocket", server) as phone, anyio.fail_after(60):
        await anyio.to_thread.run_sync(read_until, phone, "Lisbon in May? ", abandon_on_cancel=True)
        with program(tmp_path, "hocuspocus", server) as laptop:
            await anyio.to_thread.run_sync(read_until, laptop, "Saved", abandon_on_cancel=True)
            await anyio.to_thread.run_sync(
                read_until, phone, "From the laptop: Lisbon in May? ", abandon_on_cancel=True
            )


@pytest.mark.anyio
async def test_the_requests_are_answered_as_they_say(server: SegueServer) -> None:
    url = server.url.replace("ws:", "http:")
    code = snippet("http").replace("http://127.0.0.1:8000", url)
    # Each answer on a line of its own.
    code = code.replace("curl -s", "curl -s -w '\\n'")
    environment = {"PATH": os.environ["PATH"], "TOKEN": server.token("alice")}  # noqa: TID251 - curl is there
    done = await anyio.run_process(["sh", "-e", "-c", code], env=environment)
    lines = done.stdout.decode().splitlines()
    created, added, read, listed, changed, deleted = (json.loads(line or "null") for line in lines)
    assert (created["id"], created["title"], created["role"]) == (
        "lisbon",
        "Lisbon in May",
        "owner",
    )
    assert (added["seq"], added["parts"][0]["text"]) == (1, "Where should we stay?")
    assert read == {"messages": [added], "has_more": False}
    assert listed["sessions"][0]["title"] == "Lisbon in May"
    assert (changed["title"], deleted) == ("Lisbon in June", None)


@pytest.mark.anyio
async def test_the_requests_about_sharing_are_answered_as_they_say(server: SegueServer) -> None:
    alice, bob = (HttpClient(server, server.token(user)) for user in ("alice", "bob"))
    await alice.ask("POST", "/v1/sessions", {"id": "porto"})
    link = (await alice.ask("POST", "/v1/sessions/porto/links", {"role": "editor"})).json
    await bob.ask("POST", "/v1/links/redeem", {"code": link["link"]})
    address = server.url.replace("ws:", "http:")
    code = snippet("sharing").replace("http://127.0.0.1:8000", address)
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251 - curl is there
        "API": f"{address}/v1/sessions",
        "TOKEN": alice.token,
        "CODE": link["link"],
        "LINK": link["id"],
    }
    # Each answer on a line of its own, with its status in front.
    code = code.replace("curl -s", "curl -s -w '\\n%{http_code}\\n'")
    done = await anyio.run_process(["sh", "-e", "-c", code], env=environment)
    lines = done.stdout.decode().splitlines()
    statuses, answers = lines[1::2], [json.loads(line or "null") for line in lines[::2]]
    assert statuses == ["201", "401", "200", "200", "204", "200", "204"]  # no guests here
    made, _, listed, changed, _, links, _ = answers
    assert made["expires_at"] - made["created_at"] == 86_400_000
    assert [each["user"] for each in listed["members"]] == ["alice", "bob"]
    assert (changed["user"], changed["role"]) == ("bob", "viewer")
    assert [each["id"] for each in links["links"]] == [link["id"], made["id"]]


@pytest.mark.anyio
async def test_the_requests_about_files_are_answered_as_they_say(
    server: SegueServer, tmp_path: Path
) -> None:
    alice = HttpClient(server, server.token("alice"))
    made = (await alice.ask("POST", "/v1/sessions", {})).json["id"]
    content = b"\x89PNG\r\n\x1a\n"
    (tmp_path / "ticket.png").write_bytes(content)
    ref = hashlib.sha256(content).hexdigest()
    address = server.url.replace("ws:", "http:")
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251 - curl is there
        "API": f"{address}/v1/sessions",
        "TOKEN": alice.token,
        "REF": ref,
    }
    code = (
        snippet("files").replace("/porto/", f"/{made}/").replace("curl -s", "curl -s -w '\\n\\n'")
    )
    done = await anyio.run_process(["sh", "-e", "-c", code], env=environment, cwd=tmp_path)
    part, message, read, listed, deleted = done.stdout.split(b"\n\n")[:-1]
    assert json.loads(part)["ref"] == ref
    assert json.loads(message)["parts"][1] == json.loads(part)
    assert read == content[1:4]
    (file,) = json.loads(listed)["files"]
    assert (file["name"], deleted) == ("ticket.png", b"")


@pytest.mark.anyio
async def test_the_requests_for_whole_sessions_are_answered_as_they_say(
    server: SegueServer, tmp_path: Path
) -> None:
    alice = HttpClient(server, server.token("alice"))
    porto = (await alice.ask("POST", "/v1/sessions", {"title": "Porto"})).json["id"]
    await alice.ask("POST", f"/v1/sessions/{porto}/messages", {"text": "Where to stay?"})
    address = server.url.replace("ws:", "http:")
    code = snippet("transfer").replace("/porto/", f"/{porto}/")
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251 - curl is there
        "API": f"{address}/v1/sessions",
        "TOKEN": alice.token,
    }
    # Each answer on a line of its own.
    code = code.replace("curl -s", "curl -s -w '\n'")
    done = await anyio.run_process(["sh", "-e", "-c", code], env=environment, cwd=tmp_path)
    imported, *shown, other = done.stdout.decode().strip().split("\n")
    assert json.loads(imported)["title"] == "Porto"
    (message,) = json.loads("".join(shown))
    assert message["parts"][0]["text"] == "Where to stay?"
    assert json.loads(other)["last_seq"] == 2


def test_every_code_of_the_api_is_explained() -> None:
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| (\d{3}) \|", README, re.MULTILINE)
    explained = {
        (code, int(status)) for codes, status in rows for code in re.findall(r"\w+", codes)
    }
    described = {
        (code, int(status))
        for path in describe(OPERATIONS)["paths"].values()
        for operation in path.values()
        for status, answer in operation["responses"].items()
        if int(status) >= 400
        for code in answer["description"].split(": ")[1].split(", ")
    }
    assert explained == described | {("internal", 500)}


def test_the_table_of_settings_is_complete() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`(.*?)`)? ?\| (.*) \|$", README, re.MULTILINE)
    assert rows == [(each.variable, each.default, each.meaning) for each in describe_settings()]


def test_every_close_code_is_explained() -> None:
    explained = {int(code) for code in re.findall(r"\b(\d{4})\b(?=[^|\n]*\| )", README)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    ours = {kind.close_code for kind in kinds if issubclass(kind, errors.SegueError)}
    assert ours <= explained


@pytest.mark.anyio
async def test_the_web_line_of_the_procfile_serves_every_address(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    lines = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    assert lines["release"] == "segue migrate"
    own = SegueServer(tmp_path, {"HOST": ""}, await postgres.new_database())
    await own.migrate()
    run_line(own, lines["web"])
    try:
        await own.ready()
        assert listens_everywhere(own.port)
    finally:
        await own.end()


def run_line(server: SegueServer, line: str) -> None:
    """Starts the server by a line of the Procfile, as a platform does."""
    programs = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    with server.log.open("ab") as log:
        server.process = subprocess.Popen(
            ["sh", "-c", f"exec env {line}"],
            cwd=server.folder,
            env={**server._environment(), "PATH": programs},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def listens_everywhere(port: int) -> bool:
    """Tells whether a socket listens on 0.0.0.0 and the port."""
    return f"00000000:{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()
