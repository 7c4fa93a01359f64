"""Takes tokens out of text that is about to be logged."""

import re
from typing import Final

REDACTED: Final = "[redacted]"

# A JWT begins with the base64url of '{"', whole or cut off. The others catch what stands where a token
# belongs, be it one or not: a password pasted by mistake is a secret too.
_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*")
_IN_QUERY: Final = re.compile(
    r"(?i)((?:token|secret|password|api_?key)(?:=|%3d))[^&\s\"'\\\]})>,;]+"
)
_IN_HEADER: Final = re.compile(r"(?i)(bearer(?:\s+|%20))[^\s\"'\\,;)]+")
_IN_DSN: Final = re.compile(r"(?i)(\b[a-z]+://[^\s:/@]*:)[^\s/@]+(?=@)")


def redact(text: str) -> str:
    """Gives `text` with every token, and every password of an address, replaced."""
    text = _JWT.sub(REDACTED, text)
    text = _IN_QUERY.sub(rf"\1{REDACTED}", text)
    text = _IN_HEADER.sub(rf"\1{REDACTED}", text)
    return _IN_DSN.sub(rf"\1{REDACTED}", text)
