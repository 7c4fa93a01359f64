"""What the pool is built with. Plain values; the composition root fills them from the settings."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_PROGRAM: Final = (sys.executable, "-P", "-m", "segue.workers.main")
"""`-P`: the folder the server was started in is no place to import from."""


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How many workers, and what each may cost.

    `*_cpu_s` bound the CPU time of one request. `stall_s` is how long a worker may do nothing at all
    while requests wait. A worker idle above half of `memory_bytes` is replaced, `recycle_after_s`
    after its start at the earliest. A log that kills is not opened again for `quarantine_s`. `agents`
    answer in sessions, the first one where a session says nothing else.
    """

    workers: int = 2
    memory_bytes: int = 2 * 2**30
    check_cpu_s: float = 2.0
    open_cpu_s: float = 20.0
    read_cpu_s: float = 20.0
    stall_s: float = 10.0
    start_s: float = 30.0
    watch_every_s: float = 0.25
    recycle_after_s: float = 600.0
    quarantine_s: float = 600.0
    gated: bool = True
    agents: tuple[str, ...] = ()
    program: tuple[str, ...] = _PROGRAM
    environment: Mapping[str, str] = field(default_factory=dict)
    """All that a worker sees of the environment: it needs none, and secrets live there."""
