"""Snapshots as bytes: a document's state and who owns its client ids."""

from collections.abc import Collection
from typing import Final

import msgspec

from segue.document.feed import Feed, Saved
from segue.ids import UserId

_VERSION: Final = b"\x01"


class Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """A merged state. `clients` are the client ids of each user who wrote in the document.

    `last_seq` is the highest that a message was ever given, also one that is gone. `changes` and
    `change_count` are the feed; without a count there was none yet. `retired` are the client ids of
    former generations, the oldest first.
    """

    state: bytes
    clients: dict[UserId, list[int]]
    last_seq: int = 0
    changes: tuple[Saved, ...] = ()
    change_count: int = 0
    retired: tuple[int, ...] = ()

    def owners(self) -> dict[int, UserId]:
        """Gives the owner of each client id."""
        return {client: user for user, clients in self.clients.items() for client in clients}


def encode(
    state: bytes,
    owners: dict[int, UserId],
    last_seq: int,
    feed: Feed,
    retired: Collection[int] = (),
) -> bytes:
    """Frames a state with what it doesn't tell itself, behind a byte for the format's version."""
    clients: dict[UserId, list[int]] = {}
    for client, user in owners.items():
        clients.setdefault(user, []).append(client)
    return _VERSION + msgspec.msgpack.encode(
        Snapshot(state, clients, last_seq, feed.save(), feed.count, tuple(retired))
    )


def decode(data: bytes) -> Snapshot:
    """Reads what `encode` made.

    Raises:
        ValueError: it is no snapshot, or of a version that this program doesn't know.
    """
    if data[:1] != _VERSION:
        raise ValueError("a snapshot of an unknown version")
    try:
        return msgspec.msgpack.decode(data[1:], type=Snapshot)
    except msgspec.DecodeError as error:
        raise ValueError("a damaged snapshot") from error
