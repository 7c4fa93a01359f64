"""Tokens: only what this server's secret has signed, and is in force, speaks for anyone."""

import base64
import contextlib
import hashlib
import hmac
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segue.auth.grants import Role
from segue.auth.tokens import (
    LEEWAY_S,
    MAX_TOKEN_LENGTH,
    Claims,
    is_usable_secret,
    mint,
    verify,
)
from segue.errors import Unauthenticated
from segue.ids import DeviceId, DocumentId, UserId

SECRET = b"0123456789abcdef0123456789abcdef"
OTHER_SECRET = b"fedcba9876543210fedcba9876543210"
NOW = 1_800_000_000.0
MAX_REASON_BYTES = 123  # RFC 6455 section 5.5.1


def signed(payload: Any, header: Any = None, secret: bytes = SECRET) -> str:
    """Signs anything, the way a program without our checks would."""
    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    signing_input = b".".join(
        part if isinstance(part, bytes) else encoded(json.dumps(part).encode())
        for part in (header, payload)
    )
    mac = hmac.new(secret, signing_input, hashlib.sha256).digest()
    return (signing_input + b"." + encoded(mac)).decode()


def encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def refusal(token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        verify(SECRET, token, now=NOW)
    return str(caught.value)


def test_minted_token_gives_back_its_claims() -> None:
    claims = Claims(
        user=UserId("alice"),
        device=DeviceId("phone"),
        name="Alice Ångström",
        scope="sync",
        sessions={DocumentId("trip"): Role.EDITOR, DocumentId("work"): Role.VIEWER},
    )
    token = mint(SECRET, claims, now=NOW, ttl_s=60)
    assert verify(SECRET, token, now=NOW) == Claims(
        user=claims.user,
        device=claims.device,
        name=claims.name,
        scope=claims.scope,
        sessions=claims.sessions,
        expires_at=NOW + 60,
    )


def test_least_token_of_another_program_is_taken() -> None:
    assert verify(SECRET, signed({"sub": "bob"}), now=NOW) == Claims(user=UserId("bob"))


def test_claims_we_do_not_know_are_passed_over() -> None:
    token = signed({"sub": "bob", "aud": ["x"], "jti": "1", "admin": True})
    assert verify(SECRET, token, now=NOW) == Claims(user=UserId("bob"))


def test_an_empty_list_of_sessions_still_restricts() -> None:
    assert verify(SECRET, signed({"sub": "bob", "sessions": {}}), now=NOW).sessions == {}


def test_token_signed_with_another_secret_is_refused() -> None:
    assert "wrong key" in refusal(signed({"sub": "alice"}, secret=OTHER_SECRET))


@pytest.mark.parametrize("alg", ["none", "None", "HS384", "HS512", "RS256", "", None, 1, [], {}])
def test_the_token_does_not_choose_how_it_is_checked(alg: object) -> None:
    token = signed({"sub": "alice"}, {"alg": alg})
    assert refusal(token)
    assert refusal(token.rpartition(".")[0] + ".")


@pytest.mark.parametrize("length", [384, 512])
def test_longer_hashes_with_the_right_secret_are_refused_too(length: int) -> None:
    head = encoded(json.dumps({"alg": f"HS{length}"}).encode()) + b"." + encoded(b'{"sub":"alice"}')
    mac = hmac.new(SECRET, head, getattr(hashlib, f"sha{length}")).digest()
    assert refusal((head + b"." + encoded(mac)).decode())


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "HS256", "crit": ["x"], "x": 1},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
        {"alg": "HS256", "jwk": {"kty": "oct", "k": "AAAA"}},
        ["HS256"],
        "HS256",
        7,
        encoded(b'{"alg":' + b"[" * 370),
    ],
)
def test_odd_headers_are_refused_or_change_nothing(header: object) -> None:
    token = signed({"sub": "alice"}, header, secret=b"\0\0\0" if header else SECRET)
    assert refusal(token)


def test_expired_token_is_refused_after_the_leeway() -> None:
    token = mint(SECRET, Claims(user=UserId("alice")), now=NOW, ttl_s=60)
    assert verify(SECRET, token, now=NOW + 60 + LEEWAY_S - 1)
    with pytest.raises(Unauthenticated, match="expired"):
        verify(SECRET, token, now=NOW + 60 + LEEWAY_S)


