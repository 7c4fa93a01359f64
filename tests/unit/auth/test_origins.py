"""Origins: foreign web pages don't connect, and the operator reads which setting lets them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.auth.origins import Origin, OriginPolicy, parse_origin
from segue.errors import Forbidden

PRODUCTION = OriginPolicy(allowed=frozenset(), loopback=False)
DEVELOPMENT = OriginPolicy(allowed=frozenset(), loopback=True)


def allowing(*origins: str) -> OriginPolicy:
    parsed = [parse_origin(origin) for origin in origins]
    return OriginPolicy(frozenset(origin for origin in parsed if origin), loopback=False)


def test_programs_send_no_origin_and_pass() -> None:
    assert PRODUCTION.allows(None, "chat.example", "wss")


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("https://chat.example", "chat.example", "wss"),
        ("https://chat.example", "chat.example:443", "https"),
        ("https://chat.example:443", "chat.example", "wss"),
        ("https://CHAT.example", "chat.EXAMPLE", "wss"),
        ("http://chat.example:8000", "chat.example:8000", "ws"),
        ("http://[::1]:8000", "[::1]:8000", "ws"),
        ("http://192.168.1.20:8000", "192.168.1.20:8000", "ws"),  # a phone on the network
        ("https://chat.example", "chat.example", "ws"),  # a proxy in front ends TLS
    ],
)
def test_pages_of_the_server_itself_pass(origin: str, host: str, scheme: str) -> None:
    assert PRODUCTION.allows(origin, host, scheme)


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("https://evil.example", "chat.example", "wss"),
        ("https://chat.example.evil.example", "chat.example", "wss"),
        ("https://evilchat.example", "chat.example", "wss"),
        ("https://chat.example:8443", "chat.example", "wss"),
        ("http://chat.example", "chat.example", "wss"),
        ("http://chat.example:8001", "chat.example:8000", "ws"),
        ("https://chat.example@evil.example", "chat.example", "wss"),
        ("https://user@chat.example", "chat.example", "wss"),
        ("https://chat.example", "user@chat.example", "wss"),
        ("https://chat.example/path", "chat.example", "wss"),
        ("null", "chat.example", "wss"),
        ("null", "null", "ws"),
        ("", "chat.example", "wss"),
        ("", "", "ws"),
        ("file://", "chat.example", "wss"),
        ("chrome-extension://abc", "chat.example", "wss"),
        ("https://chat.example:99999", "chat.example", "wss"),
        ("https://[::1", "chat.example", "wss"),
        ("http://localhost:5173", "chat.example", "wss"),
    ],
)
def test_any_other_page_is_refused(origin: str, host: str, scheme: str) -> None:
    assert not PRODUCTION.allows(origin, host, scheme)


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:5173", "https://127.0.0.1", "http://[::1]:3000", "http://LOCALHOST"],
)
def test_every_page_of_this_machine_passes_in_development(origin: str) -> None:
    assert DEVELOPMENT.allows(origin, "127.0.0.1:8000", "ws")
    assert not PRODUCTION.allows(origin, "127.0.0.1:8000", "ws")


@pytest.mark.parametrize(
    "origin",
    ["http://localhost.evil.example", "http://192.168.0.7:5173", "null", "http://127.0.0.1.nip.io"],
)
def test_pages_of_other_machines_do_not_pass_in_development(origin: str) -> None:
    assert not DEVELOPMENT.allows(origin, "127.0.0.1:8000", "ws")


def test_listed_origins_pass_however_they_are_spelt() -> None:
    policy = allowing("https://App.example:443/", "http://other.example:8080")
    assert policy.allows("https://app.example", "chat.example", "wss")
    assert policy.allows("http://other.example:8080", "chat.example", "wss")
    assert not policy.allows("http://app.example", "chat.example", "wss")
    assert not policy.allows("https://other.example:8080", "chat.example", "wss")


def test_the_refusal_names_the_page_and_the_setting() -> None:
    with pytest.raises(Forbidden, match=r"https://evil\.example .*SEGUE_ORIGINS"):
        PRODUCTION.check("https://evil.example", "chat.example", "wss")
    PRODUCTION.check("https://chat.example", "chat.example", "wss")


@pytest.mark.parametrize(
    "text",
    ["", "null", "example.com", "//example.com", "https://", "https://a/b", "*", "https://*"],
)
def test_what_is_no_origin_is_not_read_as_one(text: str) -> None:
    assert parse_origin(text) is None


def test_an_origin_has_its_port() -> None:
    assert parse_origin("https://a.example") == Origin("https", "a.example", 443)
    assert parse_origin("http://a.example:0") == Origin("http", "a.example", 0)


@given(st.text(), st.text(), st.sampled_from(["http", "https", "ws", "wss"]))
def test_any_header_is_allowed_or_refused_with_a_short_reason(
    origin: str, host: str, scheme: str
) -> None:
    try:
        PRODUCTION.check(origin, host, scheme)
    except Forbidden as error:
        assert len(str(error)) < 100  # noqa: PT017 - either outcome is good
