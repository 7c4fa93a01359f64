"""Asks a real server over HTTP, as any program does."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

import anyio.to_thread

from servers import SegueServer

PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class HttpClient:
    """Speaks for one user, or with no token for nobody; each request has a connection of its own."""

    server: SegueServer
    token: str

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        **headers: str,
    ) -> HttpAnswer:
        """Gives the answer; `body` goes as JSON in plain ASCII, with escapes."""
        data = raw if raw is not None or body is None else json.dumps(body).encode()
        sent = {"authorization": f"Bearer {self.token}"} if self.token else {}
        if data is not None:
            sent["content-type"] = "application/json"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await anyio.to_thread.run_sync(
            _ask, self.server.port, method, path, data, sent, abandon_on_cancel=True
        )


def _ask(
    port: int, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> HttpAnswer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return HttpAnswer(answer.status, named, answer.read())
    finally:
        connection.close()
