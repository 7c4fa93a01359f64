"""Devices in front of a hub, without sockets: stock clients' behaviour on pycrdt documents.

A `Device` checks what it is told: nothing builds on what it doesn't have, and its number of unsynced
changes is never below 0, and never 0 while something of it isn't durable.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub_ports import Stored
from pycrdt import Doc, Map, Text, TransactionEvent

from segue.auth.grants import Role
from segue.document.update import parse
from segue.errors import SegueError
from segue.hub.hub import Hub
from segue.hub.peer import Identity, Peer
from segue.hub.room import DocumentMessage, Room
from segue.ids import DeviceId, DocumentId, UserId
from segue.wire.awareness import AwarenessEntry, decode_awareness
from segue.wire.hocuspocus import Hocuspocus
from segue.wire.lib0 import Reader
from segue.wire.messages import AwarenessUpdate, SyncStep1, SyncStep2, Update
from segue.wire.owed import Owed
from segue.wire.vector import decode_vector
from segue.wire.ywebsocket import YWebsocket

STEP1, STEP2, UPDATE, AWARENESS, DENIED, SAVED, UNSAVED = (
    "step1",
    "step2",
    "update",
    "awareness",
    "denied",
    "saved",
    "unsaved",
)


@dataclass(frozen=True)
class Said:
    """One message of the server."""

    kind: str
    data: bytes = b""


def payloads(frames: bytes) -> list[bytes]:
    """Takes WebSocket frames apart."""
    found = []
    while frames:
        assert frames[0] == 0x82
        size, start = frames[1], 2
        if size == 126:
            size, start = int.from_bytes(frames[2:4]), 4
        elif size == 127:
            size, start = int.from_bytes(frames[2:10]), 10
        found.append(frames[start : start + size])
        frames = frames[start + size :]
    return found


def understand(payload: bytes, prefix: bytes) -> Said:
    assert payload.startswith(prefix), "a frame of another dialect or name"
    reader = Reader(payload[len(prefix) :])
    kind = reader.var_uint()
    if kind == 0:
        said = Said((STEP1, STEP2, UPDATE)[reader.var_uint()], reader.bytes())
    elif kind == 1:
        said = Said(AWARENESS, reader.bytes())
    elif kind == 2:
        return Said(DENIED)
    else:
        assert kind == 8
        said = Said(SAVED if payload[-1] == 1 else UNSAVED)
        reader.var_uint()
    reader.finish()
    return said


class Line:
    """A connection: its buffer, and the peers on it."""

    def __init__(self, is_full: Callable[[], bool] = lambda: False) -> None:
        self.congested = False
        self.outboxes: list[Outbox] = []
        self._is_full = is_full

    def written(self) -> None:
        if not self.congested and self._is_full():
            self.congest()

    def congest(self) -> None:
        self.congested = True
        for outbox in self.outboxes:
            outbox.room_of().on_congested(outbox.peer)

    def drain(self) -> None:
        self.congested = False
        for outbox in self.outboxes:
            outbox.room_of().on_drained(outbox.peer)


class Outbox:
    """What the hub writes for one peer, checked against what is committed."""

    def __init__(self, line: Line, stored: Stored) -> None:
        self.line = line
        self.said: deque[Said] = deque()
        self.error: SegueError | None = None
        self.peer: Peer
        self.room: Room | None = None
        self._stored = stored
        line.outboxes.append(self)

    @property
    def congested(self) -> bool:
        return self.line.congested

    def room_of(self) -> Any:
        return self.room if self.room is not None else _Nowhere()

    def write(self, frames: bytes) -> None:
        assert self.error is None, "a refused peer is told nothing more"
        for payload in payloads(frames):
            said = understand(payload, self.peer.dialect.key)
            self._check(said)
            self.said.append(said)
        self.line.written()

    def refuse(self, peer: Peer, error: SegueError) -> None:
        assert peer is self.peer
        self.leave()
        self.error = error

    def leave(self) -> None:
        if self in self.line.outboxes:
            self.line.outboxes.remove(self)
            if self.room is not None:
                self.room.detach(self.peer)

    def _check(self, said: Said) -> None:
        """Nothing is shown that isn't committed."""
        if said.kind == STEP1:
            vector = decode_vector(said.data)
            committed = self._stored.vector
            assert all(clock <= committed.get(client, 0) for client, clock in vector.items())
        elif said.kind in (STEP2, UPDATE):
            assert self._stored.holds(said.data), "something uncommitted is shown"


class _Nowhere:
    def on_congested(self, peer: Peer) -> None: ...

    def on_drained(self, peer: Peer) -> None: ...


def new_peer(
    outbox: Outbox, *, user: str, role: Role = Role.OWNER, name: str = "", device: str = "d"
) -> Peer:
    """Makes a peer that speaks Hocuspocus under `name`, y-websocket without one."""
    identity = Identity(UserId(user), DeviceId(device), role)
    dialect = Hocuspocus(name) if name else YWebsocket()
    outbox.peer = Peer(identity, dialect, outbox, Owed() if name else None)
    return outbox.peer


