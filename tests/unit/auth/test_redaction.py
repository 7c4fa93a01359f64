"""Redaction: whatever a log line is made of, no token is in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.auth.redaction import redact
from segue.auth.tokens import Claims, mint
from segue.ids import UserId

TOKEN = mint(b"0123456789abcdef0123456789abcdef", Claims(user=UserId("alice")), now=0, ttl_s=1)
PARTS = TOKEN.split(".")


def is_clean(text: str) -> bool:
    return not any(part in text for part in PARTS)


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "GET /v1/sync/trip?token={} HTTP/1.1",
        "/v1/sync/trip?a=1&token={}&b=2",
        '{{"authorization": "Bearer {}"}}',
        "Authorization: Bearer {}",
        "'{}'",
        "\x1b[36mtoken\x1b[0m=\x1b[35m{}\x1b[0m",
        "%3Ftoken%3D{}",
        "{}.{}",
        "x{}",
    ],
)
def test_a_token_is_taken_out_wherever_it_stands(line: str) -> None:
    assert is_clean(redact(line.format(TOKEN, TOKEN)))


@given(st.text(), st.text())
def test_a_token_is_taken_out_of_any_text(before: str, after: str) -> None:
    assert is_clean(redact(f"{before}{TOKEN}{after}"))
    assert is_clean(redact(json.dumps({"event": f"{before}{TOKEN}{after}"})))


@pytest.mark.parametrize("length", range(20, len(TOKEN), 7))
def test_a_token_that_is_cut_off_is_taken_out_too(length: int) -> None:
    assert TOKEN[:20] not in redact(f"GET /v1/sync/trip?t={TOKEN[:length]}...")


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("?token=hunter2&x=1", "?token=[redacted]&x=1"),
        ("Bearer hunter2", "Bearer [redacted]"),
        ("postgresql://u:hunter2@db/segue", "postgresql://u:[redacted]@db/segue"),
        ("SEGUE_SECRET=hunter2", "SEGUE_SECRET=[redacted]"),
    ],
)
def test_what_stands_where_secrets_stand_is_taken_out(line: str, clean: str) -> None:
    assert redact(line) == clean


@pytest.mark.parametrize(
    "line",
    ["room opened document=trip", "GET /v1/sync/trip 101", "http://127.0.0.1:8000", "tokens: 7"],
)
def test_the_rest_stays_as_it_is(line: str) -> None:
    assert redact(line) == line
