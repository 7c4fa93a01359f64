"""What a program wrote and wasn't told to be durable: kept for a copy that takes the place of its own."""

import pytest
from pycrdt import Map

from segue.client.unsaved import Unsaved
from segue.document.crdt import Roots
from segue.document.local import LocalReplica
from segue.document.writing import LocalChange

ROOT = "artifact:plan"


def setting(number: int) -> LocalChange:
    def change(root: Roots) -> None:
        root("m")[f"{number}"] = number

    return change


def made_again(unsaved: Unsaved) -> list[int]:
    replica = LocalReplica()
    unsaved.make_again(replica)
    return sorted(int(key) for key in replica.read(lambda root: list(Map.keys(root("m")))))


@pytest.mark.parametrize(("count", "first"), [(10, 190), (67, 133), (68, 0), (200, 0), (0, 0)])
def test_of_many_changes_at_least_the_last_are_kept(count: int, first: int) -> None:
    unsaved = Unsaved()
    for number in range(200):
        unsaved.add(setting(number))
    unsaved.keep_last(count)
    assert made_again(unsaved) == list(range(first, 200))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("Day 1. Day 3.", "Day 1. Day 2. Day 3."),
        ("Day 1. Day 2. Day 3.", "Day 1. Day 2. Day 3."),
        ("Day 1. Day 3. Day 4.", "Day 1. Day 2. Day 3. Day 4."),
        ("", "2. Day "),
    ],
)
def test_a_text_is_carried_over_once_and_takes_nothing_away(now: str, expected: str) -> None:
    unsaved, replica = Unsaved(), LocalReplica()
    unsaved.add_text(ROOT, "Day 1. Day 3.", "Day 1. Day")
    unsaved.add_text(ROOT, "Day 1. Day", "Day 1. Day 2. Day 3.")
    replica.replace_text(ROOT, now)
    unsaved.make_again(replica)
    assert replica.text(ROOT) == expected


def test_what_is_durable_is_forgotten() -> None:
    unsaved = Unsaved()
    unsaved.add(setting(1))
    unsaved.add_text(ROOT, "", "text")
    unsaved.clear()
    assert unsaved.make_again(LocalReplica()) == []
