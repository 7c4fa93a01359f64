"""A hostile device: well-formed updates with fields at random, fed to a gated replica.

Run as a program, so that what hangs or kills the process is seen from outside:
`python hostile.py <first seed> <seeds>` prints each seed before it plays it.
"""

import random
import sys

import encoded as yjs

from segue.auth.grants import Role
from segue.document.replica import Replica
from segue.document.submission import LoggedUpdate, Submission
from segue.document.verdict import Accepted
from segue.ids import DeviceId, UserId
from segue.wire.vector import decode_vector, encode_vector

CLIENTS = (1, 2, 3)
ROOTS = ("t", "a", "m", "messages", "")
KEYS = ("k", "author", "id", "kind", "")
STRINGS = ("x", "abc", "👋", "a👋b", "👩‍👩‍👧", "ä", "\x00")
ROUNDS = 30


class Hostile:
    """Plays one seed against one replica."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.replica = Replica.open(None, ())
        self.accepted = 0

    def play(self) -> int:
        """Sends updates; each that is accepted must leave a whole, readable document."""
        for number in range(ROUNDS):
            role = self.random.choice((Role.EDITOR, Role.EDITOR, Role.EDITOR, Role.AGENT))
            data = self.update()
            user = UserId(self.random.choice(("alice", "alice", "alice", "bob")))
            sent = Submission(number, role, LoggedUpdate(user, DeviceId("d"), data))
            before = self.replica.vector
            if isinstance(self.replica.check(sent), Accepted):
                self.accepted += 1
                self.check_whole()
            else:
                assert self.replica.vector == before
        assert self.replica.snapshot(), "a reload gives something else"
        return self.accepted

    def check_whole(self) -> None:
        crdt = self.replica._crdt
        assert decode_vector(crdt.vector()) == self.replica.vector, "the gate and the CRDT differ"
        vector = {client: self.random.randrange(12) for client in CLIENTS}
        self.replica.state(encode_vector(vector))
        for root in ROOTS:
            crdt.text(root)

    def update(self) -> bytes:
        known = self.replica.vector
        clients = self.random.sample(CLIENTS, self.random.choice((0, 1, 1, 1, 2)))
        sections = [self.section(client, known.get(client, 0)) for client in clients]
        deletes = {}
        if not sections or self.random.random() < 0.4:
            for client in self.random.sample(CLIENTS, self.random.choice((1, 1, 2))):
                deletes[client] = self.ranges(known.get(client, 0))
        return yjs.update(*sections, deletes=deletes)

    def ranges(self, end: int) -> list[tuple[int, int]]:
        found = []
        start = 0
        for _ in range(self.random.choice((1, 1, 2))):
            start += self.random.randrange(max(1, end))
            stop = start + self.random.choice((1, 1, 2, 3, 0))
            found.append((start, stop))
            start = stop
        return found

    def section(self, client: int, known: int) -> bytes:
        back = self.random.choice((0, 0, 0, 0, 1, 2, -1))
        structs = [self.struct() for _ in range(self.random.choice((1, 1, 2, 3)))]
        return yjs.section(client, max(0, known - back), *structs)

    def struct(self) -> bytes:
        dice = self.random.random()
        if dice < 0.05:
            return yjs.gc(self.random.choice((1, 2, 5, 0)))
        if dice < 0.08:
            return yjs.skip(self.random.choice((1, 2)))
        origin = right = None
        parent: str | tuple[int, int] = self.random.choice(ROOTS)
        sub = self.random.choice((None, None, *KEYS))
        if dice < 0.5:
            origin = self.id()
        if dice < 0.3:
            right = self.id()
        if dice > 0.75:
            parent = self.id()
        return yjs.item(self.content(), origin=origin, right=right, parent=parent, sub=sub)

    def id(self) -> tuple[int, int]:
        client = self.random.choice(CLIENTS)
        known = self.replica.vector.get(client, 0)
        return client, self.random.randrange(max(1, known + self.random.choice((0, 0, 0, 1))))

    def content(self) -> tuple[int, bytes]:
        pick = self.random.choice
        return pick((
            lambda: yjs.string(pick(STRINGS)),
            lambda: yjs.string(pick(STRINGS)),
            lambda: yjs.deleted(pick((1, 2, 3))),
            lambda: yjs.binary(b"\x00\xff"),
            lambda: yjs.embed(pick(('{"a":1}', '"x"', "null", "1e999", '{"b":[{}]}'))),
            lambda: yjs.formatting(pick(("bold", "link")), pick(("true", "null", '{"a":1}', "{"))),
            lambda: yjs.shared(pick((0, 1, 1, 2, 4, 6))),
            lambda: yjs.shared(3, "p"),
            lambda: yjs.values(b"\x7d\x01", yjs.any_text("v")),
            lambda: yjs.values(yjs.any_object(kind=pick(("user", "agent")), id="alice")),
            lambda: yjs.values(b"\x7e"),
        ))()  # fmt: skip


def main(first: int, seeds: int) -> None:
    accepted = 0
    for seed in range(first, first + seeds):
        sys.stdout.write(f"{seed}\n")
        sys.stdout.flush()
        accepted += Hostile(seed).play()
    sys.stdout.write(f"accepted {accepted}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
