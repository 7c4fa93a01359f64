"""Counts by holder, and the most that one may have."""

from segue.hub.quota import Quota


def test_one_holder_at_the_limit_leaves_the_others_theirs() -> None:
    quota: Quota[str] = Quota(2)
    assert quota.take("alice")
    assert quota.take("alice")
    assert not quota.take("alice")
    assert quota.take("bob", 2)
    quota.give_back("alice")
    assert quota.take("alice")


def test_what_is_larger_than_the_limit_passes_alone() -> None:
    quota: Quota[str] = Quota(10)
    assert quota.take("alice", 50)
    assert not quota.take("alice", 1)
    quota.give_back("alice", 50)
    assert quota.take("alice", 1)
    assert not quota.take("alice", 50)


def test_who_has_nothing_is_forgotten() -> None:
    quota: Quota[str] = Quota(10)
    quota.take("alice", 0)
    quota.take("bob", 3)
    quota.give_back("bob", 3)
    quota.give_back("carol", 0)
    assert quota._taken == {}
