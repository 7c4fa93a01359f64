"""Awareness updates: the presence of clients, each a JSON text under a client id and a clock.

Each state is parsed before it is passed on: other devices hand it to `JSON.parse` and have no guard.

Source: y-protocols `awareness.js`.
"""

import json
import re
from collections.abc import Iterable
from typing import Final, NoReturn

import msgspec

from segue.errors import ProtocolError
from segue.wire.lib0 import Reader, var_string, var_uint

EMPTY: Final = b"\x00"
"""The update that says nothing: the keep-alive that every stock client takes."""

MAX_ENTRIES: Final = 2_048
"""Hocuspocus 2.15 and 3.4 send everybody's entries back, so a crowded document needs room here."""

MAX_STATE_BYTES: Final = 16_384
MAX_UPDATE_BYTES: Final = 1_048_576
MAX_JSON_DEPTH: Final = 64

# A string without an end counts to the end of the text: looking for one anew at each quote inside
# of it would be quadratic.
_JSON_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


class AwarenessEntry(msgspec.Struct, frozen=True, gc=False):
    """What one client shows of itself; `state` is the JSON text of an object, None when it is gone."""

    client: int
    clock: int
    state: str | None


def decode_awareness(data: bytes) -> tuple[AwarenessEntry, ...]:
    """Reads an awareness update.

    Raises:
        ProtocolError: it is malformed, beyond the limits, or a state is no JSON object.
    """
    if len(data) > MAX_UPDATE_BYTES:
        raise ProtocolError(f"The presence update is larger than {MAX_UPDATE_BYTES} bytes.")
    reader = Reader(data)
    count = reader.var_uint()
    if count > MAX_ENTRIES:
        raise ProtocolError("The presence update is of too many clients.")
    entries = tuple([_entry(reader) for _ in range(count)])
    reader.finish()
    return entries


def encode_awareness(entries: Iterable[AwarenessEntry]) -> bytes:
    """Gives the bytes of an awareness update."""
    parts: list[bytes] = [b""]
    count = 0
    for entry in entries:
        count += 1
        state = "null" if entry.state is None else entry.state
        parts += (var_uint(entry.client), var_uint(entry.clock), var_string(state))
    parts[0] = var_uint(count)
    return b"".join(parts)


def _entry(reader: Reader) -> AwarenessEntry:
    client = reader.var_uint()
    clock = reader.var_uint()
    text = reader.string(MAX_STATE_BYTES)
    return AwarenessEntry(client, clock, text if _is_object(text) else None)


def _is_object(text: str) -> bool:
    """Tells a JSON object from `null`; anything else is an error."""
    if text == "null":
        return False
    if text.count("{") + text.count("[") > MAX_JSON_DEPTH:
        _check_depth(text)
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise ProtocolError("A presence state is not JSON.") from error
    if value is not None and not isinstance(value, dict):
        raise ProtocolError("A presence state is not a JSON object.")
    return value is not None


def _check_depth(text: str) -> None:
    # Before parsing, since the parser is recursive. It stops at the first mistake in a text, and up
    # to there it has gone as deep as is counted here.
    depth = 0
    for character in _JSON_STRING.sub("", text):
        if character in "{[":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                raise ProtocolError("A presence state is nested too deeply.")
        elif character in "}]":
            depth -= 1


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
