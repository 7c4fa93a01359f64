"""What the tests of the embedded server share."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from postgres_parents import all_gone, postgres_in

from postgres_servers import throwaway_folder
from segue.storage.postgres.supervisor import EmbeddedPostgres


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder to be made, in a folder that Postgres' account can enter; no test leaves a process."""
    with throwaway_folder() as folder:
        yield folder / "data"
        assert all_gone(postgres_in(folder), within_s=15)


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[str]:
    """The connection string of a server as the product runs it, for tests that only ask it something."""
    with throwaway_folder() as folder:
        async with EmbeddedPostgres(folder / "data") as server:
            yield server.dsn
