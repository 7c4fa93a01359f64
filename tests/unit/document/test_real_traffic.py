"""What real Yjs clients and real people send passes the gate, and gives what they see."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from replicas import Device, content_of, reader_of, recorded, reopened, send, text_of

from segue.auth.grants import Role
from segue.document.replica import Replica
from segue.document.verdict import Accepted, NoNews, Refused

SCENARIOS = recorded()
CUT = "a character cut in half"
TRACES = Path(__file__).parents[4] / "shared" / "data"


def play(replica: Replica, updates: list[dict[str, str]]) -> list[object]:
    verdicts: list[object] = []
    for update in updates:
        role = Role.AGENT if update["user"] == "demo" else Role.EDITOR
        data = bytes.fromhex(update["data"])
        verdicts.append(send(replica, data, user=update["user"], role=role))
    return verdicts


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != CUT])
def test_what_yjs_sends_passes_and_reads_the_same(name: str) -> None:
    scenario = SCENARIOS[name]
    replica = Replica.open(None, ())
    verdicts = play(replica, scenario["updates"])
    assert all(isinstance(verdict, (Accepted, NoNews)) for verdict in verdicts), verdicts
    assert all(isinstance(verdict, NoNews) for verdict in play(replica, scenario["updates"]))
    for document in (replica, reopened(replica)):
        reader = reader_of(document)
        assert {root: content_of(reader, root) for root in scenario["content"]} == (
            scenario["content"]
        )


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != CUT])
def test_every_update_may_come_twice_and_over_a_restart(name: str) -> None:
    scenario = SCENARIOS[name]
    replica = Replica.open(None, ())
    for update in scenario["updates"]:
        assert not isinstance(play(replica, [update])[0], Refused)
        assert isinstance(play(replica, [update])[0], NoNews)
        replica = reopened(replica)
        assert isinstance(play(replica, [update])[0], NoNews)
    reader = reader_of(replica)
    for root, content in scenario["content"].items():
        assert content_of(reader, root) == content


def test_half_a_character_that_yjs_cut_is_refused() -> None:
    verdicts = play(Replica.open(None, ()), SCENARIOS[CUT]["updates"])
    assert isinstance(verdicts[0], Accepted)
    assert isinstance(verdicts[1], Refused)


def trace(name: str) -> dict[str, Any]:
    path = TRACES / name
    if not path.exists():
        pytest.skip("the real traces are not here")
    with gzip.open(path) as file:
        loaded: dict[str, Any] = json.load(file)
    return loaded


def typed(device: Device, patches: list[tuple[int, int, str]]) -> None:
    """Types the patches of one transaction; the traces used here are ASCII."""
    text = device.text()
    with device.doc.transaction():
        for position, deleted, inserted in patches:
            if deleted:
                del text[position : position + deleted]
            if inserted:
                text.insert(position, inserted)


def keystrokes_of_two() -> Iterator[tuple[str, bytes]]:
    """The friendsforever trace: each writer types on what the trace says they had seen."""
    transactions = trace("friendsforever.json.gz")["txns"]
    writers = [Device(1, "alice"), Device(2, "bob")]
    made: list[bytes] = []
    seen: list[set[int]] = [set(), set()]
    for number, transaction in enumerate(transactions):
        agent = transaction["agent"]
        for missed in missing(transactions, seen[agent], transaction["parents"]):
            writers[agent].receive(made[missed])
        typed(writers[agent], transaction["patches"])
        (update,) = writers[agent].take()
        made.append(update)
        seen[agent].add(number)
        yield writers[agent].user, update


def missing(transactions: list[dict[str, Any]], seen: set[int], parents: list[int]) -> list[int]:
    """Gives what has to be seen first, in order, and counts it as seen."""
    found = []
    waiting = list(parents)
    while waiting:
        number = waiting.pop()
        if number not in seen:
            seen.add(number)
            found.append(number)
            waiting += transactions[number]["parents"]
    return sorted(found)


def test_two_people_who_write_at_once_end_in_their_text() -> None:
    replica = Replica.open(None, ())
    for user, update in keystrokes_of_two():
        assert isinstance(send(replica, update, user=user), Accepted)
    expected = trace("friendsforever.json.gz")["endContent"]
    assert text_of(replica) == expected
    assert text_of(reopened(replica)) == expected
