"""A server whose agent counts, for the pages that show answers."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from servers import PostgresServer, SegueServer

AGENTS: Final = Path(__file__).parents[1] / "integration/agents/agents_for_tests"
LONG: Final = "100000"
BEGUN: Final = re.compile("^0 1 2 3 ")


@pytest.fixture
async def server(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[SegueServer]:
    """A server of the test's own, whose agent counts."""
    async with SegueServer.started(
        tmp_path,
        database_url=await postgres.new_database(),
        SEGUE_AGENT="counting:Counting",
        PYTHONPATH=str(AGENTS),
    ) as started:
        yield started
