"""Tokens: JWTs (RFC 7519) signed with HS256 and the node's secret.

Other kinds of keys (an identity provider's, by JWKS) get a function of their own beside `verify`, with
its own pinned algorithms: a token never chooses how it is checked.
"""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import OctKey

from segue.auth.grants import Role
from segue.errors import Unauthenticated
from segue.ids import DeviceId, DocumentId, UserId, session_id

MIN_SECRET_BYTES: Final = 32
"""RFC 7518 section 3.2: an HS256 key is at least as long as its hash."""

MAX_TOKEN_LENGTH: Final = 8 * 1024
LEEWAY_S: Final = 5
"""How far the clocks of whoever made the token may be off."""

NO_DEVICE: Final = DeviceId("")

AGENT_SCOPE: Final = "agent"
"""The `scope` that lets a program answer wherever its `sub` is the agent that is asked."""

_ALGORITHM: Final = "HS256"

# No controls and no surrogates: the text goes to Postgres and to logs as it is.
_PLAIN_TEXT: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*")

_Text = Annotated[str, msgspec.Meta(max_length=255)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


@dataclass(frozen=True, slots=True)
class Claims:
    """Who a token speaks for, and what it gives them.

    `sessions` restricts it to the sessions listed, each with its role; None restricts nothing.
    `expires_at` is in seconds since 1970.
    """

    user: UserId
    device: DeviceId = NO_DEVICE
    name: str = ""
    scope: str = ""
    sessions: Mapping[DocumentId, Role] | None = None
    expires_at: float | None = None


class _Payload(msgspec.Struct, frozen=True, omit_defaults=True):
    sub: _Name
    device: _Text = ""
    name: _Text = ""
    scope: str = ""
    sessions: dict[str, Role] | None = None
    iat: float | None = None
    nbf: float | None = None
    exp: float | None = None


_payloads: Final = msgspec.json.Decoder(_Payload)


def mint(secret: bytes, claims: Claims, *, now: float, ttl_s: float) -> str:
    """Gives a signed token that runs out `ttl_s` seconds after `now`, whatever `claims.expires_at`."""
    sessions = claims.sessions
    payload = _Payload(
        sub=claims.user,
        device=claims.device,
        name=claims.name,
        scope=claims.scope,
        sessions=None if sessions is None else {str(key): sessions[key] for key in sessions},
        iat=int(now),  # fractions are allowed, and not every library reads them
        exp=int(now + ttl_s),
    )
    header = {"alg": _ALGORITHM, "typ": "JWT"}
    return jws.serialize_compact(header, msgspec.json.encode(payload), _key(secret), [_ALGORITHM])


def verify(secret: bytes, token: str, *, now: float) -> Claims:
    """Gives what `token` claims, once it is proven to be signed with `secret` and in force at `now`.

    Raises:
        Unauthenticated: it isn't; the text fits a close frame and holds nothing of the token.
    """
    if not token:
        raise Unauthenticated("No token was sent. Send one: `segue token --user NAME` makes it.")
    if len(token) > MAX_TOKEN_LENGTH:
        raise Unauthenticated(
            f"The token is over {MAX_TOKEN_LENGTH} characters. Get a smaller one."
        )
    payload = _payload(_signed_bytes(secret, token))
    _check_time(payload, now)
    return Claims(
        user=UserId(_plain(payload.sub)),
        device=DeviceId(_plain(payload.device)),
        name=_plain(payload.name),
        scope=_plain(payload.scope),
        sessions=None if payload.sessions is None else _sessions(payload.sessions),
        expires_at=payload.exp,
    )


def is_usable_secret(secret: bytes) -> bool:
    """Tells whether `secret` may sign tokens: long enough, and no public key that others know."""
    if len(secret) < MIN_SECRET_BYTES:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SecurityWarning)  # it looks like a key, but has an error
            OctKey.import_key(secret)
    except (ValueError, SecurityWarning):
        return False
    return True


@lru_cache(maxsize=4)
def _key(secret: bytes) -> OctKey:
    # Made once: looking whether a secret is another kind of key takes a third of checking a token.
    return OctKey.import_key(secret)


def _signed_bytes(secret: bytes, token: str) -> bytes:
    try:
        return jws.deserialize_compact(token, _key(secret), [_ALGORITHM]).payload
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        # joserfc lets a header of odd types or deep brackets end in TypeError and RecursionError.
        raise Unauthenticated(
            "The token is not one of this server (wrong key or damaged). Get a new one."
        ) from error


def _payload(signed: bytes) -> _Payload:
    try:
        return _payloads.decode(signed)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _unusable("has claims of the wrong shape") from error


def _check_time(payload: _Payload, now: float) -> None:
    if payload.exp is not None and payload.exp + LEEWAY_S <= now:
        raise Unauthenticated("The token has expired. Get a new one.")
    if payload.nbf is not None and payload.nbf - LEEWAY_S > now:
        raise Unauthenticated("The token is not valid yet. Check the clock of whoever made it.")


def _sessions(listed: Mapping[str, Role]) -> Mapping[DocumentId, Role]:
    grants: dict[DocumentId, Role] = {}
    for name, role in listed.items():
        document = session_id(name)
        if document is None:
            raise _unusable("lists a session id that can't be one")
        grants[document] = role
    return MappingProxyType(grants)


def _plain(text: str) -> str:
    if not _PLAIN_TEXT.fullmatch(text):
        raise _unusable("has control characters in a claim")
    return text


def _unusable(problem: str) -> Unauthenticated:
    return Unauthenticated(f"The token {problem}. Ask its maker for a new one.")
