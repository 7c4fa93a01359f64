"""These tests speak to a real server with stock clients, and hurt it and its Postgres.

Scenarios (those that ask for a `tally`) take `--rounds`, or a share of it, and end up as one line each of a
table, with the rounds that they really played.
"""

from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from crowd import SETTINGS, Scene
from tally import HEADING, Tally

from chromium import browser
from devices import DeviceHost
from postgres_proxy import postgres_proxy
from postgres_servers import throwaway_folder
from servers import PostgresServer, SegueServer
from stock_fixtures import device_host, host, postgres, server, session
from stored import keep_all_rows

__all__ = ["browser", "device_host", "host", "postgres", "server", "session"]

ROUND_S = 120
"""Far more than any round takes: a scenario that hangs is ended, whatever the number of rounds."""

_tally = pytest.StashKey[Tally]()


class Table:
    """Writes a scenario's line as soon as it has ended, in whichever process, and all at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, line in report.user_properties:
            if name == "tally" and report.when == "call":
                self._lines.append(str(line))
                terminal = self._config.pluginmanager.get_plugin("terminalreporter")
                terminal.write_line(f"\n{line}")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._lines:
            terminalreporter.section("faults")
            terminalreporter.write_line("\n".join((HEADING, *sorted(self._lines))))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "share(of): what part of --rounds a scenario plays whose rounds are long"
    )
    if not hasattr(config, "workerinput"):  # of several processes, the one that people see
        config.pluginmanager.register(Table(config))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    limit_s = 120 + ROUND_S * config.getoption("rounds")
    for item in items:
        if "tally" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(limit_s))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Has a scenario's line travel with the report of it."""
    report = yield
    tally = item.stash.get(_tally, None)
    if tally is not None and report.when == "call":
        report.user_properties.append(("tally", tally.line(failed=report.failed)))
    return report


@pytest.fixture
def rounds(pytestconfig: pytest.Config) -> int:
    """What was asked for: sizes depend on it; a scenario plays its tally's `wanted`."""
    count: int = pytestconfig.getoption("rounds")
    return count


@pytest.fixture
def tally(request: pytest.FixtureRequest, rounds: int) -> Tally:
    """The scenario's line of the table."""
    share = request.node.get_closest_marker("share")
    wanted = rounds if share is None else max(1, round(rounds * share.args[0]))
    request.node.stash[_tally] = tally = Tally(request.node.nodeid, wanted)
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
