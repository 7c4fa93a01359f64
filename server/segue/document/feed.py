"""What changed in a conversation, in the order of its log: each subject once, at its latest change.

A follower says up to which mark it knows everything and is given the subjects that changed since, as
they are now: whatever it missed, a restart or a thousand changes, it ends where the document is. (The
changes feed of CouchDB works like this.)

A mark is (update, subject): the number of the logged update and a name of the subject's own, which
for a UUIDv7 is the order of the sequencer. It doesn't depend on what else a version of this program
found touched by the update, so one behind any event, also in the middle of an update, leaves out exactly
what came before it. The numbers are those of the log: the same after a reload; snapshots carry them.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from hashlib import blake2b
from itertools import islice
from operator import itemgetter
from typing import Final

from segue.document.places import Part, Place

Mark = tuple[int, str]
"""See the module's text. Followers are given everything behind theirs."""

BEGINNING: Final[Mark] = (0, "")

_BEHIND_ALL: Final = "9"
_SPARE: Final = 64
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Kind(IntEnum):
    """What there is to change, in the order in which the changes of one update are told."""

    MESSAGE = 1
    RUN = 2
    CONTEXT = 3
    SESSION = 4


Subject = tuple[Kind, str]
"""A message, run or entry by its id; the session's own fields have none."""

Saved = tuple[int, str, int, int]
"""A subject's kind and id, and the numbers of its first and its last update."""

_KINDS: Final = {
    Part.NONE: None,
    Part.REQUEST: None,
    Part.RUN: Kind.RUN,
    Part.CONTEXT: Kind.CONTEXT,
    Part.SESSION: Kind.SESSION,
    Part.HEAD: Kind.SESSION,
}


def subject_of(place: Place) -> Subject | None:
    """Gives what changes with something at a place; None for what nobody follows."""
    kind = _KINDS.get(place.part, Kind.MESSAGE)
    return None if kind is None else (kind, place.entry or "")


class Feed:
    """The latest change of every subject. O(1) per change, amortised."""

    def __init__(self) -> None:
        self.count = 0
        self._changes: dict[Subject, tuple[int, int]] = {}
        # In order; one is stale once its subject changed again, and dropped some time later.
        self._order: list[tuple[Mark, Subject]] = []

    @property
    def now(self) -> Mark:
        """The mark behind everything."""
        return self.count, _BEHIND_ALL

    def note(self, subjects: Iterable[Subject]) -> None:
        """Counts one logged update, which changed these."""
        self.count += 1
        marked = sorted((_name(subject), subject) for subject in subjects)
        for name, subject in marked:
            first, _ = self._changes.get(subject, (self.count, 0))
            self._changes[subject] = first, self.count
            self._order.append(((self.count, name), subject))
        if len(self._order) > _SPARE + 2 * len(self._changes):
            self._order = [entry for entry in self._order if self._is_latest(*entry)]

    def since(self, mark: Mark) -> Iterator[tuple[Mark, Subject, bool]]:
        """Gives what changed behind a mark, in order, and whether it was first put there behind it.

        O(log n), and O(1) for each change that is taken.
        """
        start = bisect_right(self._order, mark, key=itemgetter(0))
        for entry in islice(self._order, start, None):
            if self._is_latest(*entry):
                (last, name), subject = entry
                first, _ = self._changes[subject]
                yield (last, name), subject, (first, name) > mark

    def save(self) -> tuple[Saved, ...]:
        """Gives all of it, for `load`."""
        return tuple((*subject, *numbers) for subject, numbers in self._changes.items())

    def load(self, saved: Sequence[Saved], count: int) -> None:
        """Takes up where `save` left off."""
        self.count = count
        self._changes = {(Kind(kind), key): (first, last) for kind, key, first, last in saved}
        self._order = sorted(
            ((last, _name(subject)), subject) for subject, (_, last) in self._changes.items()
        )

    def told_anew(self) -> "Feed":
        """Gives a feed in which everything has changed once more."""
        feed = Feed()
        feed.load(self.save(), self.count)
        feed.note(self._changes)
        return feed

    def _is_latest(self, mark: Mark, subject: Subject) -> bool:
        return self._changes[subject][1] == mark[0]


def _name(subject: Subject) -> str:
    kind, key = subject
    if _UUID.fullmatch(key):
        return f"{kind:d}{key.replace('-', '')}"
    return f"{kind:d}{blake2b(key.encode(errors='surrogatepass'), digest_size=16).hexdigest()}"
