"""A folder to work in that the account of the embedded Postgres can pass through."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="segue-cli-") as name:
        Path(name).chmod(0o711)
        yield Path(name)
