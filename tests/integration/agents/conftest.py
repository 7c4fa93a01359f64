"""These tests talk to agents on a real server, with stock clients and over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from talking import AGENTS

from servers import PostgresServer, SegueServer
from stock_fixtures import device_host, host, postgres, session

__all__ = ["device_host", "host", "postgres", "server", "session"]


@pytest.fixture
async def server(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[SegueServer]:
    """A server of the test's own, whose agent takes its time."""
    async with SegueServer.started(
        tmp_path,
        database_url=await postgres.new_database(),
        SEGUE_AGENT="counting:Counting",
        PYTHONPATH=str(AGENTS),
    ) as started:
        yield started
