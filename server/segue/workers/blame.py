"""Who is to blame when a worker dies, and what follows. Decisions only; the time is an argument.

What is certain (the request ran over its deadline, or crashed the process from inside) counts at
once. What is not (someone sent SIGKILL, the machine ran out of memory) becomes a suspicion: it counts
when the same request of the same document is caught running at two deaths in a row. So an operator's
kill refuses nobody's edit, and an edit that gets its worker killed can't do so for ever.

| running request | certain | suspected twice in a row |
|---|---|---|
| check, import | that submission is blamed: its sender is refused | the same |
| open, state | a suspicion: it may have been one bad moment | the log kills: quarantined for a while |
| snapshot | never asked of this document again: its log stays as it is | the same |
"""

from dataclasses import dataclass
from typing import Final, TypeVar

from segue.ids import DocumentId
from segue.workers.protocol import Kind

_Entry = TypeVar("_Entry")

_MAX_SUSPECTS: Final = 1024
"""Every entry cost a worker its life, so more than this is no normal day; the oldest go."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A request caught at a death: of which document, what it was, and the bytes of a check."""

    document: DocumentId
    kind: Kind
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What follows for the document whose request was running."""

    blamed: bool = False
    quarantined: bool = False


class Blame:
    """Suspicions, and what came of them, by document."""

    def __init__(self, quarantine_s: float) -> None:
        self._quarantine_s = quarantine_s
        self._suspects: dict[DocumentId, Suspect] = {}
        self._quarantined_until: dict[DocumentId, float] = {}
        self._unprovable: dict[DocumentId, None] = {}

    def judge(self, suspect: Suspect, *, certain: bool, now_s: float) -> Sentence:
        """Counts one death, and tells what follows from it."""
        again = self._suspects.get(suspect.document) == suspect
        match suspect.kind:
            case Kind.CHECK | Kind.IMPORT if certain or again:
                self._suspects.pop(suspect.document, None)
                return Sentence(blamed=True)
            case Kind.SNAPSHOT if certain or again:
                self._suspects.pop(suspect.document, None)
                _keep_bounded(self._unprovable)
                self._unprovable[suspect.document] = None
                return Sentence()
            case Kind.OPEN | Kind.STATE if again:
                return self._quarantine(suspect.document, now_s)
            case _:
                self._suspect(suspect)
                return Sentence()

    def _suspect(self, suspect: Suspect) -> None:
        _keep_bounded(self._suspects)
        self._suspects[suspect.document] = suspect

    def _quarantine(self, document: DocumentId, now_s: float) -> Sentence:
        _keep_bounded(self._quarantined_until)
        self._quarantined_until[document] = now_s + self._quarantine_s
        return Sentence(quarantined=True)

    @property
    def suspects_any(self) -> bool:
        """Tells whether `absolve` could change anything."""
        return bool(self._suspects)

    def absolve(self, proven: Suspect) -> None:
        """Ends a suspicion: the same request was answered this time."""
        if self._suspects.get(proven.document) == proven:
            del self._suspects[proven.document]

    def quarantined(self, document: DocumentId, now_s: float) -> bool:
        """Tells whether opening is forbidden now. After the time one attempt is made again."""
        until_s = self._quarantined_until.get(document)
        if until_s is None:
            return False
        if now_s < until_s:
            return True
        del self._quarantined_until[document]
        return False

    def may_snapshot(self, document: DocumentId) -> bool:
        """Tells whether a snapshot of this document may be asked of a worker."""
        return document not in self._unprovable


def _keep_bounded(entries: dict[DocumentId, _Entry]) -> None:
    if len(entries) >= _MAX_SUSPECTS:
        del entries[next(iter(entries))]
