"""Summaries of sessions in Postgres, for lists."""

import re
from collections.abc import Sequence
from typing import Final

from segue.document.verdict import Summary
from segue.ids import DocumentId
from segue.storage.database import Database

# A title of NULL is a tombstone's: tested on the row itself, so that a deletion that commits while
# this statement waits for the row is seen. What is equal is left alone: no row is written.
SAVE: Final = """
UPDATE sessions
SET title = latest.title, last_seq = latest.last_seq, open_runs = latest.open_runs
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::integer[])
    AS latest (id, title, last_seq, open_runs)
WHERE sessions.id = latest.id AND sessions.title IS NOT NULL
  AND (sessions.title, sessions.last_seq, sessions.open_runs)
      IS DISTINCT FROM (latest.title, latest.last_seq, latest.open_runs)
"""

# Summaries are a moment behind the commits, so what was written last before the end counts as well.
# Read once, at the start of a node: no index on last_active_at, which each commit would have to keep.
IN_DOUBT: Final = """
SELECT sessions.id FROM sessions JOIN documents ON documents.id = sessions.id
WHERE documents.deleted_at IS NULL AND documents.position > 0
  AND (sessions.open_runs > 0 OR documents.last_active_at
       > (SELECT max(last_active_at) FROM documents) - interval '10 seconds')
ORDER BY documents.last_active_at DESC LIMIT 1000
"""

MAX_TITLE: Final = 200
"""Characters that a list shows; a member may have written more into the document."""

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


class PostgresSummaries:
    """`SummaryStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_summaries(self, summaries: Sequence[tuple[DocumentId, Summary]]) -> None:
        """See `SummaryStore.save_summaries`."""
        ids = [document for document, _ in summaries]
        titles = [_storable(summary.title) for _, summary in summaries]
        counts = [summary.last_seq for _, summary in summaries]
        open_runs = [summary.open_runs for _, summary in summaries]
        await self._database.write(
            lambda connection: connection.execute(SAVE, ids, titles, counts, open_runs)
        )

    async def sessions_in_doubt(self) -> list[DocumentId]:
        """See `SummaryStore.sessions_in_doubt`."""
        rows = await self._database.run(lambda connection: connection.fetch(IN_DOUBT))
        return [DocumentId(row["id"]) for row in rows]


def _storable(title: str) -> str:
    """Postgres stores any text but a NUL, and UTF-8 has no surrogates."""
    return _UNSTORABLE.sub("\ufffd", title[:MAX_TITLE])
