"""The order of a conversation: every message gets its `seq` and `parent` once, in the order of the log.

Messages are a tree; people see the path from the root to `head`. A new message goes behind the head,
wherever its author thought the end was, so that a device that was offline lands at the end and hides
nothing; a fork is made by `supersedes` alone. One that is deleted hands its children to its parent.

Invariants:
1. What stands in the document is what stands here: a `seq` or `parent` that an author took along
   (by putting a message anew) is written again, the same.
2. A `seq` is given once, also when its message is gone.
3. Everything is written in the transaction of the caller, who logs it in one row with its cause.
4. A message that waits in line for its answer has no place yet: the caller places it when its turn comes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pycrdt import Map

from segue.document.crdt import Roots
from segue.document.grants import Known
from segue.document.schema import HEAD, MESSAGES, PARENT, SEQ, SESSION, SUPERSEDES

_TIME: Final = len("01900000-0000")
"""The characters of a UUIDv7 that are its time, 48 bits of milliseconds (RFC 9562)."""

_UUID7: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a message is."""

    seq: int
    parent: str | None


class Sequencer:
    """The tree of one document's messages. `load` it once; of each update `take` what it touched, and `place` it."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._spots: dict[str, Spot] = {}
        self._children: dict[str | None, dict[str, None]] = {}
        self._head: str | None = None
        self._unseen: dict[str, None] = {}

    # -- reading -----------------------------------------------------------------------------------

    def has_children(self, message: str) -> bool:
        """Tells whether anything follows a message."""
        return bool(self._children.get(message))

    @property
    def head(self) -> str | None:
        """The message that the next one follows: the newest end below the one that was chosen.

        Found when it is asked for, not with each choice: an update can hold ten thousand.
        """
        self._head = self._end_below(self._head)
        return self._head

    @property
    def first(self) -> str | None:
        """The message that a conversation began with; O(its versions)."""
        return min(
            self._children.get(None, {}), key=lambda message: self._spots[message].seq, default=None
        )

    def spot(self, message: str) -> Spot | None:
        """Gives where a message is; None if it has no place (yet)."""
        return self._spots.get(message)

    def versions(self, message: str) -> list[str]:
        """Gives all messages in a message's place, itself included, oldest first."""
        return self._by_seq(self._children[self._spots[message].parent])

    def path(self, before: int | None, limit: int) -> list[str]:
        """Gives the last `limit` ids with a seq below `before` of the active path, oldest first.

        O(messages from the head down to the page's first).
        """
        return self._up_from(self.head, before, limit)

    def after(self, seq: int) -> list[str]:
        """Gives all ids with a seq above `seq`, by it; O(all messages)."""
        return self._by_seq(each for each, spot in self._spots.items() if spot.seq > seq)

    def path_to(self, message: str, limit: int) -> list[str]:
        """Gives the last `limit` ids of the path that ends with a message, oldest first."""
        return self._up_from(message if message in self._spots else None, None, limit)

    def _up_from(self, message: str | None, before: int | None, limit: int) -> list[str]:
        found: list[str] = []
        while message is not None and len(found) < limit:
            spot = self._spots[message]
            if before is None or spot.seq < before:
                found.append(message)
            message = spot.parent
        return found[::-1]

    @property
    def has_unseen(self) -> bool:
        """Tells whether what was loaded holds messages that `take` never saw."""
        return bool(self._unseen)

    @property
    def unseen(self) -> list[str]:
        """Those messages, as their authors made them."""
        return sorted(self._unseen)

    # -- writing -----------------------------------------------------------------------------------

    def load(self, root: Roots) -> None:
        """Learns the tree from a document. What has no place in it yet is `fresh` at the next update."""
        messages = root(MESSAGES)
        for message in messages.keys():
            self._load_message(message, messages[message])
        for message, spot in list(self._spots.items()):
            # Members could write an order of their own before it was the server's: no circles.
            above = None if spot.parent is None else self._spots.get(spot.parent)
            if above is None or above.seq >= spot.seq:
                self._place(message, Spot(spot.seq, None))
        head = root(SESSION).get(HEAD)
        if isinstance(head, str) and head in self._spots:
            self._head = head

    def take(self, root: Roots, touched: Iterable[str]) -> tuple[list[str], list[str]]:
        """Takes away the place of deleted messages; gives the new ones in order, and those that are gone."""
        messages = root(MESSAGES)
        unseen, self._unseen = self._unseen, {}
        fresh: list[str] = []
        gone: list[str] = []
        for message in {**unseen, **dict.fromkeys(touched)}:
            value = messages.get(message)
            if not isinstance(value, Map):
                gone.append(message)
            elif message in self._spots:
                _write(value, self._spots[message])
            else:
                fresh.append(message)
        self._remove(messages, [message for message in gone if message in self._spots])
        return _by_time(fresh), gone

    def place(self, root: Roots, message: str) -> None:
        """Gives a message its place behind the head, or beside what it supersedes; it is the head then."""
        value = root(MESSAGES).get(message)
        if message in self._spots or not isinstance(value, Map):
            return
        self._stamp(message, value, self.head)
        self._head = message

    def adopt(
        self, root: Roots, places: Iterable[tuple[str, str | None]], head: str | None
    ) -> None:
        """Gives messages of an import their places, in this order, each behind a parent before it."""
        messages = root(MESSAGES)
        message = None
        for message, parent in places:
            self._known.last_seq += 1
            spot = Spot(self._known.last_seq, parent)
            self._place(message, spot)
            _write(_map_at(messages, message), spot)
        self._head = head if head in self._spots else message

    def place_answer(self, root: Roots, answer: str, reply_to: str) -> None:
        """Gives an answer its place: on the path that people see, unless they left what it replies to."""
        value = root(MESSAGES)[answer]
        assert isinstance(value, Map)
        if value.get(SUPERSEDES) is not None or self._is_on_path(reply_to):
            self.place(root, answer)
        else:
            self._stamp(answer, value, self._end_below(reply_to))

    def switch(self, message: str) -> str | None:
        """Makes the newest end below a message the head; gives why not."""
        if message not in self._spots:
            return "there is no such message"
        self._head = message
        return None

    def withdraw(self, root: Roots, message: str) -> None:
        """Deletes a message."""
        messages = root(MESSAGES)
        del messages[message]
        self._remove(messages, [message] if message in self._spots else [])

    def show_head(self, root: Roots) -> None:
        """Writes the head, if it is another than the document has."""
        if root(SESSION).get(HEAD) != self.head:
            root(SESSION)[HEAD] = self.head

    def _load_message(self, message: str, value: object) -> None:
        if not isinstance(value, Map):
            return
        seq, parent = value.get(SEQ), value.get(PARENT)
        if isinstance(seq, float):
            self._place(message, Spot(int(seq), parent if isinstance(parent, str) else None))
        else:
            self._unseen[message] = None

    def _stamp(self, message: str, value: "Map[object]", behind: str | None) -> None:
        superseded = value.get(SUPERSEDES)
        other = self._spots.get(superseded) if isinstance(superseded, str) else None
        self._known.last_seq += 1
        spot = Spot(self._known.last_seq, behind if other is None else other.parent)
        self._place(message, spot)
        _write(value, spot)

    def _is_on_path(self, message: str) -> bool:
        """Tells whether a message is on the way from the head to the root, or nowhere; O(what is behind)."""
        spot = self._spots.get(message)
        if spot is None:
            return True
        found = self.head
        while found is not None and self._spots[found].seq > spot.seq:
            found = self._spots[found].parent
        return found == message

    def _place(self, message: str, spot: Spot) -> None:
        before = self._spots.get(message)
        if before is not None:
            self._children[before.parent].pop(message, None)
        self._spots[message] = spot
        self._children.setdefault(spot.parent, {})[message] = None

    def _remove(self, messages: Map[object], gone: list[str]) -> None:
        """Takes messages out of the tree; O(them and their children that stay)."""
        removed = {message: self._spots.pop(message).parent for message in gone}
        for message, parent in removed.items():
            self._children[parent].pop(message, None)
        for message in gone:
            heir = _nearest(removed, message)
            for child in self._children.pop(message, {}):
                if child in removed:
                    continue
                spot = self._spots[child] = Spot(self._spots[child].seq, heir)
                self._children.setdefault(heir, {})[child] = None
                _write(_map_at(messages, child), spot)
        if self._head in removed:
            # To another version, should there be one.
            self._head = _nearest(removed, self._head)

    def _end_below(self, message: str | None) -> str | None:
        """Goes down from a message, or from above all, to the newest each time."""
        while children := self._children.get(message):
            message = max(children, key=lambda child: self._spots[child].seq)
        return message

    def _by_seq(self, messages: Iterable[str]) -> list[str]:
        return sorted(messages, key=lambda message: self._spots[message].seq)


def _map_at(messages: "Map[object]", message: str) -> "Map[object]":
    value = messages[message]
    assert isinstance(value, Map)
    return value


def _write(message: "Map[object]", spot: Spot) -> None:
    if message.get(SEQ) != spot.seq:
        message[SEQ] = float(spot.seq)  # an int would be a BigInt to JavaScript
    if PARENT not in message or message[PARENT] != spot.parent:
        message[PARENT] = spot.parent


def _by_time(messages: list[str]) -> list[str]:
    """Puts messages of one update in order: by time where all ids tell it, else as they were written.

    Of one millisecond, too, they stay as they were written: what follows it in an id is random.
    """
    if all(_UUID7.fullmatch(message) for message in messages):
        return sorted(messages, key=lambda message: message[:_TIME])
    return messages


def _nearest(removed: dict[str, str | None], message: str) -> str | None:
    """Gives the nearest ancestor that stays, and shortens the way to it for the next one."""
    chain = []
    ancestor: str | None = message
    while ancestor is not None and ancestor in removed:
        chain.append(ancestor)
        ancestor = removed[ancestor]
    for link in chain:
        removed[link] = ancestor
    return ancestor
