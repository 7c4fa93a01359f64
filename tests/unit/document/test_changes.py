"""Whoever follows a document's changes, from any mark on, ends where the document is."""

import json
import random
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import Any

import msgspec
import pytest
from conversation_devices import Talk, Talker, new_message
from pycrdt import Map
from replicas import logged, reader_of, send

from segue.auth.grants import Role
from segue.document import snapshot
from segue.document.edits import (
    AddMessage,
    Author,
    ContinueRun,
    Edit,
    EndRun,
    NewPart,
    SetSession,
    StartRun,
)
from segue.document.feed import BEGINNING, Mark
from segue.document.replica import Replica
from segue.document.steps import AppendText
from segue.document.submission import LoggedUpdate, Order, Submission
from segue.document.verdict import Accepted
from segue.document.views import Changes, Seen, ViewChanges, ViewMessage, ViewSession
from segue.ids import RANDOM_BYTES, SERVER, DeviceId, UserId, new_id

_numbers = count(1)


class Logged(Talk):
    """A document with its log, to be opened again from any of it."""

    def __init__(self, *agents: str) -> None:
        super().__init__(*agents)
        self.log: list[LoggedUpdate] = []

    def edit(self, what: Edit) -> None:
        verdict = self.replica.edit(Order(next(_numbers), what))
        if isinstance(verdict, Accepted):
            self._keep(verdict)

    def take(self, talker: Talker) -> None:
        for data in talker.take():
            update = logged(data, talker.user)
            verdict = self.replica.check(Submission(next(_numbers), Role.EDITOR, update))
            if isinstance(verdict, Accepted):
                self.log.append(update)
                self._keep(verdict)
        talker.receive(self.replica.state(b"\x00"))

    def replayed(self, kept: bytes | None = None, rows: int = 0) -> Replica:
        return Replica.open(kept, self.log[rows:], agents=self.agents)

    def _keep(self, verdict: Accepted) -> None:
        if verdict.made is not None:
            self.log.append(LoggedUpdate(SERVER, DeviceId(""), verdict.made.data))


@dataclass
class Follower:
    """What a program knows that is told of changes."""

    mark: Mark = BEGINNING
    messages: dict[str, Any] = field(default_factory=dict)
    others: dict[tuple[str, str], Any] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    told: list[tuple[Mark, str, str]] = field(default_factory=list)

    def follow(self, replica: Replica, limit: int = 1000) -> None:
        page = ask(replica, self.mark, limit, self.seen)
        for change in page.changes:
            self.take(change)
        self.mark = page.until
        if page.has_more:
            self.follow(replica, limit)

    def take(self, change: Any) -> None:
        assert change.mark > self.mark
        self.mark = change.mark
        self.told.append((change.mark, change.type, change.id))
        data = json.loads(bytes(change.data))
        match change.type:
            case "message.created":
                assert change.id not in self.messages
                self.messages[change.id] = data
            case "message.updated":
                # Of one that changed while a follower caught up this may be the first word.
                assert self.messages.get(change.id) != data
                self.messages[change.id] = data
            case "message.delta":
                part = self.messages[change.id]["parts"][data["part"]]
                assert len(part["text"]) == data["at"]
                part["text"] += data["text"]
            case "message.deleted":
                self.messages.pop(change.id, None)
            case kind:
                self.others[kind, change.id] = data
        self.seen.pop(change.id, None)
        if change.seen is not None:
            self.seen[change.id] = change.seen

    def forgetful(self) -> "Follower":
        """The same program, connected anew: it knows its mark, the server nothing."""
        return Follower(self.mark, json.loads(json.dumps(self.messages)), dict(self.others))


def ask(
    replica: Replica, mark: Mark | None, limit: int = 1000, seen: dict[str, Seen] | None = None
) -> Changes:
    answer = replica.view(ViewChanges(mark, limit, seen or {}))
    return msgspec.json.decode(answer, type=Changes)


