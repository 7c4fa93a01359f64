"""Names of things: their types and their shapes."""

import hashlib
import hmac
import re
from typing import Final, NewType
from uuid import UUID

DocumentId = NewType("DocumentId", str)
UserId = NewType("UserId", str)
DeviceId = NewType("DeviceId", str)

SERVER: Final = UserId("")
"""The user in whose name the server itself writes; no token's user can be it."""

HOME_NAME: Final = "home"
"""What a client calls its own home document; never the id of a session."""

END: Final = r"$(?!\n)"
"""The end of a pattern, for JSON Schema and Python alike; there `$` alone admits a newline behind it."""

_ID: Final = "[A-Za-z0-9_-]{1,128}"
ID_PATTERN: Final = f"^{_ID}{END}"
"""The shape of the ids of sessions and, where they come over HTTP, of messages."""

FILE_PATTERN: Final = f"^[0-9a-f]{{64}}{END}"
"""The shape of the name of a file: the SHA-256 of what is in it."""

RANDOM_BYTES: Final = 10
"""What `new_id` takes."""

_HOME: Final = "home:"
_SESSION_ID: Final = re.compile(_ID)


def session_id(text: str) -> DocumentId | None:
    """Gives `text` as the id of a session, None if it can't be one."""
    if text == HOME_NAME or not _SESSION_ID.fullmatch(text):
        return None
    return DocumentId(text)


def home_of(user: UserId) -> DocumentId:
    """Gives the id of a user's private home document; no session id can equal it (it has a ':')."""
    return DocumentId(f"{_HOME}{user}")


def user_of_home(document: DocumentId) -> UserId | None:
    """Gives whose home a document is; None for a session."""
    return UserId(document.removeprefix(_HOME)) if document.startswith(_HOME) else None


def new_id(now_ms: int, random: bytes) -> str:
    """Gives a UUIDv7 (RFC 9562): ids made later sort behind. `random` are `RANDOM_BYTES` bytes."""
    return _uuid(7, now_ms.to_bytes(6, "big") + random)


def repeatable_id(secret: bytes, *parts: str) -> str:
    """Gives the same id for the same parts, as a UUIDv8 (RFC 9562).

    Keyed: nobody without the secret can tell which id will be asked for and take it before.
    """
    mac = hmac.new(secret, digestmod=hashlib.sha256)
    for part in parts:
        # Each with its length: ("ab", "c") and ("a", "bc") are two.
        data = part.encode()
        mac.update(len(data).to_bytes(8, "big") + data)
    return _uuid(8, mac.digest()[:16])


def _uuid(version: int, data: bytes) -> str:
    number = int.from_bytes(data, "big")
    number = number & ~(0xF << 76) | version << 76
    return str(UUID(int=number & ~(0b11 << 62) | 0b10 << 62))
