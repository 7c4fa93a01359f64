"""What the rooms of a node work with."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from segue.document.verdict import Summary
from segue.hub.backlog import Backlog
from segue.hub.options import HubOptions
from segue.hub.strikes import Strikes
from segue.ids import DocumentId
from segue.storage.ports import UpdateLog
from segue.workers.ports import Documents

OnSummary = Callable[[DocumentId, Summary], None]
"""Told what lists of sessions show of a document, once it is durable; returns at once."""


@dataclass(frozen=True, slots=True)
class Services:
    """Shared by all rooms of a node."""

    documents: Documents
    log: UpdateLog
    tasks: asyncio.TaskGroup
    backlog: Backlog
    strikes: Strikes
    options: HubOptions
    on_summary: OnSummary
