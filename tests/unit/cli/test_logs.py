"""Logs: readable or JSON, and never a token, whoever writes the line."""

import asyncio
import io
import json
import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
import uvicorn
from starlette.types import Receive, Scope, Send

from segue.auth.tokens import Claims, mint
from segue.cli.logs import configure_logging
from segue.ids import UserId

TOKEN = mint(b"0123456789abcdef0123456789abcdef", Claims(user=UserId("alice")), now=0, ttl_s=1)


class TerminalStream(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def logging_is_restored() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in (None, *logging.root.manager.loggerDict)]
    before = [(each, each.handlers, each.level, each.propagate) for each in loggers]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def logged(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_events_are_json_lines_where_nobody_watches() -> None:
    stream = io.StringIO()
    configure_logging("info", stream, colour=True)
    structlog.get_logger().info("room.opened", document="trip")
    logging.getLogger("asyncio").warning("slow %s", "callback")
    ours, theirs = logged(stream)
    assert (ours["event"], ours["document"], ours["level"]) == ("room.opened", "trip", "info")
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["logger"]) == ("slow callback", "asyncio")


@pytest.mark.parametrize("colour", [True, False])
def test_events_are_readable_on_a_terminal(*, colour: bool) -> None:
    stream = TerminalStream()
    configure_logging("info", stream, colour=colour)
    structlog.get_logger().info("room.opened", document="trip")
    assert "room.opened" in stream.getvalue()
    assert ("\x1b[" in stream.getvalue()) is colour


def test_the_level_is_the_least_that_is_logged() -> None:
    stream = io.StringIO()
    configure_logging("warning", stream, colour=False)
    structlog.get_logger().info("quiet")
    logging.getLogger("some.library").info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in logged(stream)] == ["loud"]


def test_a_logger_made_earlier_follows_a_new_level() -> None:
    stream = io.StringIO()
    log = structlog.get_logger("early")
    configure_logging("warning", stream, colour=False)
    log.info("quiet")
    configure_logging("info", stream, colour=False)
    log.info("loud")
    assert [line["event"] for line in logged(stream)] == ["loud"]


@pytest.mark.parametrize("stream", [io.StringIO(), TerminalStream()])
def test_no_part_of_an_event_lets_a_token_out(stream: io.StringIO) -> None:
    configure_logging("debug", stream, colour=True)
    log = structlog.get_logger()
    log.info("signed_in", token="hunter2", Authorization="hunter2", url=f"/v1/sync/x?token={TOKEN}")
    log.info(TOKEN, nested={"headers": [f"Bearer {TOKEN}"]})
    logging.getLogger("library").error("GET %s", f"/v1/sync/x?token={TOKEN}")
    try:
        raise ValueError(TOKEN)
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed")
    assert "failed" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()
    assert not any(part in stream.getvalue() for part in TOKEN.split("."))


@pytest.mark.parametrize("stream", [io.StringIO(), TerminalStream()])
def test_tracebacks_show_no_local_variables(stream: io.StringIO) -> None:
    configure_logging("info", stream, colour=True)

    def fail(content: str) -> None:
        raise ValueError(len(content))

    try:
        fail("what a user " + "typed")
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "ValueError" in stream.getvalue()
    assert "what a user typed" not in stream.getvalue()


async def accept_and_close(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4401})


async def upgrade(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = await reader.read(100)
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.anyio
@pytest.mark.parametrize("level", ["debug", "info"])
async def test_a_token_in_a_url_is_in_no_line_of_the_web_server(level: str) -> None:
    stream = io.StringIO()
    configure_logging(level, stream, colour=False)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(accept_and_close, log_config=None, access_log=False, lifespan="off")
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[listener]), name="server")
        path = f"/v1/sync/trip?token={TOKEN}"
        assert b"101" in await upgrade(listener.getsockname()[1], path)
        logging.getLogger("uvicorn.error").warning("a line of uvicorn's: %s", path)
        server.should_exit = True
    assert "a line of uvicorn's" in stream.getvalue()
    assert "[accepted]" not in stream.getvalue()
    assert not any(part in stream.getvalue() for part in TOKEN.split("."))
