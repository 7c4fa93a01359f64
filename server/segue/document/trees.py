"""Numbers for the sequences of a document: one for each list, each text, and each key of a map.

Kept small, since a conversation has a dozen keys a message: under 30 bytes for each. A sequence is
known by 32 bits of a hash of its parent and key; should two be taken for one, more is counted than is.
"""

from array import array
from typing import Final

from segue.document.lines import Gap
from segue.document.update import Id

_BITS: Final = 0xFFFF_FFFF
_FIRST_SLOTS: Final = 16


class Trees:
    """Sequences, numbered as they come. Forgotten from the newest on only.

    `counts` tells how much is in each.
    """

    __slots__ = ("_first_clients", "_first_clocks", "_hashes", "_shared", "_slots", "counts")

    def __init__(self) -> None:
        self._hashes = array("I")
        self._slots = array("I", bytes(4 * _FIRST_SLOTS))
        self.counts = array("I")
        self._first_clients = array("Q")
        self._first_clocks = array("I")
        self._shared = bytearray()

    def __len__(self) -> int:
        return len(self.counts)

    def number(self, parent: str | Id | None, key: str | None, first: Id) -> int:
        """Gives the number of a parent's sequence, or of one of its keys; of a new one `first` is the first."""
        hashed = hash((parent, key)) & _BITS
        slot = self._slot_of(hashed)
        if not self._slots[slot]:
            self._hashes.append(hashed)
            self.counts.append(0)
            self._first_clients.append(first[0])
            self._first_clocks.append(first[1])
            self._shared.append(False)
            self._slots[slot] = len(self._hashes)
            if 2 * len(self._hashes) > len(self._slots):
                self._grow()
            return len(self._hashes) - 1
        return self._slots[slot] - 1

    def gap(self, number: int) -> Gap:
        """Gives what is at the beginning of a sequence."""
        first = self._first_clients[number], self._first_clocks[number]
        return Gap(first, 0, shared=bool(self._shared[number]))

    def set_gap(self, number: int, gap: Gap) -> None:
        """Says what is at the beginning of a sequence."""
        self._first_clients[number], self._first_clocks[number] = gap.first
        self._shared[number] = gap.shared

    def forget_from(self, number: int) -> None:
        """Forgets the sequences from this number on."""
        while len(self._hashes) > number:
            # The newest first: nothing that stays was put elsewhere because of it.
            self._slots[self._slot_of(self._hashes[-1])] = 0
            for column in (self._hashes, self.counts, self._first_clients, self._first_clocks):
                column.pop()
            self._shared.pop()

    def _slot_of(self, hashed: int) -> int:
        """Gives the slot that holds a hash, or the empty one where it goes."""
        slots, last = self._slots, len(self._slots) - 1
        slot = hashed & last
        while slots[slot] and self._hashes[slots[slot] - 1] != hashed:
            slot = (slot + 1) & last
        return slot

    def _grow(self) -> None:
        self._slots = array("I", bytes(8 * len(self._slots)))
        for index, hashed in enumerate(self._hashes):
            self._slots[self._slot_of(hashed)] = index + 1
