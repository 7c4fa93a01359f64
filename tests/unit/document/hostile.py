"""Hostile devices: well-formed updates with fields at random, or real ones with bytes changed.

One thing is left out that the gate can't see: a right neighbour that is left of the left one, in
another item. It makes the sender's own edit land in different places, as it does in Yjs.

Run as a program, so that what hangs or kills the process is seen from outside:
`python hostile.py fields|bytes <first seed> <seeds>` prints each seed before it plays it.
"""

import json
import random
import sys

import encoded as yjs
from replicas import recorded

from segue.auth.grants import Role
from segue.document.content import Refusal
from segue.document.replica import Replica
from segue.document.submission import LoggedUpdate, Submission
from segue.document.update import Struct
from segue.document.verdict import Accepted
from segue.document.views import ViewMessages
from segue.ids import DeviceId, UserId
from segue.wire.vector import decode_vector, encode_vector

CLIENTS = (1, 2, 3)
ROOTS = ("t", "a", "m", "messages", "requests", "session", "")
KEYS = ("k", "author", "id", "kind", "seq", "parent", "supersedes", "head", "")
ROUNDS = 30

Content = tuple[int, bytes]
TEXTS: tuple[Content, ...] = (
    *(yjs.string(text) for text in ("x", "abc", "👋", "a👋b", "👩‍👩‍👧", "ä", "\x00")),
    yjs.embed('{"a":1,"b":[{}]}'),
    yjs.formatting("bold", "true"),
    yjs.formatting("bold", "null"),
)
VALUES: tuple[Content, ...] = (
    yjs.values(b"\x7e"),
    yjs.values(yjs.any_text("v")),
    yjs.values(b"\x7d\x01", b"\x7f"),
    yjs.values(yjs.any_object(kind="user", id="alice")),
    yjs.values(yjs.any_object(kind="agent", id="alice")),
    yjs.values(yjs.any_object(kind="switch", target="k", by="alice")),
    yjs.values(yjs.any_object(kind="withdraw", target="k", by="alice")),
    yjs.values(yjs.any_text("k")),
    yjs.binary(b"\x00\xff"),
)
TYPES: tuple[Content, ...] = (
    yjs.deleted(1),
    yjs.deleted(3),
    yjs.shared(3, "p"),
    *(yjs.shared(kind) for kind in (0, 1, 1, 2, 4, 6)),
)
CONTENTS = (*TEXTS, *VALUES, *TYPES, yjs.embed("1e999"))


ADDED = LoggedUpdate(
    UserId("alice"), DeviceId("d"), yjs.update(yjs.section(9, 0, yjs.item(yjs.string("x"))))
)


