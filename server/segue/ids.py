"""Names of things: their types, their shapes, and how new ones are made."""

import re
from typing import Final, NewType

DocumentId = NewType("DocumentId", str)
UserId = NewType("UserId", str)
DeviceId = NewType("DeviceId", str)
NodeId = NewType("NodeId", str)

HOME_NAME: Final = "home"
"""What a client calls its own home document; never the id of a session."""

_SESSION_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_HOME_PREFIX: Final = "home:"


def session_id(text: str) -> DocumentId | None:
    """Gives `text` as the id of a session, None if it can't be one."""
    if text == HOME_NAME or not _SESSION_ID.fullmatch(text):
        return None
    return DocumentId(text)


def home_of(user: UserId) -> DocumentId:
    """Gives the id of a user's private home document; no session id can equal it (it has a ':')."""
    return DocumentId(_HOME_PREFIX + user)


def is_home(document: DocumentId) -> bool:
    """Tells a home from a session."""
    return document.startswith(_HOME_PREFIX)


def uuid7(now_ms: int, entropy: bytes) -> str:
    """Gives a UUIDv7 (RFC 9562) of a time in milliseconds since 1970 and 10 random bytes."""
    value = (now_ms & (2**48 - 1)) << 80 | int.from_bytes(entropy[:10], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
