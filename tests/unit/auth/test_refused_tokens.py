"""Refusals: only the same token for the same document, again and again, is slowed at the upgrade."""

from hypothesis import given
from hypothesis import strategies as st

from segue.auth.refusals import ALLOWED_REFUSALS, WINDOW_S, Refusals


def refuse(refusals: Refusals, token: str, document: str, now: float) -> bool:
    """Refuses as the sync socket does; tells whether it was at the upgrade."""
    blocked = refusals.is_blocked(token, document, now)
    if not blocked:
        refusals.record(token, document, now)
    return blocked


def test_the_fourth_refusal_within_ten_seconds_belongs_at_the_upgrade() -> None:
    refusals = Refusals()
    assert [refuse(refusals, "token", "doc", time) for time in (0, 1, 2, 9.9)] == [
        False,
        False,
        False,
        True,
    ]


def test_refusals_far_apart_are_all_told_by_close_code() -> None:
    refusals = Refusals()
    assert not any(refuse(refusals, "token", "doc", time * WINDOW_S / 2.9) for time in range(50))


def test_a_client_that_pauses_is_told_by_close_code_again() -> None:
    refusals = Refusals()
    for time in range(6):
        refuse(refusals, "token", "doc", time)
    assert not refuse(refusals, "token", "doc", 5 + WINDOW_S)


def test_a_client_that_hammers_gets_three_looks_a_window_and_no_more() -> None:
    refusals = Refusals()
    answers = [refuse(refusals, "token", "doc", time / 10) for time in range(1000)]
    assert answers.count(False) == ALLOWED_REFUSALS * 100 / WINDOW_S


def test_other_documents_and_other_tokens_are_counted_apart() -> None:
    refusals = Refusals()
    for time in range(9):
        refuse(refusals, "token", "doc", time / 10)
    assert not refuse(refusals, "token", "other", 1)
    assert not refuse(refusals, "other", "doc", 1)
    assert not refuse(refusals, "tokend", "oc", 1)


def test_memory_is_bounded_and_the_oldest_give_way() -> None:
    refusals = Refusals(max_entries=2)
    for token in ("a", "a", "a", "b", "c"):
        refuse(refusals, token, "doc", 0)
    assert not refuse(refusals, "a", "doc", 0)
    assert len(refusals._times) == 2


@given(st.lists(st.floats(0, 100)))
def test_it_agrees_with_counting(times: list[float]) -> None:
    refusals = Refusals()
    told: list[float] = []
    for time in sorted(times):
        recent = [earlier for earlier in told if time - earlier < WINDOW_S]
        blocked = len(recent) >= ALLOWED_REFUSALS
        assert refuse(refusals, "\ud800", "doc", time) is blocked
        if not blocked:
            told.append(time)
