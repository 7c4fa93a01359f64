"""Views of one document that somebody waits for: asked of the incarnation there is, told when durable.

A view has no effect, so one whose incarnation is lost is asked again of the next. Bounded: beyond
`_MAX_WAITING` nobody is let in, who waits is answered first.
"""

import asyncio
import itertools
from typing import Final

import structlog

from segue.document.views import View
from segue.errors import Overloaded, SegueError, Unanswered
from segue.ids import DocumentId
from segue.workers.ports import Documents, State

log = structlog.get_logger()

_MAX_WAITING: Final = 64


class Questions:
    """The views of one document that have no answer yet."""

    def __init__(self, document: DocumentId, documents: Documents) -> None:
        self._document = document
        self._documents = documents
        self._is_open = False
        # Below zero, where `CatchingUp` counts above.
        self._numbers = itertools.count(-1, -1)
        self._waiting: dict[int, tuple[View, asyncio.Future[bytes]]] = {}

    @property
    def is_empty(self) -> bool:
        """Tells whether nobody waits."""
        return not self._waiting

    def ask(self, view: View) -> asyncio.Future[bytes]:
        """Gives the answer to come. Cancelling it takes the question back.

        Raises:
            Overloaded: too many wait already.
        """
        if len(self._waiting) >= _MAX_WAITING:
            raise Overloaded("Too many ask for this session at once. Try again.")
        number = next(self._numbers)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda _: self._waiting.pop(number, None))
        self._waiting[number] = (view, future)
        if self._is_open:
            self._documents.view(self._document, number, view)
        return future

    def begin(self) -> None:
        """Asks everything of a new incarnation."""
        self._is_open = True
        for number, (view, _) in self._waiting.items():
            self._documents.view(self._document, number, view)

    def stop(self) -> None:
        """Takes note that the incarnation is over."""
        self._is_open = False

    def answer(self, state: State) -> bool:
        """Tells who waits, if the state answers a view; what is inside is durable."""
        if state.request >= 0:
            return False
        view, future = self._waiting.pop(state.request, (None, None))
        if state.failure:
            kind = type(view).__name__
            log.error("view.failed", document=self._document, view=kind, reason=state.failure)
        if future is None or future.done():
            return True
        if state.failure:
            future.set_exception(
                Unanswered("The server failed at this question; an operator has been told.")
            )
        else:
            future.set_result(state.data)
        return True

    def fail(self, error: SegueError) -> None:
        """Tells everybody who waits that the document can't be read."""
        waiting, self._waiting = self._waiting, {}
        for _, future in waiting.values():
            if not future.done():
                future.set_exception(error)
