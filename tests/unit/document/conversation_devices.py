"""Devices that take part in a conversation, as stock Yjs clients of several people."""

from itertools import count
from typing import Any

import msgspec
from pycrdt import Map, Text
from replicas import NOTHING, Device, reader_of, send

from segue.auth.grants import Role
from segue.document.replica import Replica
from segue.document.verdict import Accepted, NoNews, Refused, Verdict
from segue.document.views import MessagesPage, ViewMessages

_numbers = count(1)


def new_message(user: str, text: str = "hi", kind: str = "user", **fields: Any) -> Map[Any]:
    part = Map({"type": "text", "text": Text(text)})
    author = {"kind": kind, "id": user}
    return Map({"role": "user", "author": author, "parts": Map({"0": part}), **fields})


class Talker(Device):
    """A device that writes messages; what it sends waits in its outbox."""

    def __init__(self, user: str = "alice") -> None:
        super().__init__(next(_numbers), user)

    def say(self, message: str, **fields: Any) -> None:
        self.map("messages")[message] = new_message(self.user, **fields)

    def ask(self, request: str, kind: str, target: str, value: object = None) -> None:
        asked = {"kind": kind, "target": target, "by": self.user}
        self.map("requests")[request] = asked if value is None else {**asked, "value": value}

    def answer(self, request: str) -> Any:
        return self.map("requests")[request]


class Talk:
    """A replica and who talks there."""

    def __init__(self, *agents: str) -> None:
        self.agents = agents
        self.replica = Replica.open(None, (), agents=agents)

    def send(self, talker: Talker, role: Role = Role.EDITOR) -> list[Verdict]:
        """Has everything in the outbox judged."""
        return [send(self.replica, data, user=talker.user, role=role) for data in talker.take()]

    def sync(self, *talkers: Talker) -> None:
        """Has everything accepted, one device after the other, and brings all up to date."""
        for talker in talkers:
            for verdict in self.send(talker):
                assert isinstance(verdict, Accepted | NoNews), verdict
        for talker in talkers:
            talker.receive(self.replica.state(NOTHING))

    def refuses(self, talker: Talker) -> str:
        before = self.replica.state(NOTHING)
        (verdict,) = self.send(talker)
        assert isinstance(verdict, Refused), verdict
        assert self.replica.state(NOTHING) == before
        return verdict.reason

    def restart(self) -> None:
        snapshot = self.replica.snapshot()
        assert snapshot
        self.replica = Replica.open(snapshot, (), agents=self.agents)

    def path(self) -> list[str]:
        return [message.id for message in self.page().messages]

    def page(self, limit: int = 50, before: int | None = None) -> MessagesPage:
        answer = self.replica.view(ViewMessages(limit, before))
        return msgspec.json.decode(answer, type=MessagesPage)

    def stored(self) -> dict[str, Any]:
        """The messages as any device reads them."""
        messages: dict[str, Any] = reader_of(self.replica).get("messages", type=Map).to_py() or {}
        return messages

    def order(self) -> dict[str, tuple[float, str | None]]:
        return {name: (m["seq"], m["parent"]) for name, m in self.stored().items()}

    def runs(self) -> dict[str, Any]:
        """The runs as any device reads them."""
        runs: dict[str, Any] = reader_of(self.replica).get("runs", type=Map).to_py() or {}
        return runs

    def head(self) -> Any:
        return reader_of(self.replica).get("session", type=Map).get("head")