def assert_knows_all(follower: Follower, talk: Logged) -> None:
    stored = {
        message: json.loads(talk.replica.view(ViewMessage(message))) for message in talk.stored()
    }
    # Versions follow from `supersedes`.
    assert follower.messages == stored
    runs = {key: value for (kind, key), value in follower.others.items() if kind == "run.updated"}
    assert {key: run["value"]["status"] for key, run in runs.items()} == {
        key: run["status"] for key, run in talk.runs().items()
    }
    known = {
        key: entry["value"]
        for (kind, key), entry in follower.others.items()
        if kind == "context.updated" and entry["value"] is not None
    }
    assert known == reader_of(talk.replica).get("context", type=Map).to_py()
    session = follower.others.get(("session.updated", ""))
    assert session in (None, json.loads(talk.replica.view(ViewSession())))


def adding(message: str, text: str = "hi") -> AddMessage:
    part = NewPart("text", msgspec.json.encode({"text": text}))
    return AddMessage(message, "user", Author("user", UserId("alice")), 1_700_000_000_000, (part,))


@pytest.fixture
def talk() -> Logged:
    return Logged()


def test_ids_rise_and_resuming_from_each_loses_and_repeats_nothing(talk: Logged) -> None:
    """Ten thousand, all of the same millisecond: five in each update."""
    alice = Talker("alice")
    names = [new_id(1_700_000_000_000, n.to_bytes(RANDOM_BYTES)) for n in range(10_000)]
    for start in range(0, 10_000, 5):
        with alice.doc.transaction():
            for name in names[start : start + 5]:
                alice.say(name)
        for data in alice.take():
            send(talk.replica, data)
    follower = Follower()
    follower.follow(talk.replica, limit=100)
    assert [key for _, kind, key in follower.told if kind == "message.created"] == names
    marks = [mark for mark, _, _ in follower.told]
    assert len(marks) == 10_001  # and the session's own fields
    assert all(before < after for before, after in pairwise(marks))
    reopened = Replica.open(talk.replica.snapshot(), (), agents=talk.agents)
    for before, after in pairwise(marks):
        (change,) = ask(reopened, before, limit=1).changes
        assert change.mark == after
    assert ask(reopened, marks[-1]).changes == []


def test_an_answer_is_told_as_it_is_written() -> None:
    follower = Follower()
    talk = Logged("demo")
    talk.edit(adding("q"))
    talk.edit(StartRun("q", "a", 1))
    follower.follow(talk.replica)
    for n in range(50):
        talk.edit(ContinueRun("q", "a", (AppendText(0, 3 * n, f"{n:02} "),)))
        follower.follow(talk.replica)
    talk.edit(EndRun("q", "a", "done", 2))
    follower.follow(talk.replica)
    assert [kind for _, kind, key in follower.told if key == "a"] == [
        "message.created",
        "message.updated",  # its first part
        *["message.delta"] * 49,
        "message.updated",
    ]
    assert_knows_all(follower, talk)


def test_text_that_was_changed_before_its_end_is_told_whole(talk: Logged) -> None:
    follower = Follower()
    alice = Talker("alice")
    alice.map("messages")["m"] = new_message("alice", "one two", status="streaming")
    talk.take(alice)
    follower.follow(talk.replica)
    text = alice.map("messages")["m"]["parts"]["0"]["text"]
    del text[0:3]
    text += " three four"
    talk.take(alice)
    follower.follow(talk.replica)
    assert [kind for _, kind, key in follower.told if key == "m"][-1] == "message.updated"
    assert_knows_all(follower, talk)


def test_what_is_gone_is_told_to_who_knew_it(talk: Logged) -> None:
    follower, late = Follower(), Follower()
    alice = Talker("alice")
    alice.say("m1")
    alice.map("context")["city"] = {"value": "Lisbon", "by": "alice"}
    talk.take(alice)
    follower.follow(talk.replica)
    alice.ask("r", "withdraw", "m1")
    del alice.map("context")["city"]
    talk.take(alice)
    for each in (follower, late):
        each.follow(talk.replica)
        assert_knows_all(each, talk)
        assert each.others["context.updated", "city"] == {"id": "city", "value": None}
    assert "message.deleted" in [kind for _, kind, _ in follower.told]
    assert not [kind for _, kind, _ in late.told if kind.startswith("message")]


