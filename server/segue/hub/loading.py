"""Reading what a document is rebuilt from, through outages of the storage."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from segue.errors import SegueError, StorageUnavailable
from segue.ids import DocumentId
from segue.storage.ports import Base, UpdateLog

log = structlog.get_logger()

_FIRST_RETRY_S: Final = 0.1
_LAST_RETRY_S: Final = 2.0


async def read_base(
    updates: UpdateLog, document: DocumentId, is_wanted: Callable[[], bool]
) -> Base:
    """Reads a document's base; while the storage is away it goes on trying as long as it is wanted.

    Raises:
        SegueError: the document can't be had, for the reason that the log gave; an unexpected
            failure is logged and told in general words.
    """
    delay_s = _FIRST_RETRY_S
    while True:
        try:
            return await updates.load(document)
        except StorageUnavailable:
            if not is_wanted():
                raise
        except SegueError:
            raise
        except Exception as error:
            log.exception("document.load_failed", document=document)
            text = "This conversation could not be opened. It has been reported."
            raise SegueError(text) from error
        await asyncio.sleep(delay_s)
        delay_s = min(2 * delay_s, _LAST_RETRY_S)
