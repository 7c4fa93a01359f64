"""A JSON array, written piece by piece."""

from collections.abc import Sequence

import msgspec
from typing_extensions import override

from segue.transcripts.model import Head, JsonObject, Writer


class ArrayWriter(Writer):
    """Puts the commas where they belong."""

    def __init__(self) -> None:
        self._has_any = False

    @override
    def begin(self, head: Head) -> bytes:
        return b"["

    def _next(self, values: Sequence[JsonObject]) -> bytes:
        pieces = []
        for value in values:
            pieces.append((b",\n" if self._has_any else b"\n") + msgspec.json.encode(value))
            self._has_any = True
        return b"".join(pieces)

    def _close(self) -> bytes:
        return b"\n]\n"
