"""A document as a program outside the server holds it: read and edited at once, synced when it can be.

A server is no more trusted than a client: what it sends passes the gate as well. Who wrote what isn't
asked again, nor is anything put in order here: the server has done both.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from segue.document import reader
from segue.document.changes import changes
from segue.document.content import Refusal
from segue.document.conversation import Conversation
from segue.document.crdt import Crdt, Failed, Roots
from segue.document.feed import Feed, Kind, Subject
from segue.document.gate import Admission, Gate, MissingPast, Writer
from segue.document.ranges import Ranges
from segue.document.update import parse
from segue.document.views import Changes, MessageView, ViewChanges
from segue.errors import ProtocolError
from segue.ids import SERVER
from segue.wire.vector import decode_vector, encode_vector

Found = TypeVar("Found")

_THEIRS: Final = Writer(None)
_OURS: Final = Writer(SERVER)
"""Made here, so its deletes are exact; see `Gate`."""


class Behind(Exception):
    """What came builds on something that isn't here: ask for all that is missing."""


class LocalReplica:
    """See the module's text. Not safe to use from several threads."""

    def __init__(self) -> None:
        """Makes an empty document."""
        self._crdt = Crdt()
        self._gate = Gate(self._deleted_now)
        self._feed = Feed()
        self._conversation: Conversation | None = None

    @property
    def vector(self) -> bytes:
        """The encoded state vector."""
        return encode_vector(self._gate.vector)

    def receive(self, update: bytes) -> bool:
        """Merges what the server sent; tells whether that was news.

        Raises:
            Behind: it builds on what isn't here.
            ProtocolError: it can't be merged; this copy is of no use any more.
        """
        try:
            if self._gate.admit(parse(update), _THEIRS) is Admission.NO_NEWS:
                return False
            self._crdt.apply(update)
        except MissingPast:
            raise Behind from None
        except (Refusal, Failed) as error:
            raise ProtocolError(f"The server sent what can't be merged: {error}.") from error
        self._note()
        return True

    def edit(self, change: Callable[[Roots], None]) -> bytes:
        """Makes a change; gives the update that says so, empty if nothing changed."""
        return self._keep(self._crdt.edit(change))

    def read(self, question: Callable[[Roots], Found]) -> Found:
        """Has maps read."""
        return self._crdt.read(question)

    def text(self, root: str) -> str:
        """Gives a root that is a text."""
        return self._crdt.text(root)

    def replace_text(self, root: str, text: str) -> bytes:
        """Makes a root's text this one, touching only what differs; gives the update."""
        before, after = self._crdt.text(root), text
        start = _common(before, after)
        behind = _common(before[start:][::-1], after[start:][::-1])
        cut, new = before[start : len(before) - behind], after[start : len(after) - behind]
        at = len(before[:start].encode())
        return self._keep(self._crdt.replace_text(root, at, at + len(cut.encode()), new))

    def state(self, since: bytes) -> bytes:
        """Encodes what a document with this state vector lacks.

        Raises:
            ProtocolError: it is none.
        """
        known = decode_vector(since)
        cut = {client: self._known_cut(client, clock) for client, clock in known.items()}
        return self._crdt.state(encode_vector(cut))

    def history(self) -> list[MessageView]:
        """Gives the active path, oldest first, and behind it what has no place yet."""
        return self._crdt.read(lambda root: reader.history(root, self._read(root)))

    def changes(self, asked: ViewChanges) -> Changes:
        """Gives what changed behind a mark of this copy's own."""
        return self._crdt.read(
            lambda root: changes(
                self._feed, lambda each: reader.subject(root, self._read(root), each), asked
            )
        )

    def _keep(self, update: bytes) -> bytes:
        if update:
            self._gate.admit(parse(update), _OURS)
            self._note()
        return update

    def _note(self) -> None:
        touched = self._gate.touched
        self._feed.note(touched.subjects)
        if self._conversation is not None and (touched or self._moves(touched.subjects)):
            self._conversation = None

    def _moves(self, subjects: Iterable[Subject]) -> bool:
        """Tells whether the order may have changed; text of a message in its place doesn't do that."""
        assert self._conversation is not None
        spot = self._conversation.sequencer.spot
        return any(
            kind in (Kind.SESSION, Kind.RUN) or (kind is Kind.MESSAGE and spot(key) is None)
            for kind, key in subjects
        )

    def _read(self, root: Roots) -> Conversation:
        if self._conversation is None:
            self._conversation = Conversation(self._gate.known, ())
            self._conversation.load(root)
        return self._conversation

    def _known_cut(self, client: int, clock: int) -> int:
        return self._gate.cut_safely(client, min(clock, self._gate.vector.get(client, 0)))

    def _deleted_now(self) -> dict[int, Ranges]:
        return parse(self._crdt.state(encode_vector(self._gate.vector))).deletes


def _common(one: str, other: str) -> int:
    """Gives how many characters two texts begin with alike."""
    length = min(len(one), len(other))
    for index in range(length):
        if one[index] != other[index]:
            return index
    return length
