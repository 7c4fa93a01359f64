"""Where the server is and who speaks: from arguments, else from SEGUE_URL and SEGUE_TOKEN."""

import base64
import binascii
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import msgspec

from segue.errors import ConfigurationError, Unauthenticated

Token = str | Callable[[], str | Awaitable[str]]
"""A token, or what gives a fresh one each time it is asked for."""

_DEFAULT_URL: Final = "http://127.0.0.1:8000"
_COLLAB: Final = "/v1/collab"
_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


class Identity(msgspec.Struct, frozen=True):
    """What a token says of its bearer. Read, not checked: that is the server's to do."""

    sub: str
    name: str = ""
    device: str = ""
    sessions: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Address:
    """A server's sync address, and the token for it."""

    url: str
    token: Token

    @property
    def http(self) -> str:
        """The server's address for requests."""
        return "http" + self.url.removeprefix("ws").removesuffix(_COLLAB)

    @property
    def agents_url(self) -> str:
        """The address for programs that answer as agents."""
        return self.url.removesuffix(_COLLAB) + "/v1/agents"

    async def fresh_token(self) -> str:
        """Gives the token to connect with now.

        Raises:
            Unauthenticated: what should give one failed.
        """
        if isinstance(self.token, str):
            return self.token
        try:
            given = self.token()
            return given if isinstance(given, str) else await given
        except Exception as error:  # it is the program's own, and may raise anything
            raise Unauthenticated(f"Your `token` gave none: {error!r}. Mend it.") from error


def find_address(url: str | None, token: Token | None) -> Address:
    """Gives the address of the arguments, else of the environment.

    Raises:
        ConfigurationError: the URL is none.
        Unauthenticated: there is no token.
    """
    found = url or os.environ.get("SEGUE_URL") or _DEFAULT_URL
    parts = urlsplit(found)
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise ConfigurationError(
            f"{found!r} is no address of a server. Give one like {_DEFAULT_URL}, or set SEGUE_URL."
        )
    given = token or os.environ.get("SEGUE_TOKEN")
    if not given:
        raise Unauthenticated(
            "There is no token. Set SEGUE_TOKEN or give `token=`: `segue token --user NAME` prints one."
        )
    base = f"{_SCHEMES[parts.scheme]}://{parts.netloc}{parts.path.rstrip('/')}"
    return Address(base + _COLLAB, given)


def identity_of(token: str) -> Identity:
    """Gives who a token is of.

    Raises:
        Unauthenticated: it is no token.
    """
    try:
        _, payload, _ = token.split(".")
        decoded = base64.urlsafe_b64decode(payload + "===")
        return msgspec.json.decode(decoded, type=Identity)
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise Unauthenticated(
            "The token is damaged. Get a new one: `segue token --user NAME` prints one."
        ) from error
