"""Where connections come from, as far as one host can be told from another."""

import ipaddress
from typing import Final, NewType

Source = NewType("Source", str)

_IPV6_PREFIX: Final = 64
_MAX_CHARACTERS: Final = 64


def source_of(host: str) -> Source:
    """Gives whom to count an address with: itself, or of IPv6 its network.

    A host of IPv6 has 2^64 addresses of its own to choose from (RFC 4291, 2.5.1).
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return Source(host[:_MAX_CHARACTERS])  # a proxy may write what it likes
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return Source(str(ipaddress.ip_network((int(address), _IPV6_PREFIX), strict=False)))
        address = address.ipv4_mapped
    return Source(str(address))
