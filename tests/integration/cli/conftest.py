"""A folder to work in that the account of the embedded Postgres can pass through."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres_servers import throwaway_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with throwaway_folder() as folder:
        yield folder
