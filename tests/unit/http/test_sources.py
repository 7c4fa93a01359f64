"""Whom an address is counted with."""

import pytest

from segue.http.sources import source_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:1:2:3"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unix" * 100, "unix" * 200),
    ],
)
def test_addresses_that_one_host_may_have_are_one_source(one: str, other: str) -> None:
    assert source_of(one) == source_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:3::1"),
        ("192.0.2.7", "192.0.2.8"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.8"),
    ],
)
def test_others_are_others(one: str, other: str) -> None:
    assert source_of(one) != source_of(other)
