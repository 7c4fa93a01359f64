"""What an operator may choose about the hub."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HubOptions:
    """Bounds and times of a node's rooms.

    `max_update_bytes` bounds one update outside a step 2; `max_batch_bytes` what one document adds
    to a group commit; `grace_s` is how long a room without devices stays open;
    `patience_s` how long a caller of the server's own waits for an edit or a view.
    """

    max_update_bytes: int = 1 << 20
    max_presence_bytes: int = 2 << 10
    max_batch_bytes: int = 4 << 20
    max_document_bytes: int = 16 << 20
    max_backlog_bytes: int = 64 << 20
    max_user_backlog_bytes: int = 16 << 20
    presence_per_s: int = 10
    snapshot_every_rows: int = 500
    grace_s: float = 30.0
    patience_s: float = 15.0
