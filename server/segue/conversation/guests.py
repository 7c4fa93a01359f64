"""Guests: people without an account, who come by a share link and get a token of their own."""

import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from segue.auth.tokens import Claims, mint
from segue.errors import Unauthenticated
from segue.ids import UserId

TOKEN_TTL_S: Final = 30 * 24 * 60 * 60
MAX_NAME: Final = 64
"""Characters of a guest's name; what is longer is cut."""

_NO_NAME: Final = "Guest"
_RANDOM_BYTES: Final = 16
_JOINER: Final = "\u200d"  # inside emoji of several people


@dataclass(frozen=True, slots=True)
class Guest:
    """A new user; `expires_at` of the token is in seconds since 1970."""

    user: UserId
    name: str
    token: str
    expires_at: float


class Guests:
    """Makes guests, where they are let in; `clock` gives seconds since 1970."""

    def __init__(self, secret: bytes, clock: Callable[[], float], *, admitted: bool) -> None:
        self._secret = secret
        self._clock = clock
        self._admitted = admitted

    def new(self, name: str) -> Guest:
        """Makes a guest. Their token is as anybody's: what they may open, members and links say.

        Raises:
            Unauthenticated: no guests here.
        """
        if not self._admitted:
            raise Unauthenticated(
                "Sign in to use this link: guests aren't let in here (SEGUE_GUESTS)."
            )
        user, name = UserId(f"guest-{secrets.token_hex(_RANDOM_BYTES)}"), guest_name(name)
        now_s = self._clock()
        token = mint(self._secret, Claims(user, name=name), now=now_s, ttl_s=TOKEN_TTL_S)
        return Guest(user, name, token, now_s + TOKEN_TTL_S)


def guest_name(text: str) -> str:
    """Gives a name as everybody may see it: one line, nothing invisible, nothing that turns text round."""
    composed = unicodedata.normalize("NFC", text)
    words = "".join(_shown(character) for character in composed).split()
    return " ".join(words)[:MAX_NAME].strip(_JOINER + " ") or _NO_NAME


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    is_hidden = unicodedata.category(character).startswith("C") and character != _JOINER
    return "" if is_hidden else character
