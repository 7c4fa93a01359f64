import os

import pytest

from segue.workers.slot import Running, Slot


def test_what_one_side_writes_the_other_reads() -> None:
    pool_side = Slot.create()
    worker_side = Slot(os.dup(pool_side.fd))
    assert pool_side.running() is None
    worker_side.begin(2**40, 2**50)
    assert pool_side.running() == Running(2**40, 2**50)
    worker_side.end()
    assert pool_side.running() is None
    worker_side.close()
    pool_side.close()


def test_what_a_dead_worker_wrote_is_still_there() -> None:
    pool_side = Slot.create()
    worker_side = Slot(os.dup(pool_side.fd))
    worker_side.begin(7, 1)
    worker_side.close()
    assert pool_side.running() == Running(7, 1)
    pool_side.close()


def test_a_closed_slot_gives_its_descriptor_back() -> None:
    slot = Slot.create()
    slot.close()
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(slot.fd)