class Fields:
    """Plays one seed against one replica: updates that a parser may take, anywhere they may go."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.replica = Replica.open(None, ())
        self.accepted = 0

    def play(self) -> int:
        """Sends updates; each that is accepted must leave a whole, readable document."""
        for number in range(ROUNDS):
            role = self.random.choice((Role.EDITOR, Role.EDITOR, Role.EDITOR, Role.AGENT))
            data = self.update()
            user = UserId("bob" if self.random.random() < 0.1 else "alice")
            sent = Submission(number, role, LoggedUpdate(user, DeviceId("d"), data))
            before = self.replica.vector
            if isinstance(self.replica.check(sent), Accepted):
                self.accepted += 1
                self.check_whole()
            else:
                assert self.replica.vector == before
        assert self.replica.snapshot(), "a reload gives something else"
        self.check_order()
        return self.accepted

    def check_whole(self) -> None:
        crdt = self.replica._crdt
        assert decode_vector(crdt.vector()) == self.replica.vector, "the gate and the CRDT differ"
        vector = {client: self.random.randrange(12) for client in CLIENTS}
        self.replica.state(encode_vector(vector))
        for root in ROOTS:
            crdt.text(root)
        self.replica.view(ViewMessages(200))

    def check_order(self) -> None:
        """A restart gives the same order, and each message has a place of its own in it."""
        self.replica.check(Submission(ROUNDS, Role.EDITOR, ADDED))
        reloaded = Replica.open(self.replica.snapshot(), ())
        pages = [json.loads(each.view(ViewMessages(200))) for each in (reloaded, self.replica)]
        assert pages[0] == pages[1]
        sequencer = self.replica._conversation.sequencer
        assert reloaded._conversation.sequencer._spots == sequencer._spots
        assert reloaded._conversation.sequencer.head == sequencer.head
        seqs = [spot.seq for spot in sequencer._spots.values()]
        assert len(set(seqs)) == len(seqs)

    def update(self) -> bytes:
        known = self.replica.vector
        clients = self.random.sample(CLIENTS, self.random.choice((0, 1, 1, 1, 2)))
        sections = [
            self.message(client, known.get(client, 0))
            if self.random.random() < 0.3
            else self.section(client, known.get(client, 0))
            for client in clients
        ]
        deletes = {}
        if not sections or self.random.random() < 0.4:
            for client in self.random.sample(CLIENTS, self.random.choice((1, 1, 2))):
                deletes[client] = self.ranges(known.get(client, 0))
        return yjs.update(*sections, deletes=deletes)

    def ranges(self, end: int) -> list[tuple[int, int]]:
        if self.random.random() < 0.1:
            return [(self.random.randrange(9), self.random.randrange(9, 12)), (3, 4)]
        cuts = sorted({self.random.randint(0, end) for _ in range(self.random.choice((2, 2, 4)))})
        return list(zip(cuts[::2], cuts[1::2], strict=False))

    def section(self, client: int, known: int) -> bytes:
        back = self.random.choice((0, 0, 0, 0, 1, 2, -1))
        structs = [self.struct() for _ in range(self.random.choice((1, 1, 2, 3)))]
        return yjs.section(client, max(0, known - back), *structs)

    def message(self, client: int, known: int) -> bytes:
        """Gives a message as it should be, but for what else is in it."""
        author = yjs.values(yjs.any_object(kind="user", id="alice"))
        entry = yjs.item(yjs.shared(1), parent="messages", sub=self.random.choice(KEYS))
        more = [self.struct() for _ in range(self.random.choice((0, 0, 1)))]
        named = yjs.item(author, parent=(client, known), sub="author")
        return yjs.section(client, known, entry, named, *more)

    def struct(self) -> bytes:
        """Gives a struct that is anywhere; mostly with content that fits there."""
        dice = self.random.random()
        if dice < 0.04:
            return yjs.gc(self.random.choice((1, 2, 5, 0)))
        if dice < 0.06:
            return yjs.skip(self.random.choice((1, 2)))
        origin = right = None
        parent: str | tuple[int, int] = self.random.choice(ROOTS)
        sub = self.random.choice((None, None, *KEYS))
        if dice < 0.5:
            origin = self.id()
        if origin is not None and dice < 0.25:
            right = (origin[0], origin[1] + 1)
        elif 0.5 < dice < 0.6:
            right = self.id()
        if dice > 0.8:
            parent = self.id()
        content = self.random.choice(CONTENTS)
        if self.random.random() < 0.8:
            where = Struct(0, 1, 4, origin, right, parent if origin is right is None else None, sub)
            content = self.random.choice(self.fitting(where))
        return yjs.item(content, origin=origin, right=right, parent=parent, sub=sub)

    def fitting(self, where: Struct) -> tuple[Content, ...]:
        """Asks the gate's own index, for a hostile device that knows the document well."""
        try:
            place = self.replica._gate._places._find(where, strict=True)
        except (Refusal, KeyError, IndexError):
            return CONTENTS
        if place.keyed or place.root in ("a", "") or place.kind == 0:
            return (*VALUES, *TYPES)
        return (*TEXTS, *TEXTS, *TYPES)

    def id(self) -> tuple[int, int]:
        known = self.replica.vector
        if not known or self.random.random() < 0.03:
            return self.random.choice(CLIENTS), self.random.randrange(30)
        client = self.random.choice(list(known))
        return client, self.random.randrange(known[client])


class Bytes(Fields):
    """Plays what real clients sent, with a few bytes changed in some of it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        scenario = self.random.choice(list(recorded().values()))
        self.real = [bytes.fromhex(update["data"]) for update in scenario["updates"]]

    def update(self) -> bytes:
        if self.real and self.random.random() < 0.5:
            return self.real.pop(0)
        changed = bytearray(self.random.choice(self.real or [b"\x00\x00"]))
        for _ in range(self.random.choice((1, 1, 2))):
            changed[self.random.randrange(len(changed))] = self.random.choice((0, 1, 2, 4, 7, 255))
        return bytes(changed)


def main(kind: str, first: int, seeds: int) -> None:
    accepted = 0
    for seed in range(first, first + seeds):
        sys.stdout.write(f"{seed}\n")
        sys.stdout.flush()
        accepted += (Bytes if kind == "bytes" else Fields)(seed).play()
    sys.stdout.write(f"accepted {accepted}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
