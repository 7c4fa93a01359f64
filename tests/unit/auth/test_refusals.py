"""Refusals: only the same token for the same document, again and again, is slowed at the upgrade."""

from hypothesis import given
from hypothesis import strategies as st

from segue.auth.refusals import ALLOWED_REFUSALS, WINDOW_S, Refusals


def test_the_fourth_refusal_within_ten_seconds_belongs_at_the_upgrade() -> None:
    refusals = Refusals()
    assert [refusals.record("token", "doc", time) for time in (0, 1, 2, 9.9)] == [
        False,
        False,
        False,
        True,
    ]


def test_refusals_far_apart_are_all_told_by_close_code() -> None:
    refusals = Refusals()
    assert not any(refusals.record("token", "doc", time * WINDOW_S / 2.9) for time in range(50))


def test_a_client_that_pauses_is_told_by_close_code_again() -> None:
    refusals = Refusals()
    for time in range(6):
        refusals.record("token", "doc", time)
    assert not refusals.record("token", "doc", 5 + WINDOW_S)


def test_a_client_that_hammers_stays_at_the_upgrade() -> None:
    refusals = Refusals()
    answers = [refusals.record("token", "doc", time / 10) for time in range(1000)]
    assert answers == [False] * ALLOWED_REFUSALS + [True] * 997


def test_other_documents_and_other_tokens_are_counted_apart() -> None:
    refusals = Refusals()
    for time in range(9):
        refusals.record("token", "doc", time / 10)
    assert not refusals.record("token", "other", 1)
    assert not refusals.record("other", "doc", 1)
    assert not refusals.record("tokend", "oc", 1)


def test_memory_is_bounded_and_the_oldest_give_way() -> None:
    refusals = Refusals(max_entries=2)
    for token in ("a", "a", "a", "b", "c"):
        refusals.record(token, "doc", 0)
    assert not refusals.record("a", "doc", 0)
    assert len(refusals._times) == 2


@given(st.lists(st.floats(0, 100)))
def test_it_agrees_with_counting(times: list[float]) -> None:
    refusals = Refusals()
    told: list[float] = []
    for time in sorted(times):
        recent = [earlier for earlier in told if time - earlier < WINDOW_S]
        assert refusals.record("\ud800", "doc", time) is (len(recent) >= ALLOWED_REFUSALS)
        told.append(time)
