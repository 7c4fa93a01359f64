"""Ids: their shapes, and which sort, repeat and can be foretold."""

from uuid import UUID

import pytest

from segue.ids import RANDOM_BYTES, new_id, repeatable_id, session_id

NOW_MS = 1_764_000_000_000
SECRET = b"s" * 32


def test_a_new_id_is_a_uuid_of_version_7_and_can_name_a_session() -> None:
    text = new_id(NOW_MS, b"\xff" * RANDOM_BYTES)
    assert (UUID(text).version, UUID(text).variant) == (7, "specified in RFC 4122")
    assert UUID(text).int >> 80 == NOW_MS
    assert session_id(text) == text


def test_new_ids_sort_by_time_and_differ_by_chance() -> None:
    early = new_id(NOW_MS, b"\xff" * RANDOM_BYTES)
    late = new_id(NOW_MS + 1, bytes(RANDOM_BYTES))
    assert early < late
    assert len({new_id(NOW_MS, bytes([n]) * RANDOM_BYTES) for n in range(256)}) == 256


def test_a_repeatable_id_is_a_uuid_of_version_8() -> None:
    text = repeatable_id(SECRET, "alice", "trip", "key")
    assert (UUID(text).version, UUID(text).variant) == (8, "specified in RFC 4122")
    assert text == repeatable_id(SECRET, "alice", "trip", "key")


@pytest.mark.parametrize(
    ("secret", "parts"),
    [
        (SECRET, ("bob", "trip", "key")),
        (SECRET, ("alice", "tripkey", "")),
        (SECRET, ("alicetrip", "key")),
        (SECRET, ("alice", "trip", "key", "")),
        (b"t" * 32, ("alice", "trip", "key")),
    ],
)
def test_anything_else_gives_another_id(secret: bytes, parts: tuple[str, ...]) -> None:
    assert repeatable_id(secret, *parts) != repeatable_id(SECRET, "alice", "trip", "key")
