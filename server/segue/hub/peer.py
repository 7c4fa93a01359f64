"""One device attached to one document: what it has, what it is owed, and the way to it.

    NEW --its step 1--> CATCHING_UP --the state left--> LIVE
                             ^                            | congested, or the log jumped
                             '------drained, asks---- LAGGING

Invariants:
1. Only a LIVE peer gets increments. It has everything committed so far.
2. `known` is the vector of what a LAGGING or CATCHING_UP peer has for certain; one diff since
   then makes it LIVE. So a slow device costs one vector and one diff, however much passes.
3. At most one state is asked for at a time.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from segue.auth.grants import Role
from segue.errors import SegueError
from segue.ids import DeviceId, UserId
from segue.wire.dialect import Dialect
from segue.wire.frames import binary_frame
from segue.wire.owed import Owed


class Phase(Enum):
    """How far a peer is; see the module's text."""

    NEW = auto()
    CATCHING_UP = auto()
    LIVE = auto()
    LAGGING = auto()


class Outbox(Protocol):
    """The way to a device. Methods return at once and raise nothing."""

    @property
    def congested(self) -> bool:
        """True while the device's buffer is over its mark."""

    def write(self, frames: bytes) -> None:
        """Sends ready-made WebSocket frames, in order; dropped if the device is gone."""

    def refuse(self, peer: "Peer", error: SegueError) -> None:
        """Ends the peer's part of the connection, or all of it, telling why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is at the other end, and what they may do here."""

    user: UserId
    device: DeviceId
    role: Role


@dataclass(eq=False, slots=True)
class Peer:
    """See the module's text. Owned by its room, which alone changes it."""

    identity: Identity
    dialect: Dialect
    outbox: Outbox
    owed: Owed | None = None
    phase: Phase = Phase.NEW
    known: bytes | None = None
    wants_step1: bool = False
    wants_step2: bool = False
    misses_presence: bool = False
    presence_due_s: float = 0.0
    asked: bool = False
    asks_again: bool = False
    awaits_answer: bool = False
    attached: bool = True

    def send(self, payload: bytes) -> None:
        """Sends one message of its dialect."""
        if self.attached:
            self.outbox.write(binary_frame(payload))
