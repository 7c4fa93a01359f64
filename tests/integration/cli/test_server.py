"""The commands that run a server, as processes of their own."""

import contextlib
import http.client
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path

from segue_process import SEGUE, run, running
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from segue.auth.tokens import Claims, mint
from segue.ids import UserId
from servers import SECRET

PROCFILE = Path(__file__).parents[3] / "Procfile"


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        yield port


def status(url: str, path: str) -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status


SYNC = 0


def joining(
    url: str, token: str, document: str = "trip", *, origin: str | None = None
) -> int | str | None:
    """Lets a device join: "synced" at the first frame of the document, or else the close code."""
    address = f"{url.replace('http', 'ws')}/v1/sync/{document}?token={token}"
    with connect(address, origin=origin and Origin(origin), proxy=None) as device:
        with contextlib.suppress(ConnectionClosed):
            for frame in device:
                if frame[0] == SYNC:
                    return "synced"
        return device.close_code


def test_dev_needs_nothing_and_says_what_one_has_to_know(folder: Path) -> None:
    with (
        taken_port() as port,
        running((*SEGUE, "dev"), folder, PORT=str(port), LOG_LEVEL="debug") as server,
    ):
        assert f"port {port} is taken" in server.read_until("Server")
        server.read_until("Stop")
        url = server.value("Server").split()[0]
        assert url != f"http://127.0.0.1:{port}"
        assert (status(url, "/livez"), status(url, "/readyz")) == (200, 200)
        assert status(url, "/nowhere?token=x") == 404

        assert any("On a phone" in line and "HOST=0.0.0.0" in line for line in server.out)
        link = server.value("Sign in")
        assert link.startswith(f"{url}/#token=")
        mine = link.partition("=")[2]
        command = shlex.split(server.value("Get a token"))
        assert command[-3:] == ["token", "--user", "alice"]
        alice, bob = (run(folder, "token", "--user", user).out[-1] for user in ("alice", "bob"))
        wrong = mint(
            b"another secret that nobody here knows", Claims(UserId("eve")), now=0, ttl_s=9
        )
        assert joining(url, alice) == "synced"
        assert joining(url, bob) == 4403
        assert joining(url, mine, "home") == "synced"
        assert joining(url, wrong) == 4401
        assert joining(url, alice, origin="https://evil.example") == 4403
        assert joining(url, alice, origin="http://localhost:5173") == "synced"

        assert server.interrupt() == 0
        assert server.out[-1] == "Stopped."
        assert "node.ready" in server.log
        parts = [part for token in (alice, bob, mine, wrong) for part in token.split(".")]
        assert not any(part in server.log for part in parts)
        secret = (folder / ".segue" / "secret").read_text().strip()
        assert secret not in server.log


def test_a_second_server_in_one_folder_is_told_of_the_first(folder: Path) -> None:
    with running((*SEGUE, "dev"), folder, PORT="0") as server:
        server.read_until("Stop")
        second = run(folder, "dev", PORT="0")
        assert second.code == 2
        assert str(server.process.pid) in second.err
        assert len(second.err.splitlines()) == 1


def test_production_takes_its_port_or_says_that_it_cannot(folder: Path) -> None:
    with taken_port() as port:
        refused = run(folder, "serve", PORT=str(port), SEGUE_SECRET=SECRET)
    assert refused.code == 2
    assert f"Port {port} on 127.0.0.1 is taken" in refused.err


def test_the_procfile_migrates_and_then_serves(folder: Path) -> None:
    lines = dict(line.split(": ", 1) for line in PROCFILE.read_text().splitlines())
    with taken_port() as port:
        pass  # left at once: it was free a moment ago
    variables = {"SEGUE_SECRET": SECRET, "HOST": "127.0.0.1", "PORT": str(port)}
    with running(("/bin/sh", "-c", lines["release"]), folder, **variables) as release:
        assert release.process.wait(60) == 0
    web = ("/bin/sh", "-c", lines["web"])
    with running(web, folder, merged=True, **variables) as server:
        server.read_until("node.ready")
        url = f"http://127.0.0.1:{port}"
        token = run(folder, "token", "--user", "alice", SEGUE_SECRET=SECRET).out[-1]
        assert status(url, "/readyz") == 200
        assert joining(url, token) == "synced"
        assert joining(url, token, origin="http://localhost:5173") == 4403
