"""What all sync connections of a node share: bounds, and the parts of the node that they work with."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from segue.auth.origins import OriginPolicy
from segue.auth.refusals import Refusals
from segue.auth.tokens import Claims
from segue.http.seating import Seating
from segue.hub.hub import Hub
from segue.hub.quota import Quota
from segue.ids import UserId
from segue.storage.ports import Register


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """Bounds and times of connections."""

    mark_bytes: int = 256 << 10
    max_documents: int = 100
    max_unauthenticated_bytes: int = 64 << 10
    unauthenticated_s: float = 5.0
    keep_alive_s: float = 10.0
    stalled_s: float = 60.0
    refresh_lead_s: float = 30.0
    frames_per_s: int = 500
    frame_burst: int = 2_000


@dataclass(frozen=True, slots=True)
class SyncServices:
    """What connections work with; `clock` gives seconds since 1970, `sockets` counts by user."""

    hub: Hub
    register: Register
    verify: Callable[[str], Claims]
    origins: OriginPolicy
    refusals: Refusals
    seating: Seating
    tasks: asyncio.TaskGroup
    clock: Callable[[], float]
    options: SyncOptions
    sockets: Quota[UserId]
