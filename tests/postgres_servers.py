"""Throw-away PostgreSQL servers for tests: the embedded one, and Debian's 15 as an operator's own."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Literal

import pytest

from segue.storage.postgres.supervisor import EmbeddedPostgres

Kind = Literal["embedded", "debian"]

KINDS: tuple[Kind, ...] = ("embedded", "debian")

DEBIAN = Path("/usr/lib/postgresql/15/bin")

# Nothing a test writes has to survive a power cut; killed processes lose nothing by it.
FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "100"}


@asynccontextmanager
async def throwaway_server(kind: Kind) -> AsyncIterator[EmbeddedPostgres]:
    """Runs a server (`.dsn` is its connection string) in a folder that is gone afterwards."""
    binaries = _debian() if kind == "debian" else None
    with throwaway_folder() as folder:
        async with EmbeddedPostgres(
            folder / "data", binaries=binaries, extra_settings=FAST
        ) as server:
            yield server


@contextmanager
def throwaway_folder() -> Iterator[Path]:
    """Gives a folder in /tmp that Postgres' account can enter: pytest's own are 0700."""
    folder = Path(tempfile.mkdtemp(prefix="segue-test-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _debian() -> Path:
    if (DEBIAN / "postgres").exists():
        return DEBIAN
    missing = f"no PostgreSQL 15 in {DEBIAN}: apt-get install -y postgresql"
    if os.environ.get("CI") == "true":  # noqa: TID251 - not a setting of the product
        pytest.fail(missing)
    pytest.skip(missing)
