"""The gate in front of the CRDT: what an update may enter, proven from what the document holds.

pycrdt loops, panics or keeps hidden garbage on updates that are well-formed but out of place, and
diverges on good ones out of causal order. So nothing reaches it that isn't proven here: clocks go on
where the document's vector ends, every id named is known, inside an update no two structs wait for
each other, client ids belong to one user, everything is put where it can be (`places`) without passing
too much on the way (`passing`), a message is touched by its author only (`grants`), and nothing cuts a
character of two UTF-16 units in half: Yjs turns both halves into U+FFFD, pycrdt keeps the whole and
writes a state with shifted clocks.

Not proven: that a right neighbour is right of the left one when they are far apart, which needs the
whole sequence. A device that lies about it sees its own edit land in different places; a snapshot of
such a document may not prove itself, and then its log is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from segue.auth.grants import Role
from segue.document.content import DELETED, GC, Refusal
from segue.document.feed import Subject, subject_of
from segue.document.grants import Known, Memory, Review, identity_of
from segue.document.passing import Passing
from segue.document.places import Part, Place, Places
from segue.document.ranges import DeleteSet, Ranges, covers
from segue.document.update import Id, ParsedUpdate, Section, Struct
from segue.ids import SERVER, UserId

READ_ONLY: Final = "a viewer may only read"

MAX_CHAIN: Final = 5_000
"""Clients in one update that wait for each other in a row; the CRDT searches the row each time."""


class MissingPast(Exception):
    """The update builds on what the document lacks. Becomes the verdict Gap."""


class OldGeneration(Exception):
    """The update is of a copy from before the document was rewritten. Its device has to start over."""


class Admission(Enum):
    """What an update brings."""

    NEWS = "news"
    NO_NEWS = "no news"
    DELETES = "deletes"
    """Only deletes, of which some may be news: the CRDT knows."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Whose update it is. `role` None is the log: what is in it was checked when it came."""

    user: UserId | None
    role: Role | None = None


@dataclass(slots=True)
class Touched:
    """What of a conversation an update put or deleted, in its order: ids, and a field of `session`."""

    messages: dict[str, None] = field(default_factory=dict)
    requests: dict[str, None] = field(default_factory=dict)
    session: bool = False
    subjects: dict[Subject, None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.messages or self.requests or self.session)

    def add(self, place: Place) -> None:
        """Takes note of a place."""
        match place.part:
            case Part.ENTRY:
                self.messages[place.entry or ""] = None
            case Part.REQUEST:
                self.requests[place.entry or ""] = None
            case Part.SESSION:
                self.session = True
            case _:
                pass

    def change(self, place: Place) -> None:
        """Takes note for those who follow changes, and for nobody else."""
        if subject := subject_of(place):
            self.subjects[subject] = None


@dataclass(slots=True)
class _Draft:
    """What an update changes while it is being checked; taken back if it is refused."""

    parsed: ParsedUpdate
    queues: dict[int, Section]
    next: dict[int, int] = field(default_factory=dict)
    vector: dict[int, int | None] = field(default_factory=dict)
    cuts: list[Id] = field(default_factory=list)
    gone: list[tuple[int, int, int]] = field(default_factory=list)
    touched: Touched = field(default_factory=Touched)


