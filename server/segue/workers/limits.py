"""What a worker forbids itself before the first request reaches it.

The pool's deadlines and the memory limit are the rule; these are for when the pool can't act, because
its own process is dead or frozen.
"""

import ctypes
import os
import resource
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_CEILING_FACTOR: Final = 3
_RENEW_FACTOR: Final = 2


def die_with_parent() -> None:
    """Has the kernel kill this process when its parent dies, busy or not.

    Linux only; it counts the thread that spawned, which is the one that runs the pool's loop. Where
    there is no such call the pipe's end is noticed between two requests, and `CpuCeiling` ends a
    request that never does.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def ignore_terminal() -> None:
    """Ignores what a terminal or a service manager sends to all processes: the parent ends us."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def leave_no_content() -> None:
    """Writes no core file and, from now on, nothing to stderr.

    A panic of the CRDT prints the text it stumbled over. Errors before this call are seen.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)


def limit_memory(max_bytes: int) -> None:
    """Makes allocations beyond `max_bytes` fail: MemoryError in Python, an abort in native code.

    RLIMIT_DATA counts what is written to; RLIMIT_AS would count address space that is only reserved.
    """
    _lower(resource.RLIMIT_DATA, max_bytes)


class CpuCeiling:
    """Ends the process (SIGXCPU) at a request that takes over twice `request_cpu_s`."""

    def __init__(self, request_cpu_s: float) -> None:
        self._request_cpu_s = request_cpu_s
        self._renew_at_s = 0.0

    def renew(self, used_cpu_s: float) -> None:
        """Moves the ceiling up while requests do end. A system call now and then, mostly none."""
        if used_cpu_s < self._renew_at_s:
            return
        self._renew_at_s = used_cpu_s + (_CEILING_FACTOR - _RENEW_FACTOR) * self._request_cpu_s
        # Whole seconds, rounded up.
        _lower(resource.RLIMIT_CPU, int(used_cpu_s + _CEILING_FACTOR * self._request_cpu_s) + 1)


def _lower(limit: int, soft: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(limit, (soft, hard))