class Device:
    """A person's copy of the document, and the provider that syncs it."""

    def __init__(
        self, hub: Hub, document: str, stored: Stored, *, user: str, name: str, client: int
    ) -> None:
        self.hub = hub
        self.document = DocumentId(document)
        self.user = user
        self.name = name
        self.stored = stored
        self.outbox: Outbox | None = None
        self.to_server: deque[DocumentMessage] = deque()
        self.unsynced = 0
        self.others: dict[int, str] = {}
        self.told_saved: set[str] = set()
        self._was_answered = False
        self._queue: list[bytes] = []
        self.start_over(client)

    def start_over(self, client: int) -> None:
        """Loads the page again."""
        self.client = client
        self.doc: Doc[Any] = Doc(client_id=client)
        self.text = self.doc.get("text", type=Text)
        self.map = self.doc.get("map", type=Map)
        self._queue.clear()

    # -- what people do --------------------------------------------------------------------------

    def edit(self, change: Callable[["Device"], None]) -> None:
        updates: list[bytes] = []

        def note(event: TransactionEvent) -> None:
            updates.append(event.update)

        subscription = self.doc.observe(note)
        change(self)
        self.doc.unobserve(subscription)
        for update in updates:
            if update != b"\x00\x00":
                self._send_edit(update)

    def say(self, message: str) -> None:
        author = {"kind": "user", "id": self.user}
        self.doc.get("messages", type=Map)[message] = Map({"role": "user", "author": author})

    def _send_edit(self, update: bytes) -> None:
        self.unsynced += 1
        if self.is_connected:
            self.to_server.append(Update(update))
        elif self.name:
            self._queue.append(update)

    # -- the provider ----------------------------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        return self.outbox is not None

    @property
    def peer(self) -> Peer:
        assert self.outbox is not None
        return self.outbox.peer

    @property
    def vector(self) -> dict[int, int]:
        return decode_vector(self.doc.get_state())

    def connect(self, line: Line | None = None, role: Role = Role.OWNER) -> None:
        outbox = Outbox(line or Line(), self.stored)
        peer = new_peer(outbox, user=self.user, role=role, name=self.name)
        self.outbox = outbox
        self._was_answered = False
        self.to_server.clear()
        outbox.room = self.hub.attach(self.document, peer)
        self.send_step1()
        state = json.dumps({"at": self.client})
        self.to_server.append(AwarenessUpdate((AwarenessEntry(self.client, 1, state),)))

    def send_step1(self) -> None:
        raw = self.doc.get_state()
        self.unsynced = 1
        self.to_server.append(SyncStep1(decode_vector(raw), raw))

    def disconnect(self) -> None:
        assert self.outbox is not None
        self.outbox.leave()
        self.outbox = None
        self.to_server.clear()

    def deliver_to_server(self, count: int = 1_000) -> None:
        """Has the hub receive what was sent, in order."""
        outbox = self.outbox
        while count and self.to_server and outbox is not None and outbox.error is None:
            assert outbox.room is not None
            outbox.room.receive(outbox.peer, self.to_server.popleft())
            count -= 1

    def read(self, count: int = 1_000) -> None:
        """Takes what the hub wrote, in order; a full buffer is empty then."""
        outbox = self.outbox
        assert outbox is not None
        while count and outbox.said:
            self._on_said(outbox.said.popleft())
            count -= 1
        if outbox.line.congested and not any(each.said for each in outbox.line.outboxes):
            outbox.line.drain()

    def _on_said(self, said: Said) -> None:
        if not self._was_answered:
            self._was_answered = True
            self.to_server.extend(Update(update) for update in self._queue)
            self._queue.clear()
        match said.kind:
            case "step1":
                self.to_server.append(SyncStep2(self.doc.get_update(said.data)))
            case "step2" | "update":
                self._apply(said.data)
            case "awareness":
                self._note_presence(said.data)
            case "saved":
                self.unsynced -= 1
                self._check_number()
            case _:
                pass

    def _apply(self, update: bytes) -> None:
        vector = self.vector
        for section in parse(update).sections:
            assert section.start <= vector.get(section.client, 0), "it was not told what is before"
        self.doc.apply_update(update)

    def _note_presence(self, data: bytes) -> None:
        for entry in decode_awareness(data):
            if entry.state is None:
                self.others.pop(entry.client, None)
            else:
                self.others[entry.client] = entry.state

    def _check_number(self) -> None:
        assert self.unsynced >= 0, "a status too many"
        if self.unsynced == 0:
            assert self.is_durable, "called saved, and isn't"
            self.told_saved.update(self.doc.get("messages", type=Map).keys())

    @property
    def is_durable(self) -> bool:
        return self.stored.holds(self.doc.get_update())
