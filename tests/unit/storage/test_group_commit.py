"""The writer's rules, on a database that does what the test says."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import structlog.testing

from segue.document.submission import LoggedUpdate
from segue.errors import StorageUnavailable
from segue.ids import DeviceId, UserId
from segue.storage.claims import Claim, Outcome, RowRefused
from segue.storage.group_commit import BUSY_TOLD, GroupCommit, Pace, group_commit
from update_sources import CONFLICT, Source, drained
from waiting import until

pytestmark = pytest.mark.anyio

QUICK = Pace(round=0, busy=0, outage_first=0, outage_longest=0)


class ScriptedClaims:
    """Commits all, but for what `script` says; `statements` is what was asked."""

    def __init__(self) -> None:
        self.statements: list[list[Claim]] = []
        self.script: list[Exception | dict[str, Outcome]] = []
        self.impossible: set[str] = set()
        self.free = asyncio.Event()
        self.free.set()

    async def write(self, claims: Sequence[Claim]) -> list[Outcome]:
        self.statements.append(list(claims))
        await self.free.wait()
        step = self.script.pop(0) if self.script else {}
        if isinstance(step, Exception):
            raise step
        if self.impossible & {claim.document for claim in claims}:
            raise RowRefused("impossible")
        return [step.get(claim.document, Outcome.COMMITTED) for claim in claims]

    def close(self) -> None:
        """Has nothing to drop."""


@pytest.fixture
def claims() -> ScriptedClaims:
    return ScriptedClaims()


@asynccontextmanager
async def running(
    claims: ScriptedClaims, pace: Pace = QUICK, held: asyncio.Event | None = None
) -> AsyncIterator[GroupCommit]:
    async def wait_held() -> None:
        if held is not None:
            await held.wait()

    async with group_commit(claims, held=wait_held, pace=pace) as commits:
        yield commits


def sources_of(commits: GroupCommit, names: str) -> list[Source]:
    return [Source(commits, name) for name in names]


async def test_what_queues_during_a_statement_goes_with_the_next(claims: ScriptedClaims) -> None:
    async with running(claims) as commits:
        claims.free.clear()
        first, *others = sources_of(commits, "abcdef")
        first.write(b"1")
        await until(lambda: claims.statements)
        first.write(b"2")
        for other in others:
            other.write(b"1")
            other.write(b"2")
        claims.free.set()
        await drained(commits)
    assert [[claim.document for claim in each] for each in claims.statements] == [
        ["a"],
        ["a", "b", "c", "d", "e", "f"],
    ]


async def test_claims_go_in_order_of_document(claims: ScriptedClaims) -> None:
    async with running(claims) as commits:
        for source in sources_of(commits, "dbca"):
            source.write(b"1")
        await drained(commits)
    assert [claim.document for claim in claims.statements[0]] == ["a", "b", "c", "d"]


async def test_unknown_outcome_is_asked_again_with_the_same_batch(claims: ScriptedClaims) -> None:
    claims.script = [StorageUnavailable("gone")] * 3
    async with running(claims) as commits:
        (source,) = sources_of(commits, "a")
        source.write(b"1")
        await until(lambda: claims.statements)
        source.write(b"2")
        assert await source.settled() == 2
    assert [each[0].batch for each in claims.statements] == [1, 1, 1, 1, 2]
    assert len({each[0].payload for each in claims.statements[:4]}) == 1


async def test_busy_document_is_asked_again_with_the_same_batch(claims: ScriptedClaims) -> None:
    claims.script = [{"a": Outcome.BUSY}] * 5
    async with running(claims) as commits:
        busy, other = sources_of(commits, "ab")
        busy.write(b"1")
        other.write(b"1")
        assert await other.settled() == 1
        assert busy.outcomes == []
        assert await busy.settled() == 1
    assert {claim.batch for each in claims.statements for claim in each} == {1, 2}


async def test_document_that_stays_held_is_told_once(claims: ScriptedClaims) -> None:
    claims.script = [{"a": Outcome.BUSY}] * (2 * BUSY_TOLD)
    with structlog.testing.capture_logs() as logs:
        async with running(claims) as commits:
            (source,) = sources_of(commits, "a")
            source.write(b"1")
            await drained(commits)
    assert [(entry["event"], entry["document"]) for entry in logs] == [
        ("storage.document_held", "a")
    ]


async def test_source_is_not_asked_again_before_an_outcome(claims: ScriptedClaims) -> None:
    claims.script = [{"a": Outcome.BUSY}, StorageUnavailable("gone"), {"a": Outcome.BUSY}]
    claims.free.clear()
    async with running(claims) as commits:
        (source,) = sources_of(commits, "a")
        source.write(b"1")
        await until(lambda: claims.statements)
        source.write(b"2")
        claims.free.set()
        await drained(commits)
    assert source.outcomes == [1, 2]


async def test_impossible_row_is_found_by_halves(claims: ScriptedClaims) -> None:
    claims.impossible = {"k"}
    async with running(claims) as commits:
        sources = sources_of(commits, "abcdefghijklmnop")
        for source in sources:
            source.write(b"1")
        await drained(commits)
    assert [source.outcomes for source in sources if source.document != "k"] == [[1]] * 15
    assert [source.outcomes for source in sources if source.document == "k"] == [[CONFLICT]]
    assert len(claims.statements) == 9  # all, then two of each half


async def test_outage_in_the_middle_of_halves_tells_each_source_once(
    claims: ScriptedClaims,
) -> None:
    claims.impossible = {"d"}
    claims.script = [{}, {}, StorageUnavailable("gone")]
    async with running(claims) as commits:
        sources = sources_of(commits, "abcd")
        for source in sources:
            source.write(b"1")
        await drained(commits)
    assert [source.outcomes for source in sources] == [[1], [1], [1], [CONFLICT]]


async def test_sender_whose_name_is_no_text_delays_nobody(claims: ScriptedClaims) -> None:
    class Nameless(Source):
        def write(self, *data: bytes) -> None:
            bad = LoggedUpdate(UserId("\ud800"), DeviceId("phone"), b"")
            self._waiting.append(bad)
            self._writer.enqueue(self)

    async with running(claims) as commits:
        nameless, other = Nameless(commits, "a"), Source(commits, "b")
        nameless.write()
        other.write(b"1")
        await drained(commits)
    assert nameless.outcomes == [CONFLICT]
    assert other.outcomes == [1]


async def test_source_that_raises_delays_nobody(claims: ScriptedClaims) -> None:
    class Broken(Source):
        def on_committed(self, position: int) -> None:
            raise RuntimeError(position)

    class Worse(Source):
        def take_batch(self) -> None:
            raise RuntimeError

    async with running(claims) as commits:
        for source in (Broken(commits, "a"), Worse(commits, "b")):
            source.write(b"1")
        good = Source(commits, "c")
        good.write(b"1")
        await drained(commits)
    assert good.outcomes == [1]


async def test_nothing_is_written_without_the_node_lock(claims: ScriptedClaims) -> None:
    held = asyncio.Event()
    async with running(claims, held=held) as commits:
        (source,) = sources_of(commits, "a")
        source.write(b"1")
        for _ in range(10):
            await asyncio.sleep(0)
        assert claims.statements == []
        held.set()
        assert await source.settled() == 1


async def test_lone_update_is_not_delayed_and_a_burst_shares_statements(
    claims: ScriptedClaims,
) -> None:
    """The pause is one that no test could wait out."""
    async with running(claims, Pace(round=3600)) as commits:
        first, second = sources_of(commits, "ab")
        first.write(b"1")
        assert await first.settled() == 1
        second.write(b"1")
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(claims.statements) == 1


async def test_raising_a_hand_twice_takes_one_batch(claims: ScriptedClaims) -> None:
    async with running(claims) as commits:
        (source,) = sources_of(commits, "a")
        source.write(b"1")
        commits.enqueue(source)
        commits.enqueue(source)
        await drained(commits)
        commits.enqueue(source)
        await drained(commits)
    assert source.outcomes == [1]
    assert len(claims.statements) == 1


async def test_draining_waits_through_an_outage(claims: ScriptedClaims) -> None:
    claims.script = [StorageUnavailable("gone")] * 50
    async with running(claims) as commits:
        (source,) = sources_of(commits, "a")
        source.write(b"1")
        await drained(commits)
        assert source.outcomes == [1]
        assert commits.stats.outages == 50
        assert commits.stats.last_error is None


async def test_end_in_the_middle_of_a_statement_tells_nothing(claims: ScriptedClaims) -> None:
    claims.free.clear()
    async with running(claims) as commits:
        (source,) = sources_of(commits, "a")
        source.write(b"1")
        await until(lambda: claims.statements)
    assert source.outcomes == []
