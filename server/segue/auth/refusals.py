"""Which refusals repeat so fast that only a refused upgrade slows the client down.

A stock y-websocket 2.1 resets its backoff whenever a socket opens: accept, then close with 44xx makes
it come back ten times a second. A 401 at the upgrade backs off in every client, but tells a 3.1 client
nothing: so that is kept for the fourth refusal within ten seconds. It is counted by token and document,
never by address: others share the address.
"""

import hashlib
from collections import OrderedDict
from typing import Final

ALLOWED_REFUSALS: Final = 3
WINDOW_S: Final = 10.0
_MAX_ENTRIES: Final = 10_000


class Refusals:
    """Remembers the latest refusals of the latest tokens; the oldest give way to new ones."""

    def __init__(self, max_entries: int = _MAX_ENTRIES) -> None:
        self._max_entries = max_entries
        self._times: OrderedDict[bytes, tuple[float, ...]] = OrderedDict()

    def record(self, token: str, document: str, now: float) -> None:
        """Notes a refusal at `now` (monotonic seconds)."""
        key = _digest(token, document)
        self._times[key] = (*self._times.pop(key, ()), now)[-ALLOWED_REFUSALS:]
        if len(self._times) > self._max_entries:
            self._times.popitem(last=False)

    def is_blocked(self, token: str, document: str, now: float) -> bool:
        """Tells whether the next refusal of this token belongs at the upgrade, as a 401."""
        times = self._times.get(_digest(token, document), ())
        return sum(now - time < WINDOW_S for time in times) >= ALLOWED_REFUSALS


def _digest(token: str, document: str) -> bytes:
    # The token's length is in front, so that no two pairs give the same bytes. A token in memory
    # would outlive its connection; its digest tells nobody anything.
    data = f"{len(token)}:{token}{document}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).digest()
