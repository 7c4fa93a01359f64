"""Pools of real processes."""

import sys
from pathlib import Path

import pytest

from segue.workers.options import PoolOptions

_SCRIPTED = Path(__file__).with_name("scripted.py")


@pytest.fixture
def scripted() -> PoolOptions:
    """One worker whose documents misbehave on command, watched closely."""
    return PoolOptions(
        workers=1,
        check_cpu_s=0.5,
        open_cpu_s=0.5,
        read_cpu_s=0.5,
        stall_s=0.5,
        watch_every_s=0.05,
        memory_bytes=2**30,
        program=(sys.executable, "-P", str(_SCRIPTED)),
    )
