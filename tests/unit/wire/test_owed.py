"""SyncStatus: never "saved" too early, and "saved" in the end."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from owed_model import Answer, Edit, OtherDocument, Provider, Room, Status, Step1

from segue.wire.owed import Debt, Owed
from segue.wire.vector import MAX_CLIENTS

OWN = 1


def settle(owed: Owed, debt: Debt, *spans: tuple[int, int, int]) -> int:
    owed.accepted(debt, spans)
    return owed.pay(debt)


def opened(vector: dict[int, int] | None = None) -> Owed:
    owed = Owed()
    owed.on_step1(vector or {})
    return owed


def synced(vector: dict[int, int] | None = None) -> Owed:
    owed = opened(vector)
    assert settle(owed, owed.on_answer()) == 1
    return owed


def test_a_step_1_is_paid_once_with_the_answer_to_ours() -> None:
    owed = opened()
    first, second = owed.on_answer(), owed.on_answer()
    assert settle(owed, first) == 1
    assert settle(owed, second) == 0


def test_nothing_is_paid_before_the_verdict_and_nothing_twice() -> None:
    owed = synced()
    debt = owed.on_update()
    assert owed.pay(debt) == 0
    owed.accepted(debt, [(OWN, 0, 1)])
    assert owed.pay(debt) == 1
    assert owed.pay(debt) == 0


def test_a_fresh_edit_is_paid_before_the_answer_too() -> None:
    owed = opened({OWN: 5})
    assert settle(owed, owed.on_update(), (OWN, 5, 6)) == 1
    assert settle(owed, owed.on_answer()) == 1


def test_step_1s_of_ever_other_clients_do_not_pile_up() -> None:
    owed = Owed()
    for round_ in range(5):
        owed.on_step1({round_ * MAX_CLIENTS + client: 1 for client in range(MAX_CLIENTS)})
    assert len(owed._covered) <= MAX_CLIENTS


def test_an_edit_before_any_step_1_is_owed_nothing() -> None:
    owed = Owed()
    debt = owed.on_update()
    assert settle(owed, debt, (OWN, 0, 1)) == 0


def test_queued_edits_behind_a_step_1_that_covers_them_are_owed_nothing() -> None:
    owed = opened({OWN: 3})
    assert settle(owed, owed.on_update(), (OWN, 0, 2)) == 0
    assert settle(owed, owed.on_update(), (OWN, 2, 3)) == 0
    assert settle(owed, owed.on_answer()) == 1
    assert not owed.doubtful


def test_a_merged_edit_that_began_before_the_step_1_is_owed_nothing() -> None:
    for owed in (opened({OWN: 3}), opened({OWN: 3})):
        assert settle(owed, owed.on_update(), (OWN, 2, 5)) == 0
    late = opened({OWN: 3, 2: 9})
    assert settle(late, late.on_answer(), (OWN, 2, 4)) == 1
    assert settle(late, late.on_update(), (OWN, 2, 5)) == 0
    assert settle(late, late.on_update(), (OWN, 5, 6)) == 1


def test_a_delete_in_an_open_session_is_owed() -> None:
    owed = synced()
    assert settle(owed, owed.on_update()) == 1
    assert not owed.doubtful


def test_a_delete_that_may_be_queued_is_not_paid_and_leaves_a_doubt() -> None:
    owed = opened({OWN: 3})
    assert settle(owed, owed.on_update()) == 0
    assert settle(owed, owed.on_answer()) == 1
    assert owed.doubtful
    owed.on_step1({OWN: 3})
    assert not owed.doubtful


def test_a_delete_between_two_queued_edits_is_queued_without_doubt() -> None:
    owed = opened({OWN: 3})
    settle(owed, owed.on_update(), (OWN, 0, 1))
    assert settle(owed, owed.on_update()) == 0
    assert owed.doubtful
    settle(owed, owed.on_update(), (OWN, 1, 3))
    assert not owed.doubtful


def test_a_delete_before_the_first_queued_edit_stays_doubtful() -> None:
    owed = opened({OWN: 3})
    settle(owed, owed.on_update())
    settle(owed, owed.on_update(), (OWN, 0, 3))
    assert owed.doubtful


def test_a_delete_behind_the_queue_is_owed() -> None:
    owed = opened({OWN: 3})
    settle(owed, owed.on_update(), (OWN, 0, 3))
    settle(owed, owed.on_update(), (OWN, 3, 4))
    assert settle(owed, owed.on_update()) == 1
    assert not owed.doubtful


def test_a_delete_behind_a_fresh_edit_may_still_be_queued() -> None:
    owed = opened({OWN: 3})
    settle(owed, owed.on_update(), (OWN, 3, 4))
    assert settle(owed, owed.on_update()) == 0
    assert owed.doubtful


def test_a_socket_that_has_answered_before_has_no_queue() -> None:
    second_document = Owed(flushed=True)
    second_document.on_step1({})
    assert settle(second_document, second_document.on_update()) == 1

    other_answered = opened()
    other_answered.on_flushed()
    assert settle(other_answered, other_answered.on_update()) == 1


def test_gaps_are_paid_with_the_next_answer() -> None:
    owed = synced()
    for start in (5, 6):
        debt = owed.on_update()
        owed.gap(debt, [(OWN, start, start + 1)])
        assert owed.pay(debt) == 0
    answer = owed.on_answer()
    owed.accepted(answer, [(OWN, 0, 7)])
    assert owed.pay(answer) == 2
    assert settle(owed, owed.on_answer()) == 0


def test_an_answer_that_is_a_gap_passes_its_claims_on() -> None:
    owed = opened()
    answer = owed.on_answer()
    owed.gap(answer, [(OWN, 5, 6)])
    assert owed.pay(answer) == 0
    assert settle(owed, owed.on_answer()) == 1


def test_a_gap_in_what_is_owed_nothing_claims_nothing() -> None:
    owed = opened({OWN: 3})
    owed.gap(owed.on_update(), [(OWN, 1, 3)])
    assert settle(owed, owed.on_answer()) == 1


def test_a_refused_answer_leaves_the_number_above_zero() -> None:
    owed = opened({OWN: 1})
    refused = owed.on_answer()
    assert owed.pay(refused) == 0
    fresh = owed.on_update()
    assert owed.pay(fresh) == 0


def test_a_new_step_1_cancels_what_was_owed() -> None:
    owed = synced()
    judged, unjudged, gap = owed.on_update(), owed.on_update(), owed.on_update()
    owed.accepted(judged, [(OWN, 0, 1)])
    owed.gap(gap, [(OWN, 7, 8)])
    owed.on_step1({OWN: 2})
    assert owed.pay(judged) == 0
    assert settle(owed, unjudged, (OWN, 1, 2)) == 0
    assert settle(owed, owed.on_answer()) == 1


def test_an_answer_from_before_a_new_step_1_does_not_pay_for_it() -> None:
    owed = opened()
    old = owed.on_answer()
    owed.on_step1({})
    assert settle(owed, old) == 0
    assert settle(owed, owed.on_answer()) == 1


def test_a_step_1_out_of_the_queue_changes_nothing() -> None:
    owed = opened({OWN: 3})
    fresh = owed.on_update()
    owed.on_step1({OWN: 2})
    assert settle(owed, fresh, (OWN, 3, 4)) == 1
    assert settle(owed, owed.on_answer()) == 1
    assert settle(owed, owed.on_answer()) == 0


def test_a_step_1_with_news_before_the_answer_counts() -> None:
    owed = opened({OWN: 3})
    fresh = owed.on_update()
    owed.on_step1({OWN: 4})
    assert settle(owed, fresh, (OWN, 3, 4)) == 0
    assert settle(owed, owed.on_answer()) == 1


def test_a_verdict_given_again_changes_nothing() -> None:
    owed = opened({OWN: 3})
    doubtful, answer = owed.on_update(), owed.on_answer()
    for _ in range(2):
        owed.accepted(doubtful, [])
        owed.accepted(answer, [])
    assert (owed.pay(doubtful), owed.pay(answer)) == (0, 1)


def test_a_gap_found_later_in_what_was_cancelled_claims_nothing() -> None:
    owed = synced()
    debt = owed.on_update()
    owed.accepted(debt, [(OWN, 0, 1)])
    owed.on_step1({OWN: 1})
    owed.gap(debt, [(OWN, 0, 1)])
    assert settle(owed, owed.on_answer()) == 1


class ProviderAndRoom(RuleBasedStateMachine):
    """Random edits, drops, commits and lost workers between one provider and one room."""

    def __init__(self) -> None:
        super().__init__()
        self.provider = Provider()
        self.room = Room()

    @rule(
        length=st.sampled_from([0, 0, 1, 2]), deletes=st.frozensets(st.integers(0, 12), max_size=2)
    )
    def edit(self, length: int, deletes: frozenset[int]) -> None:
        self.provider.edit(length, deletes)

    @precondition(lambda self: self.provider.wire is None)
    @rule(is_token_ready=st.booleans())
    def open(self, is_token_ready: bool) -> None:
        self.provider.open()
        self.room.attach()
        if is_token_ready:
            self.provider.start()

    @precondition(lambda self: self.provider.wire is not None and not self.provider.has_started)
    @rule()
    def start(self) -> None:
        self.provider.start()

    @precondition(lambda self: self.provider.wire is not None)
    @rule(arriving=st.integers(0, 3))
    def drop(self, arriving: int) -> None:
        for _ in range(min(arriving, len(self.provider.wire or ()))):
            self.to_server()
        self.provider.close()
        self.room.detach()

    @precondition(lambda self: self.provider.wire is None)
    @rule()
    def lose_queue(self) -> None:
        """The provider does so when it closes a socket that fell silent."""
        self.provider.queue = []

    @precondition(lambda self: self.provider.wire is None)
    @rule()
    def force_sync_offline(self) -> None:
        self.provider.force_sync()

    @precondition(lambda self: self.provider.has_started and not self.has_status_under_way)
    @rule()
    def force_sync(self) -> None:
        """Heard at once: where a status crosses the step 1, no server can keep the account."""
        self.provider.force_sync()
        while self.provider.wire:
            self.to_server()

    @property
    def has_status_under_way(self) -> bool:
        peer = self.room.peer
        return peer is None or any(isinstance(frame, Status) for frame in peer.wire)

    @precondition(lambda self: bool(self.provider.wire))
    @rule()
    def to_server(self) -> None:
        assert self.provider.wire
        self.room.take(self.provider.wire.pop(0))

    @precondition(lambda self: self.room.peer is not None and self.room.peer.wire)
    @rule()
    def to_client(self) -> None:
        assert self.room.peer is not None
        self.provider.hear(self.room.peer.wire.pop(0))

    @precondition(lambda self: self.room.peer is not None)
    @rule(asks=st.booleans())
    def other_document(self, asks: bool) -> None:
        assert self.room.peer is not None
        self.room.peer.wire.append(OtherDocument(asks=asks))

    @rule()
    def others_write(self) -> None:
        self.room.others += 1

    @precondition(lambda self: self.room.unjudged)
    @rule()
    def judge(self) -> None:
        self.room.judge()

    @precondition(lambda self: self.room.accepted)
    @rule(count=st.integers(1, 5))
    def commit(self, count: int) -> None:
        self.room.commit(count)

    @rule()
    def lose_worker(self) -> None:
        self.room.lose_worker()

    @invariant()
    def saved_is_true(self) -> None:
        provider, durable = self.provider, self.room.durable
        assert provider.number >= 0, "a status too many"
        if provider.number == 0:
            assert (provider.clock, provider.deleted) == (durable.clock, durable.deleted)

    def drain(self) -> Owed:
        """Lets everything under way arrive and be saved."""
        if self.provider.wire is None:
            self.open(is_token_ready=True)
        if not self.provider.has_started:
            self.provider.start()
        peer = self.room.peer
        assert peer is not None
        while self.provider.wire or peer.wire or not self.room.is_at_rest:
            while self.provider.wire:
                self.to_server()
            while self.room.unjudged:
                self.room.judge()
            self.room.commit(len(self.room.accepted))
            if peer.wire:
                self.to_client()
            self.saved_is_true()
        return peer.owed

    def teardown(self) -> None:
        if self.drain().doubtful:
            self.drop(arriving=0)
            assert not self.drain().doubtful
        assert self.provider.number == 0, "unsaved for ever"


ProviderAndRoom.TestCase.settings = settings(
    max_examples=400, stateful_step_count=40, deadline=None
)
TestProviderAndRoom = ProviderAndRoom.TestCase


def test_the_model_provider_sends_what_the_real_one_does() -> None:
    """As recorded: two edits right behind the step 1, then, with the first message heard, the queue."""
    provider = Provider(clock=8)
    provider.edit(1, frozenset())
    provider.edit(0, frozenset({2}))
    assert provider.number == 2
    provider.open()
    provider.start()
    provider.edit(0, frozenset({3}))
    provider.edit(1, frozenset())
    assert provider.number == 3
    provider.hear(Step1({OWN: 8}))
    assert provider.wire == [
        Step1({OWN: 9, 2: 0}),
        Edit(9, 0, frozenset({3})),
        Edit(9, 1),
        Edit(8, 1),
        Edit(9, 0, frozenset({2})),
        Answer(Edit(8, 2, frozenset({2, 3}))),
    ]
    assert provider.number == 3
