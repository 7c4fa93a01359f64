"""JSON on its way into a document."""

import msgspec

from segue.document.content import MAX_DEPTH, Refusal
from segue.document.steps import JsonValue


def stored_value(raw: JsonValue) -> object:
    """Reads JSON as JavaScript has it: all numbers are floats, for an int would be a BigInt there.

    Raises:
        Refusal: it is no JSON, has too large a number, or is nested deeper than a document takes.
    """
    try:
        return _storable(msgspec.json.decode(raw), MAX_DEPTH)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, OverflowError) as error:
        raise Refusal("a value is no JSON") from error


def _storable(value: object, levels: int) -> object:
    match value:
        case dict() | list() if levels == 0:
            raise Refusal("a value is nested too deeply")
        case dict():
            return {key: _storable(item, levels - 1) for key, item in value.items()}
        case list():
            return [_storable(item, levels - 1) for item in value]
        case int() if not isinstance(value, bool):
            return float(value)
        case _:
            return value
