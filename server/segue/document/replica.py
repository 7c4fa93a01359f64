"""One document in memory: the gate, and behind it the CRDT.

What is refused never touches the CRDT, so a refusal costs nobody else anything. Should the CRDT fail
nevertheless, the replica is `Broken`: its owner throws it away and rebuilds it from the log.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Self

from segue.auth.grants import Role
from segue.document import reader, writer
from segue.document import snapshot as snapshots
from segue.document.content import Refusal
from segue.document.conversation import Conversation
from segue.document.crdt import Crdt, Failed, Roots
from segue.document.edits import ImportTranscript
from segue.document.feed import Feed
from segue.document.gate import (
    READ_ONLY,
    Admission,
    Gate,
    MissingPast,
    OldGeneration,
    Writer,
)
from segue.document.ranges import Ranges
from segue.document.rewriting import rewritten
from segue.document.run_writer import Change
from segue.document.same import same_content
from segue.document.schema import ARTIFACT, CONTEXT, MESSAGES, REQUESTS, RUNS, SESSION
from segue.document.submission import LoggedUpdate, Order, Submission
from segue.document.update import ParsedUpdate, parse
from segue.document.verdict import (
    Accepted,
    Gap,
    Made,
    NoNews,
    Refused,
    Run,
    Span,
    Summary,
    Verdict,
)
from segue.document.views import View
from segue.ids import SERVER
from segue.wire.vector import decode_vector, encode_vector

_NOTHING: Final = encode_vector({})
_UNHOLDABLE: Final = "the document can't hold it"
_OUTDATED: Final = "it is of a copy from before the document was rewritten"
_MAX_RETIRED: Final = 1 << 16
"""They count as part of the document: at most 0.6 MB, 9 bytes each. Beyond that the oldest are forgotten: what a copy with
those alone brings back comes a second time, which whoever could make so many may do as they like."""

_CONVERSATION: Final = (MESSAGES, REQUESTS, RUNS, CONTEXT, SESSION)


class Broken(Exception):
    """The replica must be thrown away. `verdict` is final where an update of its own is the cause."""

    def __init__(self, verdict: Verdict | None, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason


class Unanswerable(Exception):
    """A question that the server fails at, by a mistake of its own; the document is as it was."""


class Replica:
    """A document built from its log. Not safe to use from several threads."""

    def __init__(self, *, gated: bool = True, agents: tuple[str, ...] = ()) -> None:
        """Makes an empty document. `agents` answer in it: see `Conversation`.

        `gated=False` takes the gate away: for tests of the workers only, which have to survive what
        the CRDT does without it. Never for a document that anyone relies on.
        """
        self._crdt = Crdt()
        self._gate = Gate(self._deleted_now)
        self._conversation = Conversation(self._gate.known, agents)
        self._told = Summary()
        self._feed = Feed()
        self._gated = gated

    @classmethod
    def open(
        cls,
        snapshot: bytes | None,
        updates: Iterable[LoggedUpdate],
        *,
        gated: bool = True,
        agents: tuple[str, ...] = (),
    ) -> Self:
        """Builds the document from a snapshot and the rows of the log behind it.

        Raises:
            Broken: they can't be loaded; trying again gives the same.
        """
        replica = cls(gated=gated, agents=agents)
        try:
            if snapshot is not None:
                replica._load_snapshot(snapshot)
            for update in updates:
                replica._load(update.data, Writer(update.user))
            replica._crdt.read(replica._conversation.load)
            replica._told = replica.summary
        except (Refusal, MissingPast, Failed, ValueError) as error:
            raise Broken(None, f"the log can't be loaded: {error}") from error
        return replica

    @property
    def vector(self) -> dict[int, int]:
        """The next clock of each client; a copy."""
        return dict(self._gate.vector) if self._gated else decode_vector(self._crdt.vector())

    def check(self, submission: Submission) -> Verdict:
        """Runs gate, grants and CRDT on one update. Accepted is applied, everything else is not.

        Raises:
            Broken: the CRDT failed on it.
        """
        number = submission.number
        if not self._gated:
            return self._apply_ungated(submission)
        try:
            parsed = parse(submission.update.data)
            admission = self._admit(parsed, submission)
        except Refusal as refusal:
            return Refused(number, str(refusal))
        except OldGeneration:
            return Refused(number, _OUTDATED, is_outdated=True)
        except Failed as failure:
            raise Broken(None, str(failure)) from failure
        spans = _spans(parsed)
        match admission:
            case None:
                return Gap(number, spans)
            case Admission.NO_NEWS:
                return NoNews(number, spans)
            case Admission.NEWS | Admission.DELETES:
                return self._apply(submission, admission, spans)

    def edit(self, order: Order) -> Verdict:
        """Makes an edit of the server's own, for the document as it is now.

        Raises:
            Broken: the CRDT failed on it.
        """
        try:
            change = self._crdt.read(lambda root: self._prepare(root, order))
            if change is None:
                return NoNews(order.number, ())
            if isinstance(change, Refusal):
                return Refused(order.number, str(change))
            accepted = self._write(order.number, (), change, _texts_of(order))
            return accepted if accepted.made else NoNews(order.number, ())
        except Failed as failure:
            raise Broken(Refused(order.number, _UNHOLDABLE), str(failure)) from failure

    def view(self, view: View) -> bytes:
        """Answers a view with JSON.

        Raises:
            Unanswerable: something went wrong that is not the document's fault.
            Broken: the CRDT failed on it.
        """
        try:
            answer = self._crdt.read(lambda root: self._answer(root, view))
        except Failed as failure:
            raise Broken(None, str(failure)) from failure
        if isinstance(answer, Exception):
            raise Unanswerable from answer
        return answer

    @property
    def summary(self) -> Summary:
        """What lists of sessions show of it."""
        return self._crdt.read(self._conversation.summary)

    def take_news(self) -> tuple[Run, ...]:
        """Gives the runs that changed since the last verdict; those that are open, at first."""
        return self._conversation.take_news()

    def state(self, since: bytes) -> bytes:
        """Encodes what a device with state vector `since` misses, and the whole delete set.

        Empty bytes for a device of an older generation: it has to start over. O(what is missing + deleted ranges + clients).

        Raises:
            ProtocolError: `since` is no state vector.
            Broken: the CRDT failed on it.
        """
        vector = decode_vector(since)
        if not self._gate.retired.keys().isdisjoint(vector):
            return b""
        if self._gated:
            vector = {client: self._known_cut(client, clock) for client, clock in vector.items()}
        try:
            return self._crdt.state(encode_vector(vector))
        except Failed as failure:
            raise Broken(None, str(failure)) from failure

    def snapshot(self) -> bytes:
        """Encodes the whole document; empty bytes if a reload of them does not give the same.

        Raises:
            Broken: the CRDT failed on it.
        """
        try:
            state = self._crdt.state(_NOTHING)
            if not self._is_proven(state):
                return b""
        except Failed as failure:
            raise Broken(None, str(failure)) from failure
        return snapshots.encode(
            state, self._gate.owners, self._last_seq, self._feed, self._gate.retired
        )

    def rewritten(self) -> bytes:
        """Encodes, as a snapshot, a fresh document with the content of this one, for a new generation.

        All is of one new client id, the server's; the last `_MAX_RETIRED` so far are retired. Followers are told
        everything once more: a text that came in different orders may have been read otherwise.
        Empty bytes if that can't be proven to be whole.

        Raises:
            Broken: the CRDT failed on it.
        """
        former = dict.fromkeys((*self._gate.retired, *self._gate.vector))
        retired = tuple(former)[-_MAX_RETIRED:]
        try:
            client = _fresh_client(former)
            state = rewritten(self._crdt.state(_NOTHING), client)
            feed = self._feed.told_anew()
            encoded = snapshots.encode(state, {client: SERVER}, self._last_seq, feed, retired)
            fresh = Replica.open(encoded, ())
            texts = self._gate.text_roots
            is_whole = self.inventory(texts) == fresh.inventory(texts) and bool(fresh.snapshot())
        except (Refusal, Failed) as failure:
            raise Broken(None, str(failure)) from failure
        return encoded if is_whole else b""

    def inventory(self, texts: Iterable[str]) -> object:
        """Gives what doesn't hang on the order of updates: characters of these texts, keys of a conversation.

        Raises:
            Failed: the document has to be thrown away.
        """
        characters = [sorted(self._crdt.text(root)) for root in texts]
        return self.summary, self._crdt.read(_keys_of_conversation), characters

    @property
    def _last_seq(self) -> int:
        return self._gate.known.last_seq

    def _admit(self, parsed: ParsedUpdate, submission: Submission) -> Admission | None:
        """Asks the gate; None is a gap. A viewer has none: it would send what it may not."""
        try:
            return self._gate.admit(parsed, Writer(submission.update.user, submission.role))
        except MissingPast:
            if submission.role is Role.VIEWER:
                raise Refusal(READ_ONLY) from None
            return None

    def _apply(
        self, submission: Submission, admission: Admission, spans: tuple[Span, ...]
    ) -> Verdict:
        number, data = submission.number, submission.update.data
        try:
            if admission is Admission.NEWS:
                self._crdt.apply(data)
            elif not self._crdt.apply_deletes(data):
                return NoNews(number, spans)
            touched = self._gate.touched
            self._feed.note(touched.subjects)
            if not (touched or self._conversation.has_unseen):
                return Accepted(number, spans)
            return self._write(number, spans, lambda _: touched)
        except Failed as failure:
            raise Broken(Refused(number, _UNHOLDABLE), str(failure)) from failure

    def _answer(self, root: Roots, view: View) -> bytes | Exception:
        try:
            return reader.answer(root, self._conversation, self._feed, view, self._artifacts)
        # Whatever it is, reading has changed nothing: it is no reason to take the document from everybody.
        except Exception as error:  # noqa: BLE001
            return error

    def _prepare(self, root: Roots, order: Order) -> Change | Refusal | None:
        try:
            return writer.prepare(root, self._conversation, order.edit)
        except Refusal as refusal:  # not the document's failure
            return refusal

    def _write(
        self,
        number: int,
        spans: tuple[Span, ...],
        change: Change,
        texts: Mapping[str, str] | None = None,
    ) -> Accepted:
        """Makes a change and what follows from it, and writes texts by root, in one transaction."""
        data = self._crdt.edit(lambda root: self._conversation.follow(root, change(root)), texts)
        made = self._admit_own(data) if data else None
        return Accepted(number, spans, made, self._changed_summary(), self.take_news())

    def _changed_summary(self) -> Summary | None:
        """Gives the summary if it is another than was told last: lists are written for each one."""
        before, self._told = self._told, self.summary
        return None if self._told == before else self._told

    def _admit_own(self, data: bytes) -> Made:
        try:
            parsed = parse(data)
            self._gate.admit(parsed, Writer(SERVER))
        except (Refusal, MissingPast) as error:
            raise Failed(f"an edit of the server's own: {error}") from error
        self._feed.note(self._gate.touched.subjects)
        return Made(data, _spans(parsed))

    def _apply_ungated(self, submission: Submission) -> Verdict:
        try:
            self._crdt.apply(submission.update.data)
        except Failed as failure:
            raise Broken(Refused(submission.number, _UNHOLDABLE), str(failure)) from failure
        return Accepted(submission.number, _spans_if_any(submission.update.data))

    def _load_snapshot(self, snapshot: bytes) -> None:
        decoded = snapshots.decode(snapshot)
        self._gate.owners.update(decoded.owners())
        self._gate.retired = dict.fromkeys(decoded.retired)
        self._gate.known.last_seq = decoded.last_seq
        self._load(decoded.state, Writer(None))
        if decoded.change_count:
            self._feed.load(decoded.changes, decoded.change_count)

    def _load(self, data: bytes, writer: Writer) -> None:
        if self._gated and self._gate.admit(parse(data), writer) is Admission.NO_NEWS:
            return
        self._crdt.apply(data)
        self._feed.note(self._gate.touched.subjects)

    def _is_proven(self, state: bytes) -> bool:
        """Reloads a state through gate and CRDT and compares: structure, vector, texts as read."""
        reloaded = Replica()
        try:
            reloaded._load(state, Writer(None))
        except (Refusal, MissingPast, Failed):
            return False
        return (
            reloaded.vector == self.vector
            and same_content(state, reloaded._crdt.state(_NOTHING))
            and all(
                self._crdt.text(root) == reloaded._crdt.text(root) for root in self._gate.text_roots
            )
        )

    def _artifacts(self) -> dict[str, str]:
        names = [root for root in self._gate.text_roots if root.startswith(ARTIFACT)]
        return {root.removeprefix(ARTIFACT): self._crdt.text(root) for root in names}

    def _known_cut(self, client: int, clock: int) -> int:
        """Gives a clock to continue from that the document has and that halves no character."""
        return self._gate.cut_safely(client, min(clock, self._gate.vector.get(client, 0)))

    def _deleted_now(self) -> dict[int, Ranges]:
        return parse(self._crdt.state(encode_vector(self._gate.vector))).deletes


def _fresh_client(used: Collection[int]) -> int:
    client = Crdt().client
    while client in used:
        client = Crdt().client
    return client


def _keys_of_conversation(root: Roots) -> list[list[str]]:
    return [sorted(root(name).keys()) for name in _CONVERSATION]


def _texts_of(order: Order) -> dict[str, str]:
    if not isinstance(order.edit, ImportTranscript):
        return {}
    return {f"{ARTIFACT}{name}": text for name, text in order.edit.texts.items()}


def _spans(parsed: ParsedUpdate) -> tuple[Span, ...]:
    return tuple((s.client, s.start, s.end) for s in parsed.sections)


def _spans_if_any(data: bytes) -> tuple[Span, ...]:
    try:
        return _spans(parse(data))
    except Refusal:
        return ()
