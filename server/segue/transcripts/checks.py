"""Reads JSON of strangers, and says where in their file it is wrong."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

import msgspec

from segue.document.content import MAX_DEPTH
from segue.document.kept import check_kept
from segue.errors import InvalidRequest, InvalidTranscript
from segue.transcripts.model import MAX_MESSAGES, JsonObject

Found = TypeVar("Found")

_MAX_SHOWN: Final = 200
_MAX_BRACKETS: Final = 500_000
_LISTS: Final = ("messages", "items", "input", "data")


def decoded(where: str, decode: Callable[[], Found]) -> Found:
    """Gives what `decode` reads.

    Raises:
        InvalidTranscript: it is no JSON, or doesn't fit.
    """
    try:
        return decode()
    except msgspec.ValidationError as error:
        raise InvalidTranscript(f"{where} doesn't fit: {_shown(error)}. Mend it.") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidTranscript(
            f"{where} is no JSON: {_shown(error)}. Mend it, or leave it out. "
            "(Half a character, \\ud800 without its other half, is none either.)"
        ) from error


def check_flat(data: bytes) -> None:
    """Does nothing for a file that can be read within an instant, in which nothing else goes on here.

    A file of nothing but empty lists would take seconds, and a gigabyte, before anyone could look at it.

    Raises:
        InvalidTranscript: it has too many lists and objects; brackets in texts count, too.
    """
    if data.count(b"[") + data.count(b"{") > _MAX_BRACKETS:
        raise InvalidTranscript(
            f"The file has over {_MAX_BRACKETS} lists, objects and opening brackets. "
            "Import it in parts, as several sessions."
        )


def kept(where: str, value: Found) -> Found:
    """Gives a value that a document can hold.

    Raises:
        InvalidTranscript: it would be changed, or is nested too deeply.
    """
    try:
        check_kept(value, where, MAX_DEPTH)
    except InvalidRequest as error:
        raise InvalidTranscript(str(error)) from error
    return value


def listed(data: bytes) -> list[JsonObject]:
    """Gives the objects of a JSON array, or of the one in an object's `messages`, `items` or `input`.

    Raises:
        InvalidTranscript: there is none.
    """
    check_flat(data)
    value: Any = decoded("The file", lambda: msgspec.json.decode(data))
    if isinstance(value, dict):
        value = next((value[name] for name in _LISTS if name in value), None)
    if not isinstance(value, list):
        raise InvalidTranscript(
            "The file is no list of messages. Send a JSON array, or an object with `messages`."
        )
    if not value:
        raise InvalidTranscript("The file has no messages. Send at least one.")
    for number, each in enumerate(value, 1):
        if not isinstance(each, dict):
            raise InvalidTranscript(f"Message {number} is no object. Mend it, or leave it out.")
    return cast("list[JsonObject]", value)


def counted(number: int) -> None:
    """Does nothing for a number of messages that can be imported.

    Raises:
        InvalidTranscript: there are too many.
    """
    if number > MAX_MESSAGES:
        raise InvalidTranscript(
            f"The file has over {MAX_MESSAGES} messages. Import it in parts, as several sessions."
        )


def text_at(where: str, value: Mapping[str, object], key: str) -> str:
    """Gives the text under a key.

    Raises:
        InvalidTranscript: there is none.
    """
    found = value.get(key)
    if not isinstance(found, str):
        raise InvalidTranscript(f"{where} has no text as `{key}`. Give it one.")
    return found


def objects_at(where: str, value: Mapping[str, object], key: str) -> Sequence[JsonObject]:
    """Gives the objects of the list under a key.

    Raises:
        InvalidTranscript: there is no list of objects.
    """
    found = value.get(key)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InvalidTranscript(f"{where} has no list of objects as `{key}`. Give it one.")
    return found


def _shown(error: Exception) -> str:
    text = str(error)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."
