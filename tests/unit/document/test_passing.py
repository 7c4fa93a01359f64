"""What a struct passes on the way to its place is bounded, and nobody honest meets the bound."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import encoded as yjs
import pytest
from pycrdt import Array
from replicas import Device, reopened, replica_of, send

from segue.document import passing
from segue.document.content import ANY, STRING
from segue.document.passing import MAX_PASSED, Passing
from segue.document.replica import Replica
from segue.document.update import Id, Struct
from segue.document.verdict import Accepted, Refused, Verdict

MANY = 4_000
VALUE = yjs.values(b"\x7e")
KINDS = (VALUE, yjs.binary(b"x"))
"""In turns: what the CRDT does not make one piece of."""


def chain(length: int) -> bytes:
    first = yjs.item(VALUE, parent="a")
    rest = [yjs.item(KINDS[i % 2], origin=(1, i - 1)) for i in range(1, length)]
    return yjs.update(yjs.section(1, 0, first, *rest))


def many_under_a_key() -> list[bytes]:
    return [
        yjs.update(yjs.section(client, 0, yjs.item(VALUE, parent="m", sub="k")))
        for client in range(10, 10 + MANY)
    ]


def many_at_the_beginning() -> list[bytes]:
    sections = [
        yjs.section(client, 0, yjs.item(VALUE, parent="a")) for client in range(10, 10 + MANY)
    ]
    return [yjs.update(*sections)]


def from_one(items: Callable[[int], bytes]) -> list[bytes]:
    return [chain(MANY), yjs.update(yjs.section(2, 0, *map(items, range(MANY))))]


ATTACKS = {
    "clients under a key": many_under_a_key(),
    "clients at the beginning": many_at_the_beginning(),
    "one in one place": from_one(lambda i: yjs.item(KINDS[i % 2], parent="a")),
    "behind each": from_one(lambda i: yjs.item(KINDS[i % 2], origin=(1, i))),
    "before each": from_one(lambda i: yjs.item(KINDS[i % 2], right=(1, MANY - 1 - i))),
}


def sent(replica: Replica, updates: list[bytes]) -> Verdict:
    verdict: Verdict | None = None
    for update in updates:
        verdict = send(replica, update, user="mallory")
        if not isinstance(verdict, Accepted):
            break
    assert verdict is not None
    return verdict


@pytest.mark.parametrize("attack", ATTACKS)
def test_who_has_the_whole_document_passed_again_and_again_is_refused(attack: str) -> None:
    replica = replica_of()
    verdict = sent(replica, ATTACKS[attack])
    assert isinstance(verdict, Refused)
    assert "in one place at the same time" in verdict.reason
    device = Device(3)
    with device.doc.transaction():
        device.map("m")["mine"] = "goes on"
    assert isinstance(send(replica, device.take()[-1]), Accepted)
    assert reopened(replica).vector == replica.vector


def test_what_was_deleted_of_a_text_leaves_pieces_to_pass() -> None:
    counted = Passing(lambda item: False)
    counted.put(1, Struct(0, MANY, STRING, parent="t"), 0)
    for clock in range(0, MANY, 2):
        counted.split(1, clock, clock + 1)
    counted.put(2, Struct(0, 1, STRING, right=(1, MANY - 1)), 0)
    assert counted._passed >= MANY - passing.FREE


class Crowd:
    """Devices of one document that hear of each other late. `rounds` of an act each."""

    def __init__(self, fate: random.Random, count: int) -> None:
        self.fate = fate
        self.devices = [Device(fate.randrange(1, 1 << 32)) for _ in range(count)]
        self.replica = Replica.open(None, ())
        self.behind: list[list[bytes]] = [[] for _ in self.devices]

    def play(self, rounds: int, act: Callable[[Device, int], None], *, heard: float) -> int:
        """Gives how much was passed in all."""
        for number in range(rounds):
            for device, behind in zip(self.devices, self.behind, strict=True):
                act(device, number)
                for update in device.take():
                    assert isinstance(send(self.replica, update), Accepted)
                    for other in self.behind:
                        if other is not behind:
                            other.append(update)
                if self.fate.random() < heard:
                    for update in behind:
                        device.receive(update)
                    behind.clear()
        return self.replica._gate._passing._passed


def prepend(device: Device, number: int) -> None:
    with device.doc.transaction():
        device.doc.get("a", type=Array).insert(0, float(number))


def set_one_key(device: Device, number: int) -> None:
    with device.doc.transaction():
        device.map("m")["x"] = float(number)


def write_at_one_end(device: Device, number: int) -> None:
    device.text().__iadd__("ab")


@pytest.mark.parametrize("act", [prepend, set_one_key, write_at_one_end])
@pytest.mark.parametrize("count", [2, 3])
def test_people_who_write_in_one_place_at_once_pass_little(
    act: Callable[[Device, int], None], count: int
) -> None:
    crowd = Crowd(random.Random(count), count)
    passed = crowd.play(1_000, act, heard=0.3)
    assert passed < MAX_PASSED / 20


def test_a_device_that_was_away_passes_only_what_came_under_the_same_keys() -> None:
    crowd = Crowd(random.Random(5), 2)
    keys = 500

    def move(device: Device, number: int) -> None:
        with device.doc.transaction():
            device.map("m")[f"shape {number % keys}"] = float(number)

    assert crowd.play(10 * keys, move, heard=0) < MAX_PASSED / 20


@dataclass(slots=True)
class Sequence:
    """A CRDT's list, and how it looks for a place (Yjs `Item.integrate`)."""

    order: list[Id] = field(default_factory=list)
    structs: dict[Id, Struct] = field(default_factory=dict)

    def put(self, item: Id, struct: Struct) -> int:
        """Gives how many were passed."""
        order, passed, behind = self.order, 0, set[Id]()
        waiting = set[Id]()
        left = order.index(struct.origin) if struct.origin else -1
        index = left + 1
        while index < len(order) and order[index] != struct.right:
            other = order[index]
            behind.add(other)
            waiting.add(other)
            origin = self.structs[other].origin
            if origin == struct.origin:
                if other[0] < item[0]:
                    left, waiting = index, set()
                elif self.structs[other].right == struct.right:
                    break
            elif origin is None or origin not in behind:
                break
            elif origin not in waiting:
                left, waiting = index, set()
            passed += 1
            index += 1
        order.insert(left + 1, item)
        self.structs[item] = struct
        return passed


