"""When a document's log is folded into a snapshot, and the writing of it.

A document that differs from its own reload (a device lied, see `document.gate`) gets no snapshot: it
is written anew, as the next generation. For that the room takes nothing in from `on_unproven` to
to `on_rewritten`, so that nothing can be accepted, and then left behind.
When it was last tried is kept longer than a room lives: else whoever lies could, by reopening it, send
everybody away again and again.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Final

import structlog

from segue.errors import StorageUnavailable
from segue.hub.strikes import Strikes
from segue.ids import DocumentId
from segue.storage.ports import Base, UpdateLog

log = structlog.get_logger()

_SMALL_BYTES: Final = 256 << 10
_TAIL_SHARE: Final = 4
"""Beyond a small size, a tail is folded once it has a fourth of the snapshot's: a long document isn't
encoded anew (0.6 s for 3,000 messages, in which its worker does nothing else) for a few words more."""

REWRITING_PAUSE_S: Final = 300.0
"""Between two attempts to write a document anew: who spoils it again and again sends nobody away each time."""

_PAUSE_S_PER_BYTE: Final = 2e-6
"""The pause between two snapshots that are to tell a document's size: half a minute for 16 MiB."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What the room does: `on_done` when it may be asked again, the others as the module says."""

    on_done: Callable[[], None]
    on_unproven: Callable[[], None]
    on_rewritten: Callable[[], None]


class Snapshots:
    """One document's snapshots: at most one under way; a failed one is not tried again at once."""

    def __init__(
        self,
        document: DocumentId,
        updates: UpdateLog,
        tasks: asyncio.TaskGroup,
        steps: Steps,
        rewritings: Strikes[DocumentId],
    ) -> None:
        """`rewritings` remembers the attempts of the last `REWRITING_PAUSE_S`, for all documents."""
        self._document = document
        self._updates = updates
        self._tasks = tasks
        self._steps = steps
        self._rewritings = rewritings
        self._position = 0
        self._previous = 0
        self._snapshot_bytes = 0
        self._tail_bytes = 0
        self._known_tail_bytes = 0
        self._tried_at_s = -math.inf
        self._is_anew = False
        self.doubt = False
        self.under_way = False

    @property
    def size_bytes(self) -> int:
        """What a load would read: at least what the document has."""
        return self._snapshot_bytes + self._tail_bytes

    @property
    def unknown_bytes(self) -> int:
        """What came since a snapshot was last tried."""
        return self._tail_bytes - self._known_tail_bytes

    def reset(self, base: Base) -> None:
        """Begins with what the log gave: its tail is not in a snapshot yet."""
        self._position = self._previous = base.snapshot_position
        self._snapshot_bytes = len(base.snapshot or b"")
        self._tail_bytes = sum(len(update.data) for update in base.updates)
        self._known_tail_bytes = 0
        self.under_way = self._is_anew = False

    def grow(self, size_bytes: int) -> None:
        """Takes note of what was added to the log."""
        self._tail_bytes += size_bytes

    def is_due(self, position: int, *, every_rows: int) -> bool:
        """Tells whether so many rows up to `position` are in no snapshot, and weigh enough.

        Or, in doubt about the size, any.
        """
        if self.doubt and position > self._position:
            pause_s = self._snapshot_bytes * _PAUSE_S_PER_BYTE
            if asyncio.get_running_loop().time() - self._tried_at_s >= pause_s:
                return True
        is_cheap = self._snapshot_bytes <= _SMALL_BYTES
        weighs = self._tail_bytes * _TAIL_SHARE >= self._snapshot_bytes
        return (is_cheap or weighs) and position - self._position >= every_rows

    def take(self, generation: int, position: int, data: bytes) -> None:
        """Takes a snapshot that holds every row up to `position`, and writes it; empty means unproven."""
        self._tried_at_s = asyncio.get_running_loop().time()
        self.doubt = False
        if self._is_anew:
            self._take_rewritten(generation, position, data)
        elif data:
            self._snapshot_bytes, self._tail_bytes, self._known_tail_bytes = len(data), 0, 0
            self._start(self._store(generation, position, data))
        else:
            log.error("snapshot.unproven", document=self._document, position=position)
            self._known_tail_bytes = self._tail_bytes  # all of it stays
            if self._rewritings.count(self._document, self._tried_at_s) == 0:
                self._is_anew = True
                self._steps.on_unproven()
            else:
                self._finish(position)

    def _take_rewritten(self, generation: int, position: int, data: bytes) -> None:
        self._rewritings.add(self._document, self._tried_at_s)
        if data:
            self._start(self._rewrite(generation, position, data))
        else:
            log.error("document.not_rewritten", document=self._document, position=position)
            self._steps.on_rewritten()

    def _start(self, writing: Coroutine[None, None, None]) -> None:
        self._tasks.create_task(writing, name=f"snapshot {self._document}")

    async def _rewrite(self, generation: int, position: int, data: bytes) -> None:
        try:
            if await self._updates.rewrite(self._document, generation, position, data):
                log.warning(
                    "document.rewritten", document=self._document, generation=generation + 1
                )
        except StorageUnavailable as error:
            log.warning("document.rewriting_unknown", document=self._document, reason=str(error))
        except Exception:  # as below
            log.exception("document.rewriting_failed", document=self._document)
        self._steps.on_rewritten()

    async def _store(self, generation: int, position: int, data: bytes) -> None:
        try:
            if await self._updates.save_snapshot(
                self._document, generation, position, data, self._previous
            ):
                self._previous = position
        except StorageUnavailable as error:
            log.warning("snapshot.not_saved", document=self._document, reason=str(error))
        except Exception:  # a snapshot's failure loses nothing: the log holds it all
            log.exception("snapshot.failed", document=self._document)
        self._finish(position)

    def _finish(self, position: int) -> None:
        self._position = max(position, self._position)
        self.under_way = False
        self._steps.on_done()
