"""The names of a session's roots and fields, as every device writes and reads them."""

from typing import Final

MESSAGES: Final = "messages"
"""id -> Y.Map. A message is added whole, in one transaction; only its author changes it later."""

REQUESTS: Final = "requests"
"""id -> {kind, target, value?, by}, written once; answered in place by the server, later removed."""

SESSION: Final = "session"
"""title, settings: written by members; head: by the server."""

HEAD: Final = "head"
TITLE: Final = "title"
SETTINGS: Final = "settings"

SEQ: Final = "seq"
PARENT: Final = "parent"
SUPERSEDES: Final = "supersedes"