class Gate:
    """What is known of one document's past. Every update that the CRDT is given passes `admit` first.

    A refusal leaves it as it was. Invariant: it describes exactly the updates that were admitted,
    except that `deleted` may lack what their integration deleted on the way.
    """

    def __init__(self, deleted_now: Callable[[], dict[int, Ranges]]) -> None:
        """`deleted_now` computes the CRDT's own delete set; slow, asked only where it decides."""
        self.vector: dict[int, int] = {}
        self.owners: dict[int, UserId] = {}
        self.retired: dict[int, None] = {}
        self.known = Known()
        self.touched = Touched()
        self._memory = Memory(self.known)
        self._holds_conversation = False
        self._places = Places()
        self._passing = Passing(self._is_followed)
        self._deleted = DeleteSet()
        self._cuts: set[Id] = set()
        self._deleted_now = deleted_now
        self._knows_deleted = False

    def admit(self, parsed: ParsedUpdate, writer: Writer) -> Admission:
        """Proves that an update may be applied now, and counts it as applied.

        Raises:
            Refusal: it may never enter.
            MissingPast: it builds on what the document lacks.
            OldGeneration: it is from before the document was rewritten.
        """
        if self.retired:
            self._check_generation(parsed)
        queues = {s.client: s for s in parsed.sections if self._is_fresh(s)}
        self._check_deletes_known(parsed.deletes, queues)
        deletes = self._deleted.missing(parsed.deletes)
        if not queues and not deletes:
            return Admission.NO_NEWS
        if writer.role is Role.VIEWER:
            return self._admit_viewer(queues, deletes)
        self._check_owners(queues, writer)
        draft = _Draft(parsed, queues)
        try:
            self._check(draft, writer, deletes)
        except BaseException:
            self._undo(draft)
            raise
        self._keep(draft, deletes, writer)
        self.touched = draft.touched
        return Admission.NEWS if queues else Admission.DELETES

    @property
    def text_roots(self) -> list[str]:
        """The roots that have held text."""
        return self._places.text_roots()

    def cut_safely(self, client: int, clock: int) -> int:
        """Gives `clock`, or the one before where a cut there would halve a character."""
        return clock - 1 if (client, clock) in self._cuts else clock

    def _check_generation(self, parsed: ParsedUpdate) -> None:
        """Has nothing come back that a rewriting left behind. Else it would be all of it, a second time."""
        clients = (*(section.client for section in parsed.sections), *parsed.deletes)
        if not self.retired.keys().isdisjoint(clients):
            raise OldGeneration

    def _is_fresh(self, section: Section) -> bool:
        known = self.vector.get(section.client, 0)
        if section.start > known:
            raise MissingPast
        if section.holes:
            reached = known
            for struct in section.structs:
                if struct.clock > reached:
                    raise MissingPast
                reached = max(reached, struct.clock + struct.length)
        return section.end > known

    def _is_followed(self, item: Id) -> bool:
        """Tells whether an item's client put its next clock right behind it."""
        client, clock = item
        return clock + 1 < self.vector[client] and self._places.are_chained(client, clock)

    def _check_deletes_known(self, deletes: dict[int, Ranges], queues: dict[int, Section]) -> None:
        for client, ranges in deletes.items():
            if not ranges:
                continue
            end = ranges[-1][1]
            if end > self.vector.get(client, 0) and (
                client not in queues or end > queues[client].end
            ):
                raise MissingPast

    def _admit_viewer(self, queues: dict[int, Section], deletes: dict[int, Ranges]) -> Admission:
        if not queues:
            self._refresh()
            deletes = self._deleted.missing(deletes)
        if queues or deletes:
            raise Refusal(READ_ONLY)
        return Admission.NO_NEWS

    def _refresh(self) -> None:
        """Learns all that is deleted; at no cost for who asks again and again without news."""
        if not self._knows_deleted:
            self._deleted.add_all(self._deleted_now())
            self._knows_deleted = True

    def _check_owners(self, queues: dict[int, Section], writer: Writer) -> None:
        for client in queues:
            if self.owners.get(client, writer.user) != writer.user and writer.role is not None:
                raise Refusal("it writes under a client id of another user")

    def _check(self, draft: _Draft, writer: Writer, deletes: dict[int, Ranges]) -> None:
        review = None
        if writer.role is not None and writer.user is not None:
            review = Review(self.known, identity_of(writer.role, writer.user))
        for client, section in draft.queues.items():
            self._integrate(draft, client, section.end, review)
        for client, ranges in draft.parsed.deletes.items():
            for start, end in ranges:
                if (client, start) in self._cuts or (client, end) in self._cuts:
                    raise Refusal("it cuts a character in half")
        if review is not None:
            self._review_deletes(draft, review, deletes)
            review.settle(draft.parsed.deletes)
        self._note_losses(draft, deletes, writer)

    def _integrate(self, draft: _Draft, client: int, until: int, review: Review | None) -> None:
        """Goes through a client's structs up to a clock, and first through what they wait for.

        The order is that of Yjs's own integration, so what can't be ordered here could not be there.
        """
        waiting = {client: until}
        while waiting:
            client, until = next(reversed(waiting.items()))
            needed = self._advance(draft, client, until, review)
            if needed is None:
                del waiting[client]
                continue
            section = draft.queues.get(needed[0])
            if section is None or needed[1] >= section.end:
                raise MissingPast
            if needed[0] in waiting or len(waiting) == MAX_CHAIN:
                raise Refusal("parts of it wait for each other")
            waiting[needed[0]] = needed[1] + 1

    def _advance(self, draft: _Draft, client: int, until: int, review: Review | None) -> Id | None:
        """Puts a client's next structs until a clock is reached; gives the id that one waits for."""
        structs = draft.queues[client].structs
        index = draft.next.get(client, 0)
        known = self.vector.get(client, 0)
        while known < until:
            struct = structs[index]
            end = struct.clock + struct.length
            if end > known:
                needed = self._missing(client, struct)
                if needed is not None:
                    draft.next[client] = index
                    return needed
                self._put(draft, client, struct, known, review)
                known = end
            index += 1
        draft.next[client] = index
        return None

    def _missing(self, client: int, struct: Struct) -> Id | None:
        """Gives an id that a struct names and the document lacks."""
        parent = struct.parent
        for item in (struct.origin, struct.right, parent if isinstance(parent, tuple) else None):
            if item is None:
                continue
            if item[0] == client and item[1] >= struct.clock:
                raise Refusal("it builds on itself")
            if item[1] >= self.vector.get(item[0], 0):
                return item
        return None

    def _put(
        self, draft: _Draft, client: int, struct: Struct, known: int, review: Review | None
    ) -> None:
        self._check_cuts(struct, known)
        clock = max(struct.clock, known)
        strict = review is not None
        place = self._places.put(client, struct, clock, strict=strict)
        leads = client not in draft.vector
        self._passing.put(client, struct, clock, leads=leads, strict=strict)
        if strict and place.keyed and struct.length > 1 and struct.ref != DELETED:
            self._check_overwritten(draft, client, clock, struct)
        if place.part is not Part.NONE:
            self._holds_conversation = True
            draft.touched.add(place)
            draft.touched.change(place)
            if review is None:
                self._memory.insert(struct, place, draft.parsed.data)
            else:
                review.insert((client, struct.clock), struct, place, draft.parsed.data)
        if struct.cuts:
            fresh = [(client, c) for c in (struct.clock + o for o in struct.cuts) if c > clock]
            draft.cuts += fresh
            self._cuts.update(fresh)
        end = struct.clock + struct.length
        if struct.ref in (GC, DELETED):
            draft.gone.append((client, clock, end))
        draft.vector.setdefault(client, self.vector.get(client))
        self.vector[client] = end

    def _check_overwritten(self, draft: _Draft, client: int, clock: int, struct: Struct) -> None:
        """Has several values in a row under one key be deleted: only what is gone is merged so."""
        ranges = draft.parsed.deletes.get(client, [])
        if not covers(ranges, clock, struct.clock + struct.length):
            raise Refusal("a key holds one value")

    def _check_cuts(self, struct: Struct, known: int) -> None:
        cuts = self._cuts
        origin, right = struct.origin, struct.right
        if (
            (cuts and origin is not None and (origin[0], origin[1] + 1) in cuts)
            or (cuts and right is not None and right in cuts)
            or (struct.cuts and known - struct.clock in struct.cuts)
        ):
            raise Refusal("it cuts a character in half")

    def _review_deletes(self, draft: _Draft, review: Review, deletes: dict[int, Ranges]) -> None:
        if not self._holds_conversation:
            return
        touched = self._parts_in(deletes)
        if any(self._is_foreign(place, review) for place in touched):
            self._refresh()
            touched = self._parts_in(self._deleted.missing(deletes))
        for place in touched:
            review.delete(place)
            draft.touched.add(place)

    def _note_losses(self, draft: _Draft, deletes: dict[int, Ranges], writer: Writer) -> None:
        """Notes what only lost something: what something was put into as well is noted already."""
        if not self._holds_conversation:
            return
        noted = draft.touched.subjects
        if all(subject_of(place) in noted for place in self._followed_in(deletes)):
            return
        # A returning device sends all deletes there ever were: those are no change. The server's own
        # are exact, and in the CRDT already.
        if writer.user != SERVER:
            self._refresh()
        for place in self._followed_in(self._deleted.missing(deletes)):
            draft.touched.change(place)

    def _followed_in(self, deletes: dict[int, Ranges]) -> list[Place]:
        return [place for place in self._parts_in(deletes) if subject_of(place)]

    def _is_foreign(self, place: Place, review: Review) -> bool:
        if place.part in (Part.SESSION, Part.CONTEXT):
            return False
        return self.known.authors.get(place.entry or "") != review.identity

    def _parts_in(self, deletes: dict[int, Ranges]) -> list[Place]:
        return [
            place
            for client, ranges in deletes.items()
            for start, end in ranges
            for _, place in self._places.within(client, start, end)
            if place.part is not Part.NONE
        ]

    def _keep(self, draft: _Draft, deletes: dict[int, Ranges], writer: Writer) -> None:
        self._places.keep()
        self._passing.keep()
        for client, ranges in deletes.items():
            for start, end in ranges:
                self._passing.split(client, start, end)
        self._knows_deleted = False
        for client, start, end in draft.gone:
            self._deleted.add(client, start, end)
        self._deleted.add_all(draft.parsed.deletes)
        if writer.user is not None:
            for client in draft.queues:
                self.owners.setdefault(client, writer.user)

    def _undo(self, draft: _Draft) -> None:
        self._places.undo()
        self._passing.undo()
        self._cuts.difference_update(draft.cuts)
        for client, before in draft.vector.items():
            if before is None:
                del self.vector[client]
            else:
                self.vector[client] = before
