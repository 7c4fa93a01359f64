"""Users with offline spells, repeats and restarts in between: everybody ends with the same document.

Each user edits a pycrdt peer, hears of others only through the replica, and sends its updates in order
(some twice, some as one step 2). A failing seed becomes a test of its own.
"""

import random
from typing import Any

import pytest
from pycrdt import Doc, Map, Text
from replicas import NOTHING, Device, reader_of, reopened, send

from segue.document.replica import Replica
from segue.document.verdict import Accepted, NoNews

WORDS = ("a", "be", "wörld", "👋", "x👩‍👩‍👧y", "\n")
KEYS = ("k", "l", "m")


class Users:
    """Three users and the replica between them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.replica = Replica.open(None, ())
        self.users = [Device(client, f"user{client}") for client in (11, 12, 4_000_000_000)]
        self.reference: Doc[Any] = Doc()
        self.unheard: dict[int, list[bytes]] = {id(user): [] for user in self.users}

    def step(self) -> None:
        user = self.random.choice(self.users)
        dice = self.random.random()
        if dice < 0.55:
            self.edit(user)
        elif dice < 0.85:
            self.send(user)
        elif dice < 0.97:
            self.hear(user)
        else:
            self.replica = reopened(self.replica)

    def edit(self, user: Device) -> None:
        with user.doc.transaction():
            for _ in range(self.random.randrange(1, 4)):
                self.random.choice((self.type, self.type, self.erase, self.set, self.drop))(user)

    def type(self, user: Device) -> None:
        text = user.text()
        text.insert(self.boundary(str(text)), self.random.choice(WORDS))

    def erase(self, user: Device) -> None:
        content = str(user.text())
        if content:
            first, last = sorted(self.random.choices(range(len(content)), k=2))
            start = len(content[:first].encode())
            del user.text()[start : start + len(content[first : last + 1].encode())]

    def boundary(self, content: str) -> int:
        """Gives a byte offset between two characters."""
        return len(content[: self.random.randint(0, len(content))].encode())

    def set(self, user: Device) -> None:
        value: Any = self.random.choice((1, "v", {"a": [1]}, Map({"t": "in"}), Text("nested")))
        user.map("m")[self.random.choice(KEYS)] = value

    def drop(self, user: Device) -> None:
        keys = sorted(user.map("m").keys())
        if keys:
            del user.map("m")[self.random.choice(keys)]

    def send(self, user: Device) -> None:
        taken = user.take()
        if self.random.random() < 0.3:
            taken = [user.doc.get_update()]
        for update in taken:
            for _ in range(self.random.choice((1, 1, 2))):
                self.deliver(user, update)

    def deliver(self, user: Device, update: bytes) -> None:
        verdict = send(self.replica, update, user=user.user)
        assert isinstance(verdict, (Accepted, NoNews)), verdict
        self.reference.apply_update(update)
        if isinstance(verdict, Accepted):
            for other in self.users:
                if other is not user:
                    self.unheard[id(other)].append(update)

    def hear(self, user: Device) -> None:
        unheard = self.unheard[id(user)]
        if self.random.random() < 0.5:
            user.receive(self.replica.state(user.doc.get_state()))
        else:
            for update in unheard:
                user.receive(update)
        unheard.clear()

    def settle(self) -> list[Doc[Any]]:
        for user in self.users:
            user.take()
            self.deliver(user, user.doc.get_update())
        for user in self.users:
            self.hear(user)
            assert isinstance(send(self.replica, user.doc.get_update(), user=user.user), NoNews)
        return [reader_of(reopened(self.replica)), self.reference, *(u.doc for u in self.users)]


@pytest.mark.parametrize("seed", range(40))
def test_all_end_with_the_same_document(seed: int) -> None:
    users = Users(seed)
    for _ in range(80):
        users.step()
    documents = users.settle()
    texts = {str(doc.get("t", type=Text)) for doc in documents}
    maps = [doc.get("m", type=Map).to_py() for doc in documents]
    assert len(texts) == 1
    assert all(found == maps[0] for found in maps)


def test_a_late_joiner_gets_in_parts_what_others_got_at_once() -> None:
    users = Users(99)
    for _ in range(60):
        users.step()
    users.settle()
    late: Doc[Any] = Doc()
    for vector in (NOTHING, late.get_state(), late.get_state()):
        late.apply_update(users.replica.state(vector))
    assert late.get_state() == reader_of(users.replica).get_state()
