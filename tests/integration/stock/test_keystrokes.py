"""Keystrokes of real people, typed through stock clients; and a small sample that is always there."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from devices import DeviceHost
from servers import SegueServer
from settled import assert_settled

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
PAIR = SHARED / "friendsforever.json.gz"
PAPER = SHARED / "automerge-paper.json.gz"


def a_trace(people: int) -> dict[str, Any]:
    """Gives a trace of our own: two people at one text, apart and together by turns."""
    transactions: list[dict[str, Any]] = []

    def type_text(agent: int, parents: Sequence[int], position: int, text: str) -> int:
        for letter in text:
            patches = [[position, 0, letter]]
            transactions.append({"parents": list(parents), "agent": agent, "patches": patches})
            parents = [len(transactions) - 1]
            position += 1
        return len(transactions) - 1

    base = type_text(0, [], 0, "Hei! ")
    left = type_text(0, [base], 5, "Grüße aus Köln. ")
    right = type_text(people - 1, [base] if people > 1 else [left], 0, "漢字 · ")
    last = type_text(0, [left, right] if people > 1 else [right], 0, "» ")
    transactions.append({"parents": [last], "agent": 0, "patches": [[2, 5, "漢 "]]})
    return {"txns": transactions, "endContent": "» 漢 Hei! Grüße aus Köln. "}


@pytest.fixture(params=["sample", "friendsforever"])
def of_two(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return _trace(request.param, PAIR, 2, tmp_path)


@pytest.fixture(params=["sample", "automerge-paper"])
def of_one(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return _trace(request.param, PAPER, 1, tmp_path)


def _trace(name: str, real: Path, people: int, folder: Path) -> Path:
    if name == "sample":
        sample = folder / "sample.json"
        sample.write_text(json.dumps(a_trace(people)))
        return sample
    if not real.exists():
        pytest.skip(f"{real.name} is not there")
    return real


async def test_two_people_at_one_text_end_where_they_ended(
    host: DeviceHost, server: SegueServer, session: str, of_two: Path
) -> None:
    dialects = ("y-websocket", "hocuspocus")
    devices = await host.open_all(dialects, server.url, session, server.token("alice"))
    await host.wait_all(devices, synced=True)
    replayed = await host.call(
        "replay_together", ids=[device.id for device in devices], path=str(of_two), root="text"
    )
    await assert_settled(host, server.dsn, session, devices)
    for device in devices:
        assert await device.text() == replayed["expected"]


@pytest.mark.parametrize("dialect", ["y-websocket", "hocuspocus"])
async def test_a_paper_typed_on_one_device_is_read_on_another(
    host: DeviceHost, server: SegueServer, session: str, of_one: Path, dialect: Any
) -> None:
    other = "hocuspocus" if dialect == "y-websocket" else "y-websocket"
    devices = await host.open_all((dialect, other), server.url, session, server.token("alice"))
    await host.wait_all(devices, synced=True)
    # Ten keystrokes a transaction: about what a fast typist's editor sends at once.
    how = {"path": str(of_one), "root": "text", "stride": 10}
    typed = await devices[0].call("type_trace", **how)
    await assert_settled(host, server.dsn, session, devices)
    assert await devices[1].text() == typed["expected"]
