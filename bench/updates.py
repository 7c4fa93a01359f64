"""What people write, as Yjs updates."""

import random
from collections.abc import Iterator

from pycrdt import Doc, Map, Text

from segue.wire.lib0 import var_string, var_uint

_WORDS = (
    "the a train leaves Lisbon at nine and we would like to stay near the river for two nights "
    "please find rooms with a view that cost less than last year if there are any left in May"
).split()


def keystrokes(client: int, count: int) -> Iterator[bytes]:
    """Gives what Yjs makes of letters typed at the end of a text, one update each.

    One client, one struct, at a clock: a string behind the letter before; then an empty delete set.
    """
    head = b"\x01\x01" + var_uint(client)
    yield head + b"\x00\x04\x01" + var_string("draft") + b"\x01a\x00"
    for clock in range(1, count):
        origin = var_uint(client) + var_uint(clock - 1)
        letter = bytes((ord("a") + clock % 26,))
        yield head + var_uint(clock) + b"\x84" + origin + b"\x01" + letter + b"\x00"


def conversation(messages: int, user: str) -> list[bytes]:
    """Gives the updates of a session of so many messages of some thirty words, one update each."""
    words = random.Random(1)
    document: Doc[object] = Doc()
    entries = document.get("messages", type=Map)
    updates: list[bytes] = []
    document.observe(lambda event: updates.append(event.update))
    for number in range(messages):
        text = " ".join(words.choices(_WORDS, k=words.randrange(5, 60)))
        part = Map({"type": "text", "text": Text(text), "state": "done"})
        entries[f"message-{number:06}"] = Map(
            {
                "role": "user",
                "author": {"kind": "user", "id": user},
                "created_at": 1_760_000_000_000 + number,
                "status": "complete",
                "parts": Map({"0": part}),
            }
        )
    return updates
