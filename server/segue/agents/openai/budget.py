"""How much of a conversation a model is given: the newest turns that fit a number of tokens.

A turn is what people said and all that was answered to it. It is left out whole, so that no call is without
its result and no answer without its question; the last one, to be answered now, always stays.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

Message = dict[str, Any]

_BYTES_PER_TOKEN: Final = 4
_MESSAGE_TOKENS: Final = 4
_PICTURE_TOKENS: Final = 1_000
"""About what models count for one, whatever its bytes."""


def fitting(
    turns: Sequence[list[Message]], around: Sequence[Message], max_tokens: int
) -> list[Message]:
    """Gives the messages of the newest turns that fit beside those `around` them; 0 tokens is no limit.

    Tokens are an estimate, high for English: a quarter of the bytes.
    """
    left = max_tokens - sum(map(_tokens, around))
    kept = list[list[Message]]()
    for turn in reversed(turns):
        left -= sum(map(_tokens, turn))
        if kept and left < 0 and max_tokens:
            break
        kept.insert(0, turn)
    return [message for turn in kept for message in turn]


def _tokens(message: Message) -> int:
    content = message.get("content")
    if not isinstance(content, list):
        return _MESSAGE_TOKENS + len(msgspec.json.encode(message)) // _BYTES_PER_TOKEN
    return _MESSAGE_TOKENS + sum(
        len(part["text"].encode()) // _BYTES_PER_TOKEN if "text" in part else _PICTURE_TOKENS
        for part in content
    )
