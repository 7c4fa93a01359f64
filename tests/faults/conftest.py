"""These tests speak to a real server with stock clients, and hurt it and its Postgres."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from postgres_servers import throwaway_folder
from servers import PostgresServer, SegueServer
from stock_fixtures import device_host, host, postgres, server, session

__all__ = ["device_host", "host", "postgres", "server", "session"]


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A Postgres that may be killed and frozen: nobody else uses it."""
    with PostgresServer.created() as created:
        yield created


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder for a server that runs its own Postgres: root's account for it can enter."""
    with throwaway_folder() as folder:
        yield folder


@pytest.fixture
async def own_server(own_postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[SegueServer]:
    """A server on it."""
    address = await own_postgres.new_database()
    async with SegueServer.started(tmp_path, database_url=address) as started:
        yield started