def test_token_from_the_future_is_refused_beyond_the_leeway() -> None:
    token = signed({"sub": "alice", "nbf": NOW})
    assert verify(SECRET, token, now=NOW - LEEWAY_S)
    with pytest.raises(Unauthenticated, match="clock"):
        verify(SECRET, token, now=NOW - LEEWAY_S - 1)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"sub": ""},
        {"sub": None},
        {"sub": 7},
        {"sub": "a" * 256},
        {"sub": "a\0b"},
        {"sub": "a\nb"},
        {"sub": "a\x9bb"},
        {"sub": "\ud800"},
        {"sub": "a", "device": 1},
        {"sub": "a", "device": "a" * 256},
        {"sub": "a", "name": "\0"},
        {"sub": "a", "scope": ["x"]},
        {"sub": "a", "sessions": ["x"]},
        {"sub": "a", "sessions": {"x": "superuser"}},
        {"sub": "a", "sessions": {"x": None}},
        {"sub": "a", "sessions": {"home": "owner"}},
        {"sub": "a", "sessions": {"home:bob": "owner"}},
        {"sub": "a", "sessions": {"": "owner"}},
        {"sub": "a", "exp": "soon"},
        {"sub": "a", "exp": True},
        {"sub": "a", "exp": float("nan")},
        {"sub": "a", "exp": float("inf")},
        {"sub": "a", "nbf": "now"},
        ["sub"],
        "alice",
        None,
        encoded(b'{"sub":"a","x":' + b"[" * 5000),
        encoded(b'{"sub":"a"} trailing'),
        encoded(b"\xff"),
        b"",
    ],
)
def test_signed_claims_of_a_wrong_shape_are_refused(payload: object) -> None:
    assert refusal(signed(payload))


@pytest.mark.parametrize("token", ["", " ", ".", "..", "a.b.c", "ä.ö.ü", "\ud800", "\0" * 90])
def test_text_that_is_no_token_is_refused(token: str) -> None:
    assert refusal(token)


def test_token_over_its_limit_is_refused_unread() -> None:
    token = signed({"sub": "alice", "padding": "x" * MAX_TOKEN_LENGTH})
    assert "over" in refusal(token)


def test_no_token_says_how_to_get_one() -> None:
    assert "segue token" in refusal("")


@given(st.text(max_size=300) | st.from_regex(r"[\w-]{0,99}\.[\w-]{0,99}\.[\w-]{0,99}"))
def test_any_text_is_refused_with_a_reason_that_fits_a_close_frame(token: str) -> None:
    reason = refusal(token)
    assert len(reason.encode()) <= MAX_REASON_BYTES
    assert len(token) < 8 or token not in reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
claim_names = st.sampled_from(["sub", "device", "name", "scope", "sessions", "exp", "nbf", "iat"])


@given(st.dictionaries(claim_names, json_values) | json_values)
def test_any_signed_claims_give_claims_or_a_refusal(payload: object) -> None:
    try:
        claims = verify(SECRET, signed(payload), now=NOW)
    except Unauthenticated as error:
        assert len(str(error).encode()) <= MAX_REASON_BYTES  # noqa: PT017 - either outcome is good
    else:
        assert claims.user
        assert "\0" not in claims.user


header_names = st.sampled_from(
    ["alg", "typ", "cty", "kid", "crit", "b64", "jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256"]
)


@given(st.dictionaries(header_names, json_values | st.lists(header_names)) | st.lists(header_names))
@example({"alg": None, "crit": [None]})
@example({"alg": {}})
@example(["alg", "b64"])
def test_any_header_that_does_not_say_hs256_is_refused(header: object) -> None:
    assert refusal(signed({"sub": "alice"}, header))


@given(st.dictionaries(header_names, json_values | st.lists(header_names)))
def test_any_header_beside_the_algorithm_gives_claims_or_a_refusal(
    header: dict[str, object],
) -> None:
    with contextlib.suppress(Unauthenticated):
        token = signed({"sub": "alice"}, {**header, "alg": "HS256"})
        assert verify(SECRET, token, now=NOW).user == "alice"


@given(st.integers(0, 2000), st.integers(1, 255))
def test_a_changed_character_breaks_the_token(position: int, shift: int) -> None:
    token = mint(SECRET, Claims(user=UserId("alice")), now=NOW, ttl_s=60)
    position %= len(token)
    changed = token[:position] + chr(ord(token[position]) ^ shift) + token[position + 1 :]
    assert refusal(changed)


def test_tokens_are_plain_jwts() -> None:
    token = mint(SECRET, Claims(user=UserId("alice")), now=NOW, ttl_s=60)
    payload = token.split(".")[1]
    assert msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) == {
        "sub": "alice",
        "iat": NOW,
        "exp": NOW + 60,
    }


PUBLIC_KEY = b"""-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""


@pytest.mark.parametrize(
    ("secret", "usable"),
    [
        (SECRET, True),
        (SECRET[:-1], False),
        (b"", False),
        (PUBLIC_KEY, False),
        (PUBLIC_KEY[:-40], False),
    ],
)
def test_a_secret_is_long_and_no_public_key(secret: bytes, *, usable: bool) -> None:
    assert is_usable_secret(secret) is usable
