"""How often one address may try something that needs no token.

Counted in windows of fixed length, for the latest addresses; the oldest give way to new ones. Of IPv6,
where a household has a network of its own, a /64 counts as one address (RFC 6177).
"""

import ipaddress
from collections import OrderedDict
from typing import Final

_MAX_ENTRIES: Final = 10_000
_HOUSEHOLD_BITS: Final = 64


class Attempts:
    """Takes `allowed` attempts in `per_s` seconds, for each address."""

    def __init__(self, allowed: int, *, per_s: float, max_entries: int = _MAX_ENTRIES) -> None:
        self._allowed = allowed
        self._per_s = per_s
        self._max_entries = max_entries
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, address: str, now_s: float) -> bool:
        """Counts an attempt at `now_s` (monotonic); tells whether it is within what is allowed."""
        place = _place(address)
        since_s, count = self._counts.pop(place, (now_s, 0))
        if now_s - since_s >= self._per_s:
            since_s, count = now_s, 0
        self._counts[place] = since_s, count + 1
        if len(self._counts) > self._max_entries:
            self._counts.popitem(last=False)
        return count < self._allowed


def _place(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""  # a Unix socket, say: all of them as one
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed.packed, _HOUSEHOLD_BITS), strict=False))
