"""Fixtures of all tests with stock clients: one Postgres, one Node process, a server per module."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from devices import DeviceHost
from servers import PostgresServer, SegueServer, new_session


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A Postgres for the databases of all tests; those that hurt one make their own."""
    with PostgresServer.created() as server:
        yield server


@pytest.fixture(scope="session")
async def device_host() -> AsyncIterator[DeviceHost]:
    """The Node process; use `host`."""
    async with DeviceHost.started() as host:
        yield host


@pytest.fixture
async def host(device_host: DeviceHost) -> AsyncIterator[DeviceHost]:
    """A host without devices, emptied afterwards."""
    yield device_host
    await device_host.close_all()


@pytest.fixture(scope="module")
async def server(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SegueServer]:
    """A server that the tests of a module share, each with a session of its own."""
    folder: Path = tmp_path_factory.mktemp("server")
    async with SegueServer.started(folder, database_url=await postgres.new_database()) as started:
        yield started


@pytest.fixture
def session() -> str:
    """The id of a session that nobody has opened yet."""
    return new_session()
