"""The author rule: who writes a message, and that nobody else ever touches it.

A message is `messages[id]`, a Y.Map. It comes with its `author` in one update: `{kind, id, ...}` as
a JSON object or a Y.Map, `kind` "agent" for the role agent and else "user", `id` the connection's
user. Only that identity may put anything under the id again, or delete it; a message that stays keeps
its author. Other roots are free.
"""

from dataclasses import dataclass, field
from typing import Final

from segue.auth.grants import Role
from segue.document.content import ANY, DELETED, MAP_TYPE, Refusal, decode_values
from segue.document.places import Part, Place
from segue.document.ranges import Ranges, covers
from segue.document.update import Id, Struct
from segue.ids import UserId

Identity = tuple[str, str]
"""Kind ("user" or "agent") and id of who writes."""

_WHOLE_AUTHOR: Final = frozenset((Part.AUTHOR, Part.AUTHOR_KIND, Part.AUTHOR_ID))


def identity_of(role: Role, user: UserId) -> Identity:
    """Gives who a connection of this role writes as."""
    return ("agent" if role is Role.AGENT else "user"), user


@dataclass(slots=True)
class Review:
    """Collects what one update does to messages; `settle` is the verdict on the whole of it."""

    authors: dict[str, Identity]
    identity: Identity
    entries: dict[Id, str] = field(default_factory=dict)
    created: set[str] = field(default_factory=set)
    given: dict[Id, set[Part]] = field(default_factory=dict)
    taken: list[tuple[Id, Part]] = field(default_factory=list)

    def insert(self, item: Id, struct: Struct, place: Place, data: bytes) -> None:
        """Notes a new struct at a message's place.

        Raises:
            Refusal: the message is another's, or the content can't be there.
        """
        self._check_owner(place)
        if struct.ref == DELETED:
            return
        if place.part is Part.ENTRY:
            if struct.kind != MAP_TYPE:
                raise Refusal("a message has to be a Y.Map")
            self.entries[item] = _message(place)
            self.created.add(_message(place))
        elif place.host is not None:
            self._insert_author(struct, place, place.host, data)

    def delete(self, place: Place) -> None:
        """Notes that something of a message is deleted which was not before.

        Raises:
            Refusal: the message is another's.
        """
        self._check_owner(place)
        if place.host is not None:
            self.taken.append((place.host, place.part))

    def settle(self, deletes: dict[int, Ranges]) -> None:
        """Checks that each message put or kept has its author, and remembers the new ones.

        Raises:
            Refusal: an author is missing.
        """
        for host, given in self.given.items():
            if Part.AUTHOR in given and given != _WHOLE_AUTHOR and not _covers(deletes, host):
                raise Refusal("an author has a kind and an id")
        for host, part in self.taken:
            if part not in self.given.get(host, ()) and not _covers(deletes, host):
                raise Refusal("a message keeps its author")
        staying = [entry for entry in self.entries if not _covers(deletes, entry)]
        if any(Part.AUTHOR not in self.given.get(entry, ()) for entry in staying):
            raise Refusal("a new message has to name its author")
        self.authors.update((self.entries[entry], self.identity) for entry in staying)

    def _check_owner(self, place: Place) -> None:
        message = _message(place)
        owner = self.authors.get(message)
        if owner is None:
            if place.part is not Part.ENTRY and message not in self.created:
                raise Refusal("the message has no author who could change it")
        elif owner != self.identity:
            raise Refusal("the message is another's")

    def _insert_author(self, struct: Struct, place: Place, host: Id, data: bytes) -> None:
        given = self.given.setdefault(host, set())
        if place.part is Part.AUTHOR and struct.kind == MAP_TYPE:
            given.add(Part.AUTHOR)
            return
        values = _values(struct, data)
        if place.part is Part.AUTHOR:
            fits = all(_identity_in(value) == self.identity for value in values)
            given.update(_WHOLE_AUTHOR)
        else:
            expected = self.identity[place.part is Part.AUTHOR_ID]
            fits = all(value == expected for value in values)
            given.add(place.part)
        if not values or not fits:
            raise Refusal("a message's author has to be who sends it")


@dataclass(slots=True)
class Memory:
    """Learns the authors of messages from what was reviewed when it came: log and snapshot."""

    authors: dict[str, Identity]
    halves: dict[str, dict[Part, object]] = field(default_factory=dict)

    def insert(self, struct: Struct, place: Place, data: bytes) -> None:
        """Takes the author, or a half of it, that a struct at a message's place holds."""
        if place.host is None:
            return
        for value in _values(struct, data):
            if place.part is Part.AUTHOR:
                self._learn(_message(place), _identity_in(value))
            else:
                halves = self.halves.setdefault(_message(place), {})
                halves[place.part] = value
                kind, user = halves.get(Part.AUTHOR_KIND), halves.get(Part.AUTHOR_ID)
                self._learn(_message(place), _identity_in({"kind": kind, "id": user}))

    def _learn(self, message: str, identity: Identity | None) -> None:
        if identity is not None:
            self.authors[message] = identity


def _message(place: Place) -> str:
    return place.message or ""


def _values(struct: Struct, data: bytes) -> list[object]:
    return decode_values(data, struct.at)[0] if struct.ref == ANY else []


def _identity_in(author: object) -> Identity | None:
    if not isinstance(author, dict):
        return None
    kind, user = author.get("kind"), author.get("id")
    return (kind, user) if isinstance(kind, str) and isinstance(user, str) else None


def _covers(deletes: dict[int, Ranges], item: Id) -> bool:
    return covers(deletes.get(item[0], []), item[1], item[1] + 1)
