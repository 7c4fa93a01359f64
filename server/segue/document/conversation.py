"""A document as a conversation: what follows from each update, in the transaction of its own.

Whatever an update put or deleted comes to `follow`, in the order of the log: new messages get their
runs and, unless they wait in line, their place; then requests are answered. The caller logs all of it in one row with its cause.
"""

from pycrdt import Map, Text

from segue.document.crdt import Roots
from segue.document.edits import MAX_TITLE, StartRun
from segue.document.gate import Touched
from segue.document.grants import Known
from segue.document.requests import Requests
from segue.document.runs import Runs, run_at
from segue.document.schema import MESSAGES, SESSION, TITLE
from segue.document.sequencer import Sequencer
from segue.document.titles import beginning_of
from segue.document.verdict import Run, Summary


class Conversation:
    """See the module's text. `load` once, then `follow`."""

    def __init__(self, known: Known, agents: tuple[str, ...]) -> None:
        """`agents` are those that this server has, the one that answers by default first."""
        self._known = known
        self.sequencer = Sequencer(known)
        self.runs = Runs(agents)
        self._requests = Requests(known, self.sequencer, self.runs)
        self._began: tuple[str, str] | None = None

    @property
    def has_unseen(self) -> bool:
        """Tells whether what was loaded holds anything that `follow` never saw."""
        return self.sequencer.has_unseen or self._requests.has_unseen

    @property
    def last_seq(self) -> int:
        """The highest seq that was ever given."""
        return self._known.last_seq

    def load(self, root: Roots) -> None:
        """Learns what a document holds."""
        self.sequencer.load(root)
        self.runs.load(root)
        self._requests.load(root)

    def follow(self, root: Roots, touched: Touched) -> None:
        """Does what follows from what was touched."""
        self.runs.begin()
        fresh, gone = self.sequencer.take(root, touched.messages)
        for message in gone:
            self.runs.forget(root, message)
        for message in fresh:
            waits = self.runs.ask(root, message)
            self._release(root)
            if not waits:
                self.sequencer.place(root, message)
        self._requests.answer(root, list(touched.requests))
        self._release(root)
        self.sequencer.show_head(root)

    def start_run(self, root: Roots, edit: StartRun) -> None:
        """Starts a run; what it replies to gets its place now, should it have waited."""
        asked = str((run_at(root, edit.run) or {}).get("reply_to"))
        self.sequencer.place(root, asked)
        answer = self.runs.start(root, edit)
        if answer is not None:
            self.sequencer.place_answer(root, answer, asked)

    def _release(self, root: Roots) -> None:
        for message in self.runs.take_released():
            self.sequencer.place(root, message)

    def summary(self, root: Roots) -> Summary:
        """Gives what lists of sessions show."""
        title = title_of(root) or self._beginning(root)
        return Summary(title, self.last_seq, self.runs.open_count)

    def _beginning(self, root: Roots) -> str:
        """Gives the first words of the first message.

        Shown, not written: as a title of ours it could win over one that a person gives at the same time.
        """
        if self._began is None or self.sequencer.spot(self._began[0]) is None:
            first = (
                self.sequencer.first
            )  # slow where it has many versions, and this is asked at each commit
            if first is None:
                return ""
            self._began = first, beginning_of(_text_of(root(MESSAGES).get(first)))
        return self._began[1]

    def take_news(self) -> tuple[Run, ...]:
        """Gives the runs that changed, but for what their runner did."""
        return self.runs.take_news()


def title_of(root: Roots) -> str:
    """Gives a session's title, as long as one may be."""
    title = root(SESSION).get(TITLE)
    return str(title)[:MAX_TITLE] if isinstance(title, str | Text) else ""


def _text_of(message: object) -> str:
    parts = message.get("parts") if isinstance(message, Map) else None
    first = parts.get("0") if isinstance(parts, Map) else None
    text = first.get("text") if isinstance(first, Map) and first.get("type") == "text" else None
    return str(text) if isinstance(text, str | Text) else ""
