"""Guests: where they are let in, with a token as anybody's and a name that fools nobody."""

import pytest

from segue.auth.tokens import verify
from segue.conversation.guests import MAX_NAME, TOKEN_TTL_S, Guests, guest_name
from segue.errors import Unauthenticated

SECRET = b"a secret for tests only, forty-two letters"
NOW_S = 1_764_000_000.0


def test_each_guest_is_somebody_else() -> None:
    guests = Guests(SECRET, lambda: NOW_S, admitted=True)
    one, two = guests.new("Zoe"), guests.new("Zoe")
    assert one.user != two.user
    claims = verify(SECRET, one.token, now=NOW_S + TOKEN_TTL_S - 1)
    assert (claims.user, claims.name, claims.sessions) == (one.user, "Zoe", None)
    assert claims.expires_at == one.expires_at
    assert claims.user.startswith("guest-")
    with pytest.raises(Unauthenticated):
        verify(SECRET, one.token, now=NOW_S + TOKEN_TTL_S + 60)


def test_where_guests_are_not_let_in_none_is_made() -> None:
    with pytest.raises(Unauthenticated, match="SEGUE_GUESTS"):
        Guests(SECRET, lambda: NOW_S, admitted=False).new("Zoe")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Zoe", "Zoe"),
        ("  Zoe \t\r\n de  la Cruz ", "Zoe de la Cruz"),
        ("", "Guest"),
        (" \u200b\u2060\x00 ", "Guest"),
        ("\u200d", "Guest"),
        ("a\u202eb\u2066c\u200fd", "abcd"),
        ("nul\x00bell\x07", "nulbell"),
        ("a\u2028b", "a b"),
        ("e\u0301", "\u00e9"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("<b>Zoe</b>", "<b>Zoe</b>"),  # a page shows it as text
        ("x" * 255, "x" * MAX_NAME),
    ],
)
def test_a_name_is_one_line_of_what_can_be_seen(given: str, shown: str) -> None:
    assert guest_name(given) == shown
