"""These tests speak to a real server with stock clients, and hurt it and its Postgres.

Scenarios (those that ask for a `tally`) take `--rounds` and end up as one line each of a table.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from crowd import SETTINGS, Scene
from tally import HEADING, Tally

from devices import DeviceHost
from postgres_proxy import postgres_proxy
from postgres_servers import throwaway_folder
from servers import PostgresServer, SegueServer
from stock_fixtures import device_host, host, postgres, server, session
from stored import keep_all_rows

__all__ = ["device_host", "host", "postgres", "server", "session"]

ROUND_S = 120
"""Far more than any round takes: a scenario that hangs is ended, whatever the number of rounds."""

_tallies = pytest.StashKey[list[Tally]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    limit_s = 120 + ROUND_S * config.getoption("rounds")
    for item in items:
        if "tally" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(limit_s))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    tallies = config.stash.get(_tallies, [])
    if not tallies:
        return
    bad = [*terminalreporter.getreports("failed"), *terminalreporter.getreports("error")]
    failed = {report.nodeid for report in bad}
    terminalreporter.section("faults")
    terminalreporter.write_line(HEADING)
    for tally in tallies:
        terminalreporter.write_line(tally.line(failed=tally.test in failed))


@pytest.fixture
def rounds(pytestconfig: pytest.Config) -> int:
    """How often a scenario is played."""
    count: int = pytestconfig.getoption("rounds")
    return count


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """The scenario's line of the table."""
    tally = Tally(request.node.nodeid)
    request.config.stash.setdefault(_tallies, []).append(tally)
    return tally


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


@pytest.fixture(scope="module")
async def stage(
    device_host: DeviceHost, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    """A server with an agent on a Postgres of its own, for the scenarios of a module.

    They leave it running.
    """
    with PostgresServer.created() as postgres:
        dsn = await postgres.new_database()
        async with (
            postgres_proxy(dsn) as proxy,
            SegueServer.started(
                tmp_path_factory.mktemp("server"), database_url=proxy.dsn, **SETTINGS
            ) as server,
        ):
            await keep_all_rows(dsn)
            yield Scene(device_host, postgres, proxy, server, dsn, Tally("nobody"))


@pytest.fixture
async def scene(host: DeviceHost, stage: Scene, tally: Tally) -> Scene:
    """The stage, for one scenario."""
    return replace(stage, host=host, tally=tally)
