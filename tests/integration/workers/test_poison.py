"""Updates that hang, kill or poison the CRDT, without the gate that refuses them: what the pool is for."""

import json
from functools import cache
from pathlib import Path

import pytest
from pycrdt import Doc, Text

from integration.workers.rooms import Room
from segue.document.verdict import Accepted
from segue.workers.options import PoolOptions
from segue.workers.pool import Pool

pytestmark = pytest.mark.anyio

_DATA = Path(__file__).parents[2] / "data"
_NO_UPDATES = ("state vector", "varint bomb")


@cache
def poisons() -> dict[str, tuple[tuple[bytes, ...], tuple[bytes, ...]]]:
    """By name: the updates of the document, and those that poison it."""
    full = tuple(bytes.fromhex(update) for update in json.loads((_DATA / "full.json").read_text()))
    entries = json.loads((_DATA / "poison.json").read_text())
    return {
        entry["name"]: (full if entry["doc"] == "full.json" else (), updates_of(entry["hex"]))
        for entry in entries
        if not entry["name"].startswith(_NO_UPDATES)
    }


def updates_of(spelled: str | list[str]) -> tuple[bytes, ...]:
    if isinstance(spelled, str):
        return (bytes_of(spelled),)
    return tuple(bytes_of(one) for one in spelled)


def bytes_of(spelled: str) -> bytes:
    """Reads `hex`, or sums of `hex` and `hex*count`."""
    terms = (term.strip().partition("*") for term in spelled.split("+"))
    return b"".join(bytes.fromhex(digits) * int(count or 1) for digits, _, count in terms)


def typing(words: int) -> list[bytes]:
    """Updates of somebody who types."""
    doc, updates = Doc(), []
    text = doc.get("text", type=Text)
    subscription = doc.observe(lambda event: updates.append(event.update))
    for number in range(words):
        text += f"word {number} "
    doc.unobserve(subscription)
    return updates


def text_of(state: bytes) -> str:
    doc = Doc()
    doc.apply_update(state)
    return str(doc.get("text", type=Text))


@pytest.fixture
def ungated() -> PoolOptions:
    """One worker without the gate."""
    return PoolOptions(
        workers=1,
        gated=False,
        check_cpu_s=0.5,
        open_cpu_s=1.0,
        read_cpu_s=1.0,
        watch_every_s=0.05,
        memory_bytes=2**30,
    )


@pytest.mark.parametrize("name", poisons())
async def test_poison_without_the_gate_hurts_its_own_document_at_most(
    ungated: PoolOptions, name: str
) -> None:
    log, poison = poisons()[name]
    words = typing(60)
    async with Pool(ungated) as pool:
        bad, good = Room(pool, "bad", log=log), Room(pool, "good")
        for room in (bad, good):
            room.open()
        await good.says(*words[:20])
        bad.submit(*poison)
        good.submit(*words[20:40])
        bad.take_state(1)
        bad.take_snapshot(2)
        await bad.until(lambda: bad.quarantined or not (bad._asked or bad._wants_state))
        await good.says(*words[40:])
        good.take_state(3)
        await good.until(lambda: good.states)
        assert good.blamed == []
        assert all(isinstance(verdict, Accepted) for verdict in good.verdicts.values())
        assert set(bad.blamed) <= set(poison)
        (state,) = good.states
        assert text_of(state.data) == "".join(f"word {n} " for n in range(60))


async def test_an_update_that_overflows_the_stack_is_blamed(ungated: PoolOptions) -> None:
    _, poison = poisons()["nested any x 100000"]
    async with Pool(ungated) as pool:
        bad = Room(pool, "bad")
        bad.open()
        await bad.says(*poison)
        assert bad.blamed == list(poison)
        await bad.says(typing(1)[0])
