"""What a client can say about one document, in either dialect."""

from dataclasses import dataclass, field

import msgspec

from segue.wire.awareness import AwarenessEntry


class SyncStep1(msgspec.Struct, frozen=True):
    """Here is what I have: `raw` as it came, `vector` the same, checked. To be answered by a step 2."""

    vector: dict[int, int]
    raw: bytes


class SyncStep2(msgspec.Struct, frozen=True, gc=False):
    """The answer to a step 1 of ours: what the client has beyond it, and all of its deletes."""

    update: bytes


class Update(msgspec.Struct, frozen=True, gc=False):
    """An edit."""

    update: bytes


class AwarenessUpdate(msgspec.Struct, frozen=True):
    """Presence of this client, in some dialects an echo of others' too."""

    entries: tuple[AwarenessEntry, ...]


class QueryAwareness(msgspec.Struct, frozen=True, gc=False):
    """Asks for everybody's presence."""


@dataclass(frozen=True, slots=True)
class AuthToken:
    """A token, the first or a fresh one."""

    token: str = field(repr=False)  # it must not reach a log


class Stateless(msgspec.Struct, frozen=True, gc=False):
    """A text beside the document; for us, the heartbeat."""

    payload: str


class Close(msgspec.Struct, frozen=True, gc=False):
    """The client leaves this document; the socket stays."""


class Ping(msgspec.Struct, frozen=True, gc=False):
    """A frame of one byte that belongs to the socket, not to a document. To be answered by a pong."""


class Pong(msgspec.Struct, frozen=True, gc=False):
    """The answer to a ping of ours."""


ClientMessage = (
    SyncStep1
    | SyncStep2
    | Update
    | AwarenessUpdate
    | QueryAwareness
    | AuthToken
    | Stateless
    | Close
)
"""What belongs to a document. `Ping` and `Pong` belong to a socket."""
