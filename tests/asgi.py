"""Asks an ASGI application without a network."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio
from starlette.types import ASGIApp, Message


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: ASGIApp,
    path: str,
    method: str = "GET",
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    parts: Sequence[bytes] | None = None,
    is_whole: bool = True,
    raising: type[Exception] | None = None,
) -> Answer:
    """Gives the answer, also if the application raises `raising` once it has answered.

    A body comes at once, or in `parts`; one that is not whole is followed by silence.
    """
    pieces = [body] if parts is None else list(parts)
    left = len(pieces)
    coming = iter(pieces)
    sent: list[Message] = []
    path, _, query = path.partition("?")

    async def receive() -> Message:
        nonlocal left
        if (part := next(coming, None)) is None:
            await anyio.sleep_forever()
        left -= 1
        return {"type": "http.request", "body": part, "more_body": left > 0 or not is_whole}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [
            (b"host", b"test"),
            *(
                (key.lower().encode(), value.encode("latin-1"))
                for key, value in (headers or {}).items()
            ),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    with contextlib.suppress(*([raising] if raising else [])):
        await app(scope, receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    headers = {key.decode(): value.decode() for key, value in start["headers"]}
    body = b"".join(message.get("body", b"") for message in sent)
    return Answer(start["status"], headers, body)
