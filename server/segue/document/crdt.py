"""The CRDT behind the gate: pycrdt, its exceptions made one.

pycrdt's PanicException is a BaseException, and an exception does not roll its transaction back: after
`Failed` the document is in no known state and has to be thrown away.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pycrdt import Doc, Map, Text, TransactionEvent

T = TypeVar("T")

Roots = Callable[[str], Map[object]]
"""Gives a root of the document as a map."""


class Failed(Exception):
    """pycrdt raised; its document is unusable now."""


class Crdt:
    """A Yjs document. It is given proven updates only, in causal order.

    What the server writes gets a client id of this life of the document alone: one that came again
    would count on from where nobody else is.
    """

    def __init__(self) -> None:
        """Makes an empty document."""
        self._doc: Doc[Any] = Doc()

    @property
    def client(self) -> int:
        """The id under which it writes."""
        return self._doc.client_id

    def edit(
        self, change: Callable[[Roots], None], texts: Mapping[str, str] | None = None
    ) -> bytes:
        """Has maps changed in one transaction; gives the update that says so, empty if nothing did.

        `texts` are put at the beginning of roots.

        Raises:
            Failed: the document has to be thrown away.
        """
        return _guarded(lambda: self._edit(change, texts))

    def read(self, question: Callable[[Roots], T]) -> T:
        """Has maps read; an error in the document's data is `Failed`, so questions raise nothing.

        Raises:
            Failed: the document has to be thrown away.
        """
        return _guarded(lambda: question(self._root))

    def apply(self, update: bytes) -> None:
        """Merges an update.

        Raises:
            Failed: the document has to be thrown away.
        """
        _guarded(lambda: self._doc.apply_update(update))

    def apply_deletes(self, update: bytes) -> bool:
        """Merges an update that only deletes; tells whether anything was there to delete.

        pycrdt's event is right about that, though not about the bytes of every update.

        Raises:
            Failed: the document has to be thrown away.
        """
        return _guarded(lambda: self._apply_watched(update))

    def state(self, vector: bytes) -> bytes:
        """Encodes what a document with this state vector (checked by us) lacks.

        Raises:
            Failed: the document has to be thrown away.
        """
        return _guarded(lambda: self._doc.get_update(vector))

    def text(self, root: str) -> str:
        """Reads a root that is a text; of anything else in it, nothing.

        Raises:
            Failed: the document has to be thrown away.
        """
        return _guarded(lambda: str(self._doc.get(root, type=Text)))

    def replace_text(self, root: str, start: int, end: int, text: str) -> bytes:
        """Puts `text` in place of the bytes [start, end) of a root's UTF-8; gives the update.

        Both have to be between two characters.

        Raises:
            Failed: the document has to be thrown away.
        """
        return _guarded(lambda: self._replace_text(root, start, end, text))

    def vector(self) -> bytes:
        """Encodes the state vector as the CRDT itself has it.

        Raises:
            Failed: the document has to be thrown away.
        """
        return _guarded(self._doc.get_state)

    def _root(self, name: str) -> Map[object]:
        found: Map[object] = self._doc.get(name, type=Map)
        return found

    def _edit(self, change: Callable[[Roots], None], texts: Mapping[str, str] | None) -> bytes:
        def write() -> None:
            change(self._root)
            for root, text in (texts or {}).items():
                if text:
                    self._doc.get(root, type=Text).insert(0, text)

        return self._record(write)

    def _replace_text(self, root: str, start: int, end: int, text: str) -> bytes:
        found: Text = self._doc.get(root, type=Text)

        def change() -> None:
            if end > start:
                del found[start:end]
            if text:
                found.insert(start, text)

        return self._record(change)

    def _record(self, change: Callable[[], None]) -> bytes:
        made: list[bytes] = []
        subscription = self._doc.observe(lambda event: made.append(event.update))
        with self._doc.transaction():
            change()
        self._doc.unobserve(subscription)
        return b"".join(made)

    def _apply_watched(self, update: bytes) -> bool:
        events: list[None] = []

        def on_change(_event: TransactionEvent) -> None:
            events.append(None)

        subscription = self._doc.observe(on_change)
        self._doc.apply_update(update)
        self._doc.unobserve(subscription)
        return bool(events)


def _guarded(call: Callable[[], T]) -> T:
    try:
        return call()
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a Rust panic is no Exception
        # Its text may quote the document, and the reason goes to logs and users.
        raise Failed(type(error).__name__) from error
