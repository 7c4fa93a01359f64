"""When a log is folded: often enough to load fast, seldom enough to cost little."""

import asyncio

from hub_ports import Log

from segue.document.submission import LoggedUpdate
from segue.hub.snapshots import Snapshots, Steps
from segue.hub.strikes import Strikes
from segue.ids import DeviceId, DocumentId, UserId
from segue.storage.ports import Base

NOTHING_DONE = Steps(lambda: None, lambda: None, lambda: None)


def loaded(snapshot_bytes: int, tail_bytes: int) -> Snapshots:
    """Gives the snapshots of a document loaded at position 100, the last row being its tail."""
    tail = LoggedUpdate(UserId("ann"), DeviceId(""), bytes(tail_bytes))
    snapshots = Snapshots(DocumentId("trip"), Log(), asyncio.TaskGroup(), NOTHING_DONE, Strikes())
    snapshots.reset(Base(1, 100, bytes(snapshot_bytes), (tail,), 99))
    return snapshots


def test_so_many_rows_make_a_snapshot_due() -> None:
    snapshots = loaded(snapshot_bytes=200_000, tail_bytes=10)
    assert not snapshots.is_due(148, every_rows=50)
    assert snapshots.is_due(149, every_rows=50)


def test_a_light_tail_of_a_heavy_document_is_left_in_the_log() -> None:
    snapshots = loaded(snapshot_bytes=400_000, tail_bytes=10)
    assert not snapshots.is_due(1_000, every_rows=50)
    snapshots.grow(99_990)
    assert snapshots.is_due(1_000, every_rows=50)


def test_nothing_new_is_never_due() -> None:
    assert not loaded(snapshot_bytes=0, tail_bytes=0).is_due(99, every_rows=1)
