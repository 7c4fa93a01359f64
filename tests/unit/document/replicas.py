"""Replicas, and what devices send them."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from pycrdt import Array, Doc, Map, Text, XmlFragment

from segue.auth.grants import Role
from segue.document.replica import Replica
from segue.document.submission import LoggedUpdate, Submission
from segue.document.verdict import Verdict
from segue.ids import DeviceId, UserId

DATA = Path(__file__).parents[2] / "data"
NOTHING = b"\x00"

_numbers: Iterator[int] = count(1)


def logged(data: bytes, user: str = "alice") -> LoggedUpdate:
    return LoggedUpdate(UserId(user), DeviceId("phone"), data)


def send(
    replica: Replica, data: bytes, *, user: str = "alice", role: Role = Role.EDITOR
) -> Verdict:
    return replica.check(Submission(next(_numbers), role, logged(data, user)))


def replica_of(*updates: bytes, user: str = "alice") -> Replica:
    return Replica.open(None, [logged(data, user) for data in updates])


def reopened(replica: Replica) -> Replica:
    """The document after a restart from its snapshot."""
    snapshot = replica.snapshot()
    assert snapshot
    return Replica.open(snapshot, ())


def reader_of(replica: Replica) -> Doc[Any]:
    """What a device that joins now gets."""
    doc: Doc[Any] = Doc()
    doc.apply_update(replica.state(NOTHING))
    return doc


def text_of(replica: Replica, root: str = "t") -> str:
    return str(reader_of(replica).get(root, type=Text))


def content_of(doc: Doc[Any], root: str) -> Any:
    """A root as JSON, read as what the recorded scenarios use the name for."""
    kinds = {"t": Text, "rich": Text, "default": XmlFragment, "a": Array}
    shared = doc.get(root, type=kinds.get(root, Map))
    if isinstance(shared, (Text, XmlFragment)):
        return str(shared)
    content = shared.to_py()
    return without_order(content) if root == "messages" else content


def without_order(messages: dict[str, Any]) -> dict[str, Any]:
    """Messages as their authors wrote them."""
    return {
        message: {key: value for key, value in fields.items() if key not in ("seq", "parent")}
        for message, fields in messages.items()
    }


class Device:
    """A peer with pycrdt under it. `outbox` holds the updates it made and nobody took yet."""

    def __init__(self, client: int, user: str = "alice") -> None:
        self.doc: Doc[Any] = Doc(client_id=client)
        self.user = user
        self.outbox: list[bytes] = []
        self._local = True
        self.doc.observe(lambda event: self.outbox.append(event.update) if self._local else None)

    def text(self, root: str = "t") -> Text:
        return self.doc.get(root, type=Text)

    def map(self, root: str) -> Map[Any]:
        return self.doc.get(root, type=Map)

    def take(self) -> list[bytes]:
        taken, self.outbox[:] = list(self.outbox), []
        return taken

    def receive(self, update: bytes) -> None:
        self._local = False
        self.doc.apply_update(update)
        self._local = True


def recorded() -> dict[str, Any]:
    """What real Yjs clients sent, by the name of the scenario (tests/stock/record_updates.mjs)."""
    scenarios = json.loads((DATA / "yjs_updates.json").read_text())
    return {scenario["name"]: scenario for scenario in scenarios}
