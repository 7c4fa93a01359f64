"""Who may write what of a conversation; everything else in a document is free.

The author rule: a message is `messages[id]`, a Y.Map. It comes with its `author` in one update:
`{kind, id, ...}` as a JSON object or a Y.Map, `kind` "agent" for the role agent and else "user", `id`
the connection's user. Only that identity may put anything under the id again, or delete it; a message
that stays keeps its author.

The order is the server's: a message's `seq`, its `parent` once it is there, the session's `head`.

A request is `requests[id]`, a JSON object with a `kind` and `by`, the connection's user: written once,
answered and removed by the server alone; to decide about tool calls is for people only. `runs` are the server's. What is known, `context[key]`, may be
changed by everybody, each in their own name: a JSON object with `by`.
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

MAX_REQUESTS: Final = 200
"""In one update; people ask for one thing at a time."""

_WHOLE_AUTHOR: Final = frozenset((Part.AUTHOR, Part.AUTHOR_KIND, Part.AUTHOR_ID))
_REMOVES: Final = "requests, runs and the active message are the server's to remove"
_SERVERS: Final = "the order of messages is the server's: "


def identity_of(role: Role, user: UserId) -> Identity:
    """Gives who a connection of this role writes as."""
    return ("agent" if role is Role.AGENT else "user"), user


@dataclass(slots=True)
class Known:
    """What is known of a conversation: who wrote each message, ids of requests, the highest seq ever."""

    authors: dict[str, Identity] = field(default_factory=dict)
    requests: set[str] = field(default_factory=set)
    last_seq: int = 0


@dataclass(slots=True)
class Review:
    """Collects what one update does to a conversation; `settle` is the verdict on the whole of it."""

    known: Known
    identity: Identity
    requests: set[str] = field(default_factory=set)
    entries: dict[Id, str] = field(default_factory=dict)
    created: set[str] = field(default_factory=set)
    given: dict[Id, set[Part]] = field(default_factory=dict)
    taken: list[tuple[Id, Part]] = field(default_factory=list)

    def insert(self, item: Id, struct: Struct, place: Place, data: bytes) -> None:
        """Notes a new struct at a place of the conversation.

        Raises:
            Refusal: the message is another's, or the content can't be there.
        """
        match place.part:
            case Part.SESSION:
                return
            case Part.HEAD:
                raise Refusal(_SERVERS + "ask for another `head` with a request of kind switch")
            case Part.SEQ:
                raise Refusal(_SERVERS + "it gives each message its `seq`")
            case Part.RUN:
                raise Refusal("runs are the server's: ask with a request")
            case Part.CONTEXT:
                self._insert_entry(struct, data)
            case Part.REQUEST:
                self._insert_request(struct, _entry(place), data)
            case _:
                self._insert_in_message(item, struct, place, data)

    def _insert_request(self, struct: Struct, request: str, data: bytes) -> None:
        if request in self.known.requests or request in self.requests:
            raise Refusal("a request is written once; ask again under another id")
        if struct.ref == DELETED:
            return
        if len(self.requests) == MAX_REQUESTS:
            raise Refusal(f"an update holds {MAX_REQUESTS} requests at most; ask for less at once")
        values = _values(struct, data)
        if not values or not all(self._is_request(value) for value in values):
            raise Refusal(
                "a request is an object with a `kind` and with `by`, who sends it; no `outcome`"
            )
        if self.identity[0] == "agent" and any(_decides(value) for value in values):
            raise Refusal("tool calls are for people to decide, not for agents")
        if self.identity[0] == "agent" and any(_withdraws(value) for value in values):
            # `by` has an id and no kind: it would pass for that of a person of the same name.
            raise Refusal("people withdraw messages; an agent deletes its own")
        self.requests.add(request)

    def _is_request(self, value: object) -> bool:
        return (
            self._is_own(value)
            and isinstance(value, dict)
            and isinstance(value.get("kind"), str)
            and "outcome" not in value  # it would pass for answered, and stay for ever
        )

    def _insert_entry(self, struct: Struct, data: bytes) -> None:
        values = _values(struct, data)
        if struct.ref != DELETED and not (values and all(self._is_own(value) for value in values)):
            raise Refusal("an entry of the context is an object with `by`, who sends it")

    def _is_own(self, value: object) -> bool:
        return isinstance(value, dict) and value.get("by") == self.identity[1]

    def _insert_in_message(self, item: Id, struct: Struct, place: Place, data: bytes) -> None:
        self._check_owner(place)
        if place.part is Part.PARENT and place.host is not None:
            if _entry(place) not in self.created:
                raise Refusal(_SERVERS + "a message keeps its `parent`")
            self.given.setdefault(place.host, set()).add(Part.PARENT)
            return
        if struct.ref == DELETED:
            return
        if place.part is Part.ENTRY:
            if struct.kind != MAP_TYPE:
                raise Refusal("a message has to be a Y.Map")
            self.entries[item] = _entry(place)
            self.created.add(_entry(place))
        elif place.host is not None:
            self._insert_author(struct, place, place.host, data)

    def delete(self, place: Place) -> None:
        """Notes that something of a conversation is deleted which was not before.

        Raises:
            Refusal: the message is another's, or it is the server's to delete.
        """
        match place.part:
            case Part.SESSION | Part.CONTEXT:
                return
            case Part.HEAD | Part.RUN:
                raise Refusal(_REMOVES)
            case Part.REQUEST if _entry(place) in self.known.requests:
                raise Refusal(_REMOVES)
            case Part.REQUEST:
                return
            case _:
                self._check_owner(place)
        if place.host is not None:
            self.taken.append((place.host, place.part))

    def settle(self, deletes: dict[int, Ranges]) -> None:
        """Checks that each message put or kept has its author, and remembers the new ones.

        Raises:
            Refusal: an author is missing.
        """
        for host, given in self.given.items():
            author = given & _WHOLE_AUTHOR
            if Part.AUTHOR in author and author != _WHOLE_AUTHOR and not _covers(deletes, host):
                raise Refusal("an author has a kind and an id")
        for host, part in self.taken:
            if part not in self.given.get(host, ()) and not _covers(deletes, host):
                what = "place" if part in (Part.SEQ, Part.PARENT) else "author"
                raise Refusal(f"a message keeps its {what}")
        staying = [entry for entry in self.entries if not _covers(deletes, entry)]
        if any(Part.AUTHOR not in self.given.get(entry, ()) for entry in staying):
            raise Refusal("a new message has to name its author")
        self.known.authors.update((self.entries[entry], self.identity) for entry in staying)
        self.known.requests |= self.requests

    def _check_owner(self, place: Place) -> None:
        message = _entry(place)
        owner = self.known.authors.get(message)
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
    """Learns what is known from what was reviewed when it came: log, snapshot and the server's own."""

    known: Known
    halves: dict[str, dict[Part, object]] = field(default_factory=dict)

    def insert(self, struct: Struct, place: Place, data: bytes) -> None:
        """Takes what a struct at a place of the conversation tells."""
        match place.part:
            case Part.AUTHOR:
                for value in _values(struct, data):
                    self._learn(_entry(place), _identity_in(value))
            case Part.AUTHOR_KIND | Part.AUTHOR_ID:
                for value in _values(struct, data):
                    self._learn_half(_entry(place), place.part, value)
            case Part.REQUEST:
                self.known.requests.add(_entry(place))
            case Part.SEQ:
                seqs = [v for v in _values(struct, data) if isinstance(v, float)]
                self.known.last_seq = max(self.known.last_seq, *map(int, seqs), 0)
            case _:
                pass

    def _learn_half(self, message: str, part: Part, value: object) -> None:
        halves = self.halves.setdefault(message, {})
        halves[part] = value
        kind, user = halves.get(Part.AUTHOR_KIND), halves.get(Part.AUTHOR_ID)
        self._learn(message, _identity_in({"kind": kind, "id": user}))

    def _learn(self, message: str, identity: Identity | None) -> None:
        if identity is not None:
            self.known.authors[message] = identity


def _entry(place: Place) -> str:
    return place.entry or ""


def _values(struct: Struct, data: bytes) -> list[object]:
    return decode_values(data, struct.at)[0] if struct.ref == ANY else []


def _identity_in(author: object) -> Identity | None:
    if not isinstance(author, dict):
        return None
    kind, user = author.get("kind"), author.get("id")
    return (kind, user) if isinstance(kind, str) and isinstance(user, str) else None


def _decides(request: object) -> bool:
    return isinstance(request, dict) and request.get("kind") in ("approve", "tool_output")


def _withdraws(request: object) -> bool:
    return isinstance(request, dict) and request.get("kind") == "withdraw"


def _covers(deletes: dict[int, Ranges], item: Id) -> bool:
    return covers(deletes.get(item[0], []), item[1], item[1] + 1)
