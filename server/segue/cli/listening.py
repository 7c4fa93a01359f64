"""The listening socket, bound before anything else starts: a taken port is found out at once."""

import errno
import socket
from contextlib import ExitStack
from typing import Final

from segue.errors import ConfigurationError

_BACKLOG: Final = 2048
_PORTS_TRIED: Final = 50
_LAST_PORT: Final = 65535


class PortTaken(ConfigurationError):
    """Another program listens there."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Listens on every address of `host`, on one port; port 0 takes a free one.

    Raises:
        PortTaken: another program listens there.
        ConfigurationError: the host is no address of this machine, or the port needs more rights.
    """
    with ExitStack() as stack:
        sockets: list[socket.socket] = []
        for family, address in _addresses(host):
            bound = _listen_on(family, (address, port))
            if bound is None:
                continue
            sockets.append(stack.enter_context(bound))
            port = port_of(sockets)
        if not sockets:
            raise ConfigurationError(f"HOST is {host!r}, no address of this machine. {_EXAMPLE}")
        stack.pop_all()
    return sockets


def listen_from(host: str, port: int) -> list[socket.socket]:
    """Listens on `port`, or on the next one above that is free.

    Raises:
        ConfigurationError: as `listen`; also when fifty ports in a row are taken.
    """
    for candidate in range(port, min(port + _PORTS_TRIED, _LAST_PORT + 1)):
        try:
            return listen(host, candidate)
        except PortTaken:
            continue
    raise PortTaken(
        f"Ports {port} to {candidate} on {host} are all taken. Choose another, as in PORT=9000."
    )


def port_of(sockets: list[socket.socket]) -> int:
    """Gives the port that all of them listen on."""
    port: int = sockets[0].getsockname()[1]
    return port


_EXAMPLE: Final = "Example: HOST=127.0.0.1, or HOST=0.0.0.0 for every network"


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"HOST is {host!r}, which names no address. {_EXAMPLE}") from error
    return list(dict.fromkeys((family, str(address[0])) for family, *_, address in found))


def _listen_on(family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket | None:
    """Gives the socket; None for an address that this machine doesn't have, such as ::1 without IPv6."""
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        _bind(listener, address)
    except OSError as error:
        listener.close()
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return None
        raise _refusal(address, error) from error
    return listener


def _bind(listener: socket.socket, address: tuple[str, int]) -> None:
    # A restart need not wait for the last one's connections to time out.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(address)
    # Two programs may bind one port, only one may listen: so this is what tells.
    listener.listen(_BACKLOG)


def _refusal(address: tuple[str, int], error: OSError) -> ConfigurationError:
    host, port = address
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"Port {port} on {host} is taken by another program. "
            f"Stop that one, or choose another port, as in PORT={port % _LAST_PORT + 1}."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return ConfigurationError(
            f"Port {port} on {host} needs more rights than this account has. Use one above 1023."
        )
    return ConfigurationError(
        f"Can't listen on port {port} of {host}: {error.strerror}. {_EXAMPLE}"
    )
