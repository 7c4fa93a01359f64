"""Which web pages may connect: the origin check (RFC 6454) that stands before any token.

It guards people whose browser visits a foreign page; programs send no Origin and are let through to
the check of their token.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from segue.errors import Forbidden

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_HOST: Final = re.compile(r"[a-z0-9._:-]+")  # names as browsers send them (punycode), addresses
_SHOWN_CHARACTERS: Final = 40


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a page, in the one spelling that compares."""

    scheme: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Tells whether the page was served by the visitor's own machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_origin(text: str) -> Origin | None:
    """Reads an Origin header or an entry of SEGUE_ORIGINS; None if it names no web page's origin."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    if not _is_bare(parts) or parts.scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(host):
        return None
    return Origin(parts.scheme, host, _DEFAULT_PORTS[parts.scheme] if port is None else port)


@dataclass(frozen=True, slots=True)
class OriginPolicy:
    """Same origin, the origins `allowed`, and with `loopback` every page of this machine."""

    allowed: frozenset[Origin]
    loopback: bool

    def allows(self, origin: str | None, host: str, scheme: str) -> bool:
        """Tells whether a page of `origin` may connect to this server, asked for as `host`.

        `scheme` is the connection's: http, https, ws or wss. None stands for no Origin header, as
        programs send none. The origin `null` (a sandboxed frame, a local file) names nobody and
        never passes.
        """
        if origin is None:
            return True
        page = parse_origin(origin)
        if page is None:
            return False
        if page in self.allowed or (self.loopback and page.is_loopback):
            return True
        return _is_same(page, host, _SCHEMES.get(scheme, scheme))

    def check(self, origin: str | None, host: str, scheme: str) -> None:
        """Does nothing for an origin that `allows` lets pass.

        Raises:
            Forbidden: the page may not connect; the text names it and the setting.
        """
        if not self.allows(origin, host, scheme):
            raise Forbidden(f"Pages of {_shown(origin)} may not connect. Add it to SEGUE_ORIGINS.")


def _is_bare(parts: SplitResult) -> bool:
    return not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)


def _is_same(page: Origin, host: str, scheme: str) -> bool:
    # Behind a proxy that ends TLS the server itself is asked over http: the page's https is then the
    # truth. The other way round, a page loaded without TLS is not the same as this server.
    return parse_origin(f"{page.scheme}://{host}") == page and scheme in ("http", page.scheme)


def _shown(origin: str | None) -> str:
    text = "".join(character for character in origin or "" if character.isprintable())
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
