"""Updates between arrival and commit, for one document: who is where, and what waits for whom.

States of an entry:   unanswered -> accepted -> committing -> (landed)
                           |            ^----------'  put_back: the batch was not written
                           '-> known (no news; leaves behind what is accepted) | dropped (gap, refused)

Invariants:
1. An entry is in one place; entries pass each state in the order in which they were submitted.
2. `accepted_count` counts the verdicts Accepted of this incarnation, `committed_count` those among
   them that are durable. What shows state carries the `accepted_count` it was taken at and leaves
   once `committed_count` has reached it: nothing uncommitted is ever shown.
3. `restart` gives every entry without an outcome, in an order in which it can be submitted again.
   What the server had made of one is not: its next verdict brings what was made anew.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from segue.document.submission import LoggedUpdate
from segue.document.verdict import Accepted, NoNews, Verdict
from segue.hub.entries import Entry
from segue.workers.ports import State


@dataclass(frozen=True, slots=True)
class Waiting:
    """A state or an acknowledgement that leaves once `behind` accepted updates are durable."""

    behind: int
    what: Entry | State


@dataclass(slots=True)
class Segment:
    """Entries that became durable together, and what leaves right behind the last of them."""

    entries: list[Entry] = field(default_factory=list)
    leaving: list[Entry | State] = field(default_factory=list)
    ends_row: bool = False


class Flight:
    """The updates of one document that have no outcome yet."""

    def __init__(self) -> None:
        self._number = 0
        self._unanswered: deque[Entry] = deque()
        self._accepted: deque[Entry] = deque()
        self._committing: list[Entry] = []
        self._waiting: deque[Waiting] = deque()
        self.waiting_bytes = 0
        self.accepted_count = 0
        self.committed_count = 0

    @property
    def is_empty(self) -> bool:
        """Tells whether everything that arrived has its outcome."""
        return not (self._unanswered or self._accepted or self._committing or self._waiting)

    @property
    def is_committing(self) -> bool:
        """Tells whether a batch is with the writer."""
        return bool(self._committing)

    @property
    def has_accepted(self) -> bool:
        """Tells whether there is something for the next batch."""
        return bool(self._accepted)

    def hold(self, entry: Entry) -> None:
        """Keeps an entry for the next incarnation to be asked about."""
        self._unanswered.append(entry)

    def submit(self, entry: Entry) -> None:
        """Gives the entry its number and keeps it until its verdict."""
        self._number += 1
        entry.number = self._number
        self._unanswered.append(entry)

    def judge(self, verdict: Verdict) -> Entry:
        """Takes the verdict on the oldest unanswered entry, which is returned."""
        entry = self._unanswered.popleft()
        assert entry.number == verdict.number, "verdicts come in the order of submission"
        match verdict:
            case Accepted():
                entry.spans = verdict.spans
                entry.made, entry.summary = verdict.made, verdict.summary
                entry.runs = verdict.runs
                self.accepted_count += 1
                self._accepted.append(entry)
            case NoNews():
                entry.spans = verdict.spans
                self._waiting.append(Waiting(self.accepted_count, entry))
            case _:
                pass
        return entry

    def wait(self, state: State) -> None:
        """Keeps a state until all that is inside is durable."""
        self._waiting.append(Waiting(state.accepted, state))
        self.waiting_bytes += len(state.data)

    def take(self, max_bytes: int) -> tuple[LoggedUpdate, ...]:
        """Moves accepted entries of about `max_bytes`, one at least, to the batch being committed."""
        size = 0
        while self._accepted and (not self._committing or size < max_bytes):
            entry = self._accepted.popleft()
            size += sum(len(update.data) for update in entry.logged)
            self._committing.append(entry)
        return tuple(update for entry in self._committing for update in entry.logged)

    def put_back(self) -> None:
        """Makes the batch that was not written the first to go again."""
        self._accepted.extendleft(reversed(self._committing))
        self._committing = []

    def land(self) -> Iterator[Segment]:
        """Gives the durable batch in segments, cut where something waits right behind an entry."""
        entries, self._committing = self._committing, []
        segment = Segment()
        for entry in entries:
            segment.entries.append(entry)
            self.committed_count += 1
            segment.ends_row = entry is entries[-1]
            segment.leaving = self.leave()
            if segment.leaving or segment.ends_row:
                yield segment
                segment = Segment()

    def leave(self) -> list[Entry | State]:
        """Gives what has nothing uncommitted before it any more."""
        leaving = []
        while self._waiting and self._waiting[0].behind <= self.committed_count:
            what = self._waiting.popleft().what
            leaving.append(what)
            if isinstance(what, State):
                self.waiting_bytes -= len(what.data)
        return leaving

    def strike(self, number: int) -> Entry | None:
        """Removes the unanswered entry that killed its worker, and gives it."""
        for entry in self._unanswered:
            if entry.number == number:
                self._unanswered.remove(entry)
                return entry
        return None

    def drop(self) -> list[Entry]:
        """Forgets and gives all entries but those of the batch with the writer."""
        batch, self._committing = self._committing, []
        entries = self.restart()
        self._committing = batch
        return entries

    def restart(self) -> list[Entry]:
        """Begins a new incarnation: gives all entries without an outcome, and forgets waiting states."""
        assert not self._committing, "a batch with the writer has an outcome first"
        known = [w.what for w in self._waiting if isinstance(w.what, Entry)]
        entries = [*self._accepted, *known, *self._unanswered]
        self._unanswered.clear()
        self._accepted.clear()
        self._waiting.clear()
        self.waiting_bytes = 0
        self._number = self.accepted_count = self.committed_count = 0
        return entries
