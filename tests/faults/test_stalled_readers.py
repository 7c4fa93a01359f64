"""Readers that stop cost the server nothing: the promise at a tenth of its size, without a clock."""

from pathlib import Path

import pytest
from stalled_readers import VALUE_BYTES, measure

from servers import PostgresServer, SegueServer

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

TIMES = 500
MAX_GROWTH_BYTES = 20 << 20
KERNEL_BYTES = 12 << 20
"""What the kernel holds of it for two sleepers, in the server's buffers mostly."""


async def test_two_of_six_readers_stop_while_30_mb_flow(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    address = await postgres.new_database()
    async with SegueServer.started(tmp_path, database_url=address) as server:
        found = await measure(server, readers=6, sleepers=2, times=TIMES, per_s=200)
    assert found.grown_bytes < MAX_GROWTH_BYTES
    assert found.sleepers_bytes < KERNEL_BYTES + 2 * VALUE_BYTES < TIMES * VALUE_BYTES
