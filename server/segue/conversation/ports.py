"""The port to the open documents: how the server itself edits, reads and ends one."""

from typing import Protocol

from segue.document.edits import Edit
from segue.document.views import View
from segue.errors import SegueError
from segue.ids import DocumentId


class Documents(Protocol):
    """Registered documents, opened when they are needed."""

    async def edit(self, document: DocumentId, edit: Edit) -> None:
        """Makes an edit; durable when it returns. Idempotent, and a cancelled one may be made.

        Raises:
            RefusedUpdate: it can't be made; the text says why.
            SegueError: the document can't be opened, or not right now.
        """

    async def view(self, document: DocumentId, view: View) -> bytes:
        """Gives the answer of a view as JSON; it shows what is committed, and nothing else.

        Raises:
            SegueError: the document can't be opened, or not right now.
        """

    def end(self, document: DocumentId, error: SegueError) -> None:
        """Ends the document on all devices, telling them why; a closed one is left alone."""
