"""The link that signs a person in: on this machine, and on a phone in the same network."""

import getpass
import ipaddress
import socket
from typing import Final

import psutil

from segue.settings import Settings

ANY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
TOKEN_TTL_S: Final = 30 * 24 * 60 * 60

# Addresses for documentation (RFC 5737, RFC 3849): nobody is there, and nobody is asked.
_ELSEWHERE: Final = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
_DISCARD_PORT: Final = 9


def os_user() -> str:
    """Gives the name of whoever runs this, `you` if the system doesn't tell."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "you"


def sign_in_link(host: str, port: int, token: str) -> str:
    """Gives the page's address with the token in the fragment: no server is sent it, no log has it."""
    return f"http://{in_url(host)}:{port}/#token={token}"


def in_url(host: str) -> str:
    """Gives a host as it stands in an address; an IPv6 address has brackets there."""
    return f"[{host}]" if ":" in host else host


def phone_host(settings: Settings) -> str | None:
    """Gives the host under which a phone on the network reaches the server; None if it can't."""
    if settings.host in ANY_ADDRESS:
        return lan_address(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    return None if _is_loopback(settings.host) else settings.host


def lan_address(family: socket.AddressFamily) -> str | None:
    """Gives this machine's address in its network, without sending anything; None without one."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            # Of UDP, this only chooses the route, and with it our own address.
            probe.connect((_ELSEWHERE[family], _DISCARD_PORT))
            address = str(probe.getsockname()[0])
        except OSError:
            address = ""
    if address and not _is_loopback(address):
        return address
    return next(iter(_addresses(family)), None)


def _addresses(family: socket.AddressFamily) -> list[str]:
    """Lists the addresses of networks without a way out, those for private use first."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = [
        ipaddress.ip_address(each.address)
        for name, addresses in psutil.net_if_addrs().items()
        for each in addresses
        if name in up and each.family == family and "%" not in each.address
    ]
    usable = [each for each in found if not (each.is_loopback or each.is_link_local)]
    return [str(each) for each in sorted(usable, key=lambda each: not each.is_private)]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
