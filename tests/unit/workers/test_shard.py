import asyncio
import itertools

import msgspec
import pytest

from segue.auth.grants import Role
from segue.document.submission import LoggedUpdate, Submission
from segue.document.verdict import Accepted, Run, Summary, Verdict
from segue.ids import DeviceId, DocumentId, UserId, home_of
from segue.workers.blame import Blame
from segue.workers.ports import Loss, State
from segue.workers.protocol import Answers, Checked, Dropped, Open, Opened
from segue.workers.shard import Shard

pytestmark = pytest.mark.anyio

A, B = DocumentId("a"), DocumentId("b")


class Sink:
    def __init__(self) -> None:
        self.heard: list[object] = []

    def on_opened(self, vector: dict[int, int], summary: Summary, runs: tuple[Run, ...]) -> None:
        self.heard.append(vector)

    def on_verdict(self, verdict: Verdict) -> None:
        self.heard.append(verdict)

    def on_state(self, state: State) -> None:
        self.heard.append(state)

    def on_lost(self, loss: Loss) -> None:
        self.heard.append(loss)


@pytest.fixture
async def shard() -> Shard:
    shard = Shard(Blame(quarantine_s=100.0), itertools.count(1))
    shard.attach(lambda _encoded: None)
    return shard


def update(number: int, data: bytes = b"update") -> Submission:
    return Submission(number, Role.EDITOR, LoggedUpdate(UserId("alice"), DeviceId("phone"), data))


async def test_a_lost_document_takes_no_requests(shard: Shard) -> None:
    sink = Sink()
    shard.open(A, None, (), sink)
    shard.detach("over", 0, certain=False)
    assert sink.heard == [Loss("over")]
    shard.check(A, update(1))
    shard.close(A)
    assert (shard.waiting, shard.pending_bytes, shard.open_documents) == (False, 0, 0)


async def test_answers_of_an_earlier_incarnation_do_not_reach_the_next(shard: Shard) -> None:
    first, second = Sink(), Sink()
    shard.open(A, None, (), first)
    shard.open(A, None, (), second)
    accepted = Accepted(1, ())
    shard.receive(Answers(3, (Opened(1, {}), Checked(1, accepted), Opened(2, {1: 1}))))
    assert (first.heard, second.heard) == ([], [{1: 1}])
    assert not shard.waiting


async def test_only_the_culprits_own_document_is_told_of_the_blame(shard: Shard) -> None:
    bad, good = Sink(), Sink()
    shard.open(A, None, (), bad)
    shard.open(B, None, (), good)
    shard.check(B, update(1))
    shard.check(A, update(5))
    shard.receive(Answers(2, (Opened(1, {}), Opened(2, {}))))
    shard.detach("crashed", 4, certain=True)
    assert bad.heard[1:] == [Loss("crashed", blamed=5)]
    assert good.heard[1:] == [Loss("crashed")]


async def test_a_kill_while_nothing_ran_suspects_nobody(shard: Shard) -> None:
    for _ in range(3):
        sink = Sink()
        shard.attach(lambda _encoded: None)
        shard.open(A, None, (), sink)
        shard.check(A, update(1))
        shard.detach("killed", 0, certain=False)
        assert sink.heard == [Loss("killed")]


async def test_a_suspected_update_that_is_answered_later_is_cleared(shard: Shard) -> None:
    for _ in range(2):
        killed, answered = Sink(), Sink()
        shard.attach(lambda _encoded: None)
        shard.open(A, None, (), killed)
        shard.check(A, update(1))
        shard.detach("killed", 2, certain=False)
        assert killed.heard == [Loss("killed")]
        shard.attach(lambda _encoded: None)
        shard.open(A, None, (), answered)
        shard.check(A, update(1))
        numbers = shard._by_document[A].number
        shard.receive(Answers(2, (Opened(numbers, {}), Checked(numbers, Accepted(1, ())))))
        shard.detach("killed", 0, certain=False)
        assert answered.heard[-1] == Loss("killed")


