"""How often one address may try: bounded in rate, and in what is remembered."""

import pytest

from segue.auth.attempts import Attempts


def test_an_address_has_so_many_attempts_in_each_window() -> None:
    attempts = Attempts(2, per_s=60)
    assert [attempts.take("192.0.2.1", 100 + n) for n in range(4)] == [True, True, False, False]
    assert attempts.take("192.0.2.2", 103)
    assert not attempts.take("192.0.2.1", 159.9)
    assert [attempts.take("192.0.2.1", 160) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "no address", True),
    ],
)
def test_a_household_is_one_address(one: str, other: str, is_same: bool) -> None:
    attempts = Attempts(1, per_s=60)
    assert attempts.take(one, 0)
    assert attempts.take(other, 0) is not is_same


def test_what_is_remembered_is_bounded() -> None:
    attempts = Attempts(1, per_s=60, max_entries=3)
    for n in range(4):
        assert attempts.take(f"192.0.2.{n}", n)
    assert len(attempts._counts) == 3
    assert not attempts.take("192.0.2.3", 5)
