"""Names of things: their types and their shapes."""

import re
from typing import Final, NewType

DocumentId = NewType("DocumentId", str)
UserId = NewType("UserId", str)
DeviceId = NewType("DeviceId", str)

SERVER: Final = UserId("")
"""The user in whose name the server itself writes; no token's user can be it."""

HOME_NAME: Final = "home"
"""What a client calls its own home document; never the id of a session."""

_SESSION_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


def session_id(text: str) -> DocumentId | None:
    """Gives `text` as the id of a session, None if it can't be one."""
    if text == HOME_NAME or not _SESSION_ID.fullmatch(text):
        return None
    return DocumentId(text)


def home_of(user: UserId) -> DocumentId:
    """Gives the id of a user's private home document; no session id can equal it (it has a ':')."""
    return DocumentId(f"home:{user}")
