"""What the rooms of a node work with."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from segue.document.verdict import Run, Summary
from segue.hub.backlog import Backlog
from segue.hub.conduct import Conduct
from segue.hub.options import HubOptions
from segue.hub.strikes import Strikes
from segue.ids import DocumentId, UserId
from segue.storage.ports import UpdateLog
from segue.workers.ports import Documents


def _nobody(document: DocumentId, news: object = None) -> None:
    """Is told, and does nothing."""


@dataclass(slots=True)
class Followers:
    """Who is told what became of sessions, once it is durable; they return at once.

    Filled before the first room is opened. `on_summary` takes what lists show, when it has
    changed and at each opening; `on_runs` runs that were queued or cancelled and, at each opening,
    those that are open. `on_news` hears of every commit, and of the end of a room: a hint to look.
    """

    on_summary: Callable[[DocumentId, Summary], None] = _nobody
    on_runs: Callable[[DocumentId, tuple[Run, ...]], None] = _nobody
    on_news: Callable[[DocumentId], None] = _nobody


@dataclass(frozen=True, slots=True)
class Services:
    """Shared by all rooms of a node."""

    documents: Documents
    log: UpdateLog
    tasks: asyncio.TaskGroup
    backlog: Backlog
    strikes: Strikes[tuple[UserId, DocumentId]]
    rewritings: Strikes[DocumentId]
    conduct: Conduct
    options: HubOptions
    followers: Followers