async def test_a_sink_may_open_again_while_it_is_told_of_the_loss(shard: Shard) -> None:
    class Reopening(Sink):
        def on_lost(self, loss: Loss) -> None:
            super().on_lost(loss)
            shard.open(A, None, (), self)
            shard.check(A, update(1))

    sink = Reopening()
    shard.open(A, None, (), sink)
    shard.detach("killed", 0, certain=False)
    frames: list[list[bytes]] = []
    shard.attach(frames.append)
    assert [len(frame) for frame in frames] == [2]
    shard.receive(Answers(2, (Opened(2, {}), Checked(2, Accepted(1, ())))))
    assert sink.heard == [Loss("killed"), {}, Accepted(1, ())]
    assert (shard.waiting, shard.pending_bytes) == (False, 0)


async def test_a_dropped_document_whose_sender_was_told_is_not_blamed_again(shard: Shard) -> None:
    sink = Sink()
    shard.open(A, None, (), sink)
    shard.check(A, update(1))
    shard.receive(Answers(2, (Opened(1, {}), Dropped(1, 2, "broke", told=True, certain=True))))
    assert sink.heard == [{}, Loss("broke")]


def settled(frames: list[list[bytes]]) -> int:
    return sum(map(len, frames))


async def test_a_flood_in_one_document_leaves_others_their_turn(shard: Shard) -> None:
    frames: list[list[bytes]] = []
    shard.attach(frames.append)
    flooded, other = Sink(), Sink()
    shard.open(A, None, (), flooded)
    shard.open(B, None, (), other)
    for number in range(1, 10_001):
        shard.check(A, update(number))
    shard.check(B, update(1))
    await asyncio.sleep(0)
    sent = settled(frames)
    assert sent < 100
    shard.receive(Answers(sent, (Checked(2, Accepted(1, ())),)))
    assert other.heard == [Accepted(1, ())]


async def test_a_flood_is_sent_bit_by_bit_whole_and_in_order(shard: Shard) -> None:
    frames: list[list[bytes]] = []
    shard.attach(frames.append)
    shard.open(A, None, (), Sink())
    for number in range(1, 1_001):
        shard.check(A, update(number))
    while shard.waiting:
        await asyncio.sleep(0)
        shard.receive(Answers(settled(frames), ()))
    requests = [msgspec.msgpack.decode(encoded) for frame in frames for encoded in frame]
    numbers = [request[2][0] for request in requests[1:]]
    assert numbers == list(range(1, 1_001))
    assert shard.pending_bytes == 0


async def test_large_requests_are_sent_one_by_one(shard: Shard) -> None:
    frames: list[list[bytes]] = []
    shard.attach(frames.append)
    shard.open(A, None, (), Sink())
    for number in range(1, 4):
        shard.check(A, update(number, bytes(2 << 20)))
    for count in range(1, 5):
        await asyncio.sleep(0)
        assert settled(frames) == count
        shard.receive(Answers(count, ()))


@pytest.mark.parametrize("end", ["close", "detach", "drop"])
async def test_what_had_no_turn_goes_with_its_document(shard: Shard, end: str) -> None:
    sink = Sink()
    shard.open(A, None, (), sink)
    for number in range(1, 1_001):
        shard.check(A, update(number))
    match end:
        case "close":
            shard.close(A)
            while shard.waiting:
                shard.receive(Answers(shard.done + 1, ()))
            assert shard.done < 100
        case "detach":
            shard.detach("over", 0, certain=False)
        case _:
            shard.receive(Answers(1, (Dropped(1, 1, "broke", told=True, certain=True),)))
            while shard.waiting:
                shard.receive(Answers(shard.done + 1, ()))
            assert shard.done < 100
    assert (shard.waiting, shard.pending_bytes, shard.open_documents) == (False, 0, 0)


async def test_a_worker_is_told_of_a_home_that_it_is_one(shard: Shard) -> None:
    sent: list[bytes] = []
    shard.attach(sent.extend)
    shard.open(A, None, (), Sink())
    shard.open(home_of(UserId("alice")), None, (), Sink())
    await asyncio.sleep(0)
    opened = [msgspec.msgpack.decode(each, type=Open) for each in sent]
    assert [each.is_home for each in opened] == [False, True]
