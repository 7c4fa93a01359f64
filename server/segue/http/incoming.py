"""What a request brings: its token, its query, its body; bounded and checked before anyone uses it."""

import asyncio
import re
from typing import Final, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from segue.errors import (
    InvalidJson,
    InvalidRequest,
    RequestTimeout,
    TooLarge,
    Unauthenticated,
    UnsupportedMediaType,
)

_BODY_S: Final = 15.0
_MAX_SHOWN: Final = 300
MAX_DRAINED: Final = 16 << 20
"""Bytes of a body that is too long that are still read, and dropped."""

MAX_KEY: Final = 255
"""Characters of an Idempotency-Key."""

_KEY: Final = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY}}}")
_HALF_A_CHARACTER: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)

Shape = TypeVar("Shape", bound=msgspec.Struct)


def bearer_token(request: Request) -> str:
    """Gives the token of the Authorization header (RFC 6750), unchecked; empty if there is none.

    Raises:
        Unauthenticated: the header is of another kind.
    """
    header = request.headers.get("authorization", "")
    scheme, _, token = header.partition(" ")
    if header and scheme.lower() != "bearer":
        raise Unauthenticated("Only bearer tokens are read. Send `Authorization: Bearer TOKEN`.")
    return token.strip()


def idempotency_key(request: Request) -> str | None:
    """Gives the Idempotency-Key, None if there is none.

    Raises:
        InvalidRequest: it can't be one.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidRequest(
            f"An Idempotency-Key has 1 to {MAX_KEY} visible ASCII characters. Send a UUID, say."
        )
    return key


def read_query(request: Request, shape: type[Shape]) -> Shape:
    """Gives the query as a `shape`.

    Raises:
        InvalidRequest: it doesn't fit; the text names the parameter.
    """
    try:
        return msgspec.convert(dict(request.query_params), shape, strict=False)
    except msgspec.ValidationError as error:
        raise _misfit("query", error, shape) from error


async def read_body(request: Request, shape: type[Shape], max_bytes: int) -> Shape:
    """Gives the JSON body as a `shape`.

    Raises:
        InvalidJson: it is none.
        InvalidRequest: it doesn't fit; the text names the field.
        RequestTimeout: it does not come.
        TooLarge: it has more than `max_bytes`.
        UnsupportedMediaType: it is said to be something else.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMediaType(
            "The body has to be JSON. Send `Content-Type: application/json`."
        )
    try:
        async with asyncio.timeout(_BODY_S):
            data = await _receive(request, max_bytes)
    except TimeoutError as error:
        raise RequestTimeout(f"The body did not arrive within {_BODY_S:g} s. Try again.") from error
    except ClientDisconnect as error:
        raise RequestTimeout("The connection ended before the body did. Try again.") from error
    return decode_body(data, shape)


def decode_body(data: bytes, shape: type[Shape]) -> Shape:
    """Gives JSON as a `shape`; see `read_body`."""
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.ValidationError as error:
        raise _misfit("body", error, shape) from error
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply. Send it flatter.") from error
    except UnicodeDecodeError as error:
        raise InvalidJson("The body is not UTF-8. Encode it as UTF-8.") from error
    except msgspec.DecodeError as error:
        if _HALF_A_CHARACTER.search(data):
            raise InvalidJson(
                "The body has half a character: a \\ud800-\\udfff escape without its other half, "
                "which no UTF-8 text can hold. Send whole characters."
            ) from error
        raise InvalidJson(f"The body is no JSON: {_shown(str(error))}. Mend it.") from error


async def _receive(request: Request, max_bytes: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size <= max_bytes:
            parts.append(part)
        elif size > MAX_DRAINED:
            break  # up to here it is read, or who sends it would see a reset instead of the answer
        else:
            parts.clear()
    if size > max_bytes:
        raise TooLarge(
            f"The body has over {max_bytes} bytes, the limit here. Split it, or link to it."
        )
    return b"".join(parts)


def _misfit(where: str, error: Exception, shape: type[msgspec.Struct]) -> InvalidRequest:
    known = ", ".join(field.encode_name for field in msgspec.structs.fields(shape))
    hint = f"It takes {known}; see /openapi.json." if known else "It takes nothing."
    return InvalidRequest(f"The {where} doesn't fit: {_shown(str(error))}. {hint}")


def _shown(text: str) -> str:
    # It may quote a field's name, and that is the client's to choose.
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."
