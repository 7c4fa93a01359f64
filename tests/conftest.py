"""What every test shares."""

import hypothesis
import pytest

from databases import database, database_dsn, empty_dsn, server_dsn

# No test depends on the clock.
hypothesis.settings.register_profile("segue", deadline=None)
hypothesis.settings.load_profile("segue")

__all__ = ["database", "database_dsn", "empty_dsn", "server_dsn"]


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Tests run on the loop that the server runs on."""
    return "asyncio", {"use_uvloop": True}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rounds", type=int, default=2, help="rounds of each scenario of tests/faults"
    )