def test_a_returning_device_that_sends_all_its_deletes_changes_only_what_is_new(
    talk: Logged,
) -> None:
    follower, alice = Follower(), Talker("alice")
    for n in range(20):
        alice.say(f"m{n}", status="streaming")
        alice.map("messages")[f"m{n}"]["status"] = "complete"
        talk.take(alice)
    talk.edit(SetSession("one"))
    talk.edit(SetSession("two"))
    follower.follow(talk.replica)
    before = len(follower.told)
    alice.receive(talk.replica.state(b"\x00"))
    alice.take()
    alice.say("late")
    alice.take()
    # As a step 2 does: what the server lacks, and every delete there is.
    whole = alice.doc.get_update()
    update = logged(whole, "alice")
    assert isinstance(talk.replica.check(Submission(next(_numbers), Role.EDITOR, update)), Accepted)
    follower.follow(talk.replica)
    told = {(kind, key) for _, kind, key in follower.told[before:]}
    assert told == {
        ("message.created", "late"),
        ("session.updated", ""),
    }


def test_a_snapshot_from_before_there_was_a_feed_is_followed_from_its_beginning(
    talk: Logged,
) -> None:
    talk.edit(adding("m1"))
    old = snapshot.decode(talk.replica.snapshot())
    without = msgspec.structs.replace(old, changes=(), change_count=0)
    data = b"\x01" + msgspec.msgpack.encode(without)
    follower = Follower()
    follower.follow(Replica.open(data, (), agents=talk.agents))
    assert_knows_all(follower, talk)


def test_a_mark_of_another_life_is_told_from_the_present(talk: Logged) -> None:
    talk.edit(adding("m1"))
    page = ask(talk.replica, (10**6, ""))
    assert page.changes == []
    assert page.until < (10**6, "")


@pytest.mark.parametrize("seed", range(25))
def test_any_follower_ends_where_the_document_is(seed: int) -> None:
    """People and an agent write; the document is opened anew from snapshots and rows of any time."""
    fate, talk = random.Random(seed), Logged("demo")
    people = [Talker("alice"), Talker("bob")]
    followers = [Follower()]
    kept: list[tuple[bytes | None, int]] = [(None, 0)]
    for step in range(60):
        _do_something(talk, fate, people, step)
        for follower in fate.sample(followers, fate.randint(0, len(followers))):
            follower.follow(talk.replica, limit=fate.randint(1, 4))
        match fate.randrange(8):
            case 0:
                followers.append(fate.choice(followers).forgetful())
            case 1:
                kept.append((talk.replica.snapshot(), len(talk.log)))
            case 2:
                data, rows = fate.choice(kept)
                # A snapshot may hold some of the rows behind it.
                talk.replica = talk.replayed(data, max(0, rows - fate.randrange(3)))
            case 3:
                followers[fate.randrange(len(followers))] = Follower()
    for follower in followers:
        follower.follow(talk.replica)
        assert_knows_all(follower, talk)


def _do_something(  # noqa: PLR0912 - a dice with eight sides
    talk: Logged, fate: random.Random, people: list[Talker], step: int
) -> None:
    who = fate.choice(people)
    talk.take(who)
    runs = talk.runs()
    queued = [key for key, run in runs.items() if run["status"] == "queued"]
    active = {key: run["attempt"] for key, run in runs.items() if run["status"] == "active"}
    own = [key for key, m in talk.stored().items() if m["author"]["id"] == who.user]
    match fate.randrange(9):
        case 0 | 1:
            who.say(f"m{step}")
        case 2 if queued:
            talk.edit(StartRun(queued[0], f"a{step}", step))
        case 3 | 8 if active:
            ((run, attempt),) = active.items()
            parts = talk.stored()[runs[run]["message"]]["parts"]
            text = parts["0"]["text"] if parts else ""
            write = AppendText(0, len(text.encode()), f"é{step} ")
            talk.edit(ContinueRun(run, attempt, (write,)))
        case 4 if active:
            ((run, attempt),) = active.items()
            talk.edit(EndRun(run, attempt, fate.choice(["done", "error"]), step))
        case 5 if own:
            who.ask(f"r{step}", "withdraw", fate.choice(own))
        case 6 if own:
            text = who.map("messages")[fate.choice(own)]["parts"]["0"]["text"]
            if len(str(text)) > 1:
                del text[0:1]
            else:
                text += "more"
        case 7:
            who.map("context")[fate.choice("xyz")] = {"value": float(step), "by": who.user}
        case _:
            talk.edit(SetSession(f"title {step}"))
    if fate.random() < 0.8:
        talk.take(who)
