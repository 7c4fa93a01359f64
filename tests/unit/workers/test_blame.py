import pytest

from segue.ids import DocumentId
from segue.workers.blame import Blame, Sentence, Suspect
from segue.workers.protocol import Kind

DOCUMENT = DocumentId("a")
CHECK = Suspect(DOCUMENT, Kind.CHECK, b"update")
BLAMED = Sentence(blamed=True)
QUARANTINED = Sentence(quarantined=True)


@pytest.fixture
def blame() -> Blame:
    return Blame(quarantine_s=100.0)


def test_a_certain_check_is_blamed_at_once(blame: Blame) -> None:
    assert blame.judge(CHECK, certain=True, now_s=0.0) == BLAMED


def test_a_suspected_check_is_blamed_the_second_time_in_a_row(blame: Blame) -> None:
    assert blame.judge(CHECK, certain=False, now_s=0.0) == Sentence()
    assert blame.judge(CHECK, certain=False, now_s=0.0) == BLAMED


@pytest.mark.parametrize(
    "between",
    [Suspect(DOCUMENT, Kind.CHECK, b"another"), Suspect(DOCUMENT, Kind.OPEN)],
)
def test_different_requests_at_two_deaths_blame_nobody(blame: Blame, between: Suspect) -> None:
    for suspect in (CHECK, between, CHECK):
        assert blame.judge(suspect, certain=False, now_s=0.0) == Sentence()


def test_other_documents_deaths_do_not_clear_a_suspicion(blame: Blame) -> None:
    blame.judge(CHECK, certain=False, now_s=0.0)
    blame.judge(Suspect(DocumentId("b"), Kind.CHECK, b"x"), certain=False, now_s=0.0)
    assert blame.judge(CHECK, certain=False, now_s=0.0) == BLAMED


def test_an_answer_clears_a_suspicion(blame: Blame) -> None:
    blame.judge(CHECK, certain=False, now_s=0.0)
    blame.absolve(CHECK)
    assert not blame.suspects_any
    assert blame.judge(CHECK, certain=False, now_s=0.0) == Sentence()


def test_an_answer_to_another_request_clears_nothing(blame: Blame) -> None:
    blame.judge(CHECK, certain=False, now_s=0.0)
    blame.absolve(Suspect(DOCUMENT, Kind.CHECK, b"another"))
    assert blame.judge(CHECK, certain=False, now_s=0.0) == BLAMED


@pytest.mark.parametrize("kind", [Kind.OPEN, Kind.STATE])
@pytest.mark.parametrize("certain", [True, False])
def test_a_log_that_kills_twice_is_quarantined_for_a_while(
    blame: Blame, kind: Kind, certain: bool
) -> None:
    suspect = Suspect(DOCUMENT, kind)
    assert blame.judge(suspect, certain=certain, now_s=0.0) == Sentence()
    assert not blame.quarantined(DOCUMENT, 0.0)
    assert blame.judge(suspect, certain=certain, now_s=1.0) == QUARANTINED
    assert blame.quarantined(DOCUMENT, 100.0)
    assert not blame.quarantined(DOCUMENT, 101.0)
    # One attempt, and it is back.
    assert blame.judge(suspect, certain=certain, now_s=200.0) == QUARANTINED


def test_an_opened_log_starts_afresh(blame: Blame) -> None:
    suspect = Suspect(DOCUMENT, Kind.OPEN)
    blame.judge(suspect, certain=True, now_s=0.0)
    blame.absolve(suspect)
    assert blame.judge(suspect, certain=True, now_s=0.0) == Sentence()


def test_a_snapshot_that_kills_is_not_allowed_again_and_nothing_else(blame: Blame) -> None:
    suspect = Suspect(DOCUMENT, Kind.SNAPSHOT)
    assert blame.may_snapshot(DOCUMENT)
    assert blame.judge(suspect, certain=False, now_s=0.0) == Sentence()
    assert blame.may_snapshot(DOCUMENT)
    assert blame.judge(suspect, certain=False, now_s=0.0) == Sentence()
    assert not blame.may_snapshot(DOCUMENT)
    assert not blame.quarantined(DOCUMENT, 0.0)


def test_suspicions_are_bounded(blame: Blame) -> None:
    for number in range(5000):
        suspect = Suspect(DocumentId(str(number)), Kind.OPEN)
        blame.judge(suspect, certain=True, now_s=0.0)
    assert len(blame._suspects) <= 1024