@pytest.mark.parametrize("seed", range(40))
def test_never_less_is_counted_than_is_passed(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "FREE", 0)
    fate = random.Random(seed)
    vector = dict.fromkeys(range(1, 6), 0)
    chained = set[Id]()
    counted = Passing(lambda item: (item[0], item[1] + 1) in chained)
    sequence = Sequence()
    before = 0
    for number in range(400):
        client = fate.choice(list(vector))
        struct = struct_of(fate, sequence.order, client, vector[client])
        item = client, struct.clock
        counted.put(client, struct, struct.clock, leads=fate.random() < 0.5)
        if fate.random() < 0.1:
            counted.undo()
            assert counted._passed == before
            continue
        counted.keep()
        if struct.origin == (client, struct.clock - 1):
            chained.add(item)
        vector[client] += 1
        assert counted._passed - before >= sequence.put(item, struct), f"at {number}"
        before = counted._passed


def struct_of(fate: random.Random, order: list[Id], client: int, clock: int) -> Struct:
    """Gives one with any two neighbours, mostly as somebody would have who has not heard all."""
    ref = fate.choice((ANY, STRING))
    if clock and fate.random() < 0.5:
        left = order.index((client, clock - 1))
    else:
        left = fate.randrange(-1, len(order))
    skipped = fate.choice((0, 0, 0, 1, 2, 1_000))
    right = left + 1 + skipped
    origin = order[left] if left >= 0 else None
    end = order[right] if right < len(order) else None
    parent = "a" if origin is end is None else None
    return Struct(clock, 1, ref, origin, end, parent)
