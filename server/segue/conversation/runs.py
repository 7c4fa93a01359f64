"""Runs for who speaks HTTP."""

from typing import Final

import msgspec

from segue.auth.tokens import Claims
from segue.conversation.sessions import SessionServices, open_for_writing
from segue.document.edits import StopRun
from segue.document.views import RunView, ViewRun
from segue.errors import NotFound

_RUN: Final[msgspec.json.Decoder[RunView | None]] = msgspec.json.Decoder(RunView | None)


class Runs:
    """Everything here is checked against the claims; what is given is committed."""

    def __init__(self, services: SessionServices) -> None:
        self._register = services.register
        self._documents = services.documents

    async def cancel(self, claims: Claims, name: str, run: str) -> RunView:
        """Cancels a run, and gives it as it is then: one that has ended stays as it ended.

        Raises:
            NotFound: there is no such run.
            SegueError: no right to it, or it can't be done now.
        """
        access = await open_for_writing(self._register, claims, name)
        found = _RUN.decode(await self._documents.view(access.document, ViewRun(run)))
        if found is None:
            raise NotFound("There is no such run. Its id is that of the message it answers.")
        await self._documents.edit(access.document, StopRun(run))
        return _RUN.decode(await self._documents.view(access.document, ViewRun(run))) or found
