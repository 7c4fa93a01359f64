"""What a model is given of the files in a conversation: pictures, and texts; others by their names.

What a member says of a file is only said: a picture is one if its bytes begin like one. A single request with
something in it that the model's server doesn't take would fail, and so would every later one of the session.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from segue.agents.port import FilePart, Turn, TurnMessage

_MAX_PICTURE_BYTES: Final = 5 << 20
_MAX_PICTURES_BYTES: Final = 16 << 20
_MAX_PICTURES: Final = 10
_MAX_TEXT_BYTES: Final = 64 << 10
_MAX_TEXTS_BYTES: Final = 256 << 10
_MAX_LOOKS: Final = 64
"""Files that are looked at for one answer. A message can name thousands, and none of them be what it says."""
_MAX_NAME: Final = 255

_BEGINNINGS: Final[Mapping[str, bytes]] = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
}
_TEXTS: Final = frozenset(
    ("application/json", "application/xml", "application/yaml", "application/x-yaml")
)

Content = Mapping[str, Any]


@dataclass(slots=True)
class _Room:
    """How much more is given."""

    picture_bytes: int = _MAX_PICTURES_BYTES
    pictures: int = _MAX_PICTURES
    text_bytes: int = _MAX_TEXTS_BYTES


async def given_files(turn: Turn) -> dict[str, Content]:
    """Gives what stands for each file by its `ref`; one that isn't in it is only named.

    The newest come first, until the room for them is used up.
    """
    given: dict[str, Content] = {}
    room = _Room()
    looked_at: set[str] = set()
    for file in _newest_first(turn.history):
        if file.ref in looked_at:
            continue
        if len(looked_at) == _MAX_LOOKS:
            break
        looked_at.add(file.ref)
        if (content := await _given(turn, file, room)) is not None:
            given[file.ref] = content
    return given


def contents(message: TurnMessage, text: str, given: Mapping[str, Content]) -> str | list[Content]:
    """Gives the content of a message, with its files: a plain text where it has none."""
    files = [part for part in message.parts if isinstance(part, FilePart)]
    if not files:
        return text
    found: list[Content] = [_text(text)] if text else []
    for file in files:
        found.append(_text(_title(file)))
        if file.ref in given:
            found.append(given[file.ref])
    return found


def _newest_first(history: tuple[TurnMessage, ...]) -> Iterator[FilePart]:
    for message in reversed(history):
        if message.role != "assistant":
            yield from (part for part in message.parts if isinstance(part, FilePart))


async def _given(turn: Turn, file: FilePart, room: _Room) -> Content | None:
    if file.media_type.startswith("image/") and room.pictures:
        most = min(_MAX_PICTURE_BYTES, room.picture_bytes)
        data = await turn.files.read(file.ref, most)
        if data is None or (kind := _kind_of(data)) is None:
            return None
        room.pictures -= 1
        room.picture_bytes -= len(data)
        url = f"data:{kind};base64,{base64.b64encode(data).decode()}"
        return {"type": "image_url", "image_url": {"url": url}}
    if file.media_type.startswith("text/") or file.media_type in _TEXTS:
        data = await turn.files.read(file.ref, min(_MAX_TEXT_BYTES, room.text_bytes))
        text = None if data is None else _decoded(data)
        if data is None or not text:
            return None
        room.text_bytes -= len(data)
        return _text(text)
    return None


def _kind_of(data: bytes) -> str | None:
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for kind, begin in _BEGINNINGS.items() if data.startswith(begin)), None)


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _title(file: FilePart) -> str:
    return f"(File {file.name[:_MAX_NAME]!r}, {file.media_type[:_MAX_NAME]}, {file.size} bytes)"


def _text(text: str) -> Content:
    return {"type": "text", "text": text}
