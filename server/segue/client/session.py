"""A session as a program holds it."""

import contextlib
import math
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

import msgspec

from segue.client.address import Token
from segue.client.files import File, FileTransfer
from segue.client.live import LOAD_S, LiveDocument
from segue.document.conversation import title_of
from segue.document.edits import Author
from segue.document.reader import plain
from segue.document.schema import CONTEXT
from segue.document.views import Changes, MessageView
from segue.document.writing import (
    Answer,
    add_message,
    add_request,
    put_entry,
    remove_entry,
    set_fields,
    start_answer,
)
from segue.errors import InvalidName, InvalidRequest
from segue.ids import RANDOM_BYTES, DeviceId, UserId, new_id, session_id

_ROLES: Final = {"user": "user", "assistant": "assistant", "agent": "assistant", "system": "system"}
_CHARACTERS_PER_TOKEN: Final = 4
_TOKENS_PER_MESSAGE: Final = 4


@dataclass(frozen=True, slots=True)
class Message:
    """A message. `seq` is its place in the order, None until the server gave it one."""

    id: str
    role: str
    text: str
    author: str
    """Their name, or their id where they have none."""
    author_id: str
    created_at: int
    status: str
    seq: int | None
    run: str | None = None
    files: tuple[File, ...] = ()
    """Those that it names; all that they say of themselves is what its author says."""


@dataclass(frozen=True, slots=True)
class Event:
    """What changed. Types and data are those of the HTTP API's events."""

    type: str
    data: Mapping[str, Any]


class Session(LiveDocument):
    """A conversation. Everything but `save` and `load` works without a server, too."""

    @property
    def id(self) -> str:
        """The session's id, the same for everybody."""
        return self._name

    @classmethod
    async def create(
        cls,
        user_id: str | None = None,
        *,
        session_id: str | None = None,
        title: str = "",
        responder: str = "none",
        url: str | None = None,
        token: Token | None = None,
    ) -> Self:
        """Gives a new session; it needs no server yet, and is durable when `save` has returned.

        `user_id` is who the token has to be of. `responder` is the server's agent that answers what
        people write, by default none: this program does.

        Raises:
            Forbidden: the token is another user's.
            SegueError: there is no token, or the id or the URL is none.
        """
        session = await cls._open(session_id or _new_id(), url, token, user_id)
        session._begin(title, responder)  # noqa: SLF001 - its own
        return session

    @classmethod
    async def load(
        cls,
        session_id: str,
        *,
        user_id: str | None = None,
        url: str | None = None,
        token: Token | None = None,
        timeout_s: float = LOAD_S,
    ) -> Self:
        """Gives a session with all that the server has of it.

        Raises:
            Unreachable: the server doesn't answer in time.
            Forbidden: no right to it, or the token is another user's.
            Deleted: it was deleted.
            SegueError: it can't be opened; the text says why.
        """
        session = await cls._open(session_id, url, token, user_id)
        try:
            await session.until_synced(timeout_s)
        except BaseException:
            await session.close()
            raise
        return session

    # -- reading -----------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        """The session's title; empty until it has one."""
        return self._replica.read(title_of)

    @property
    def messages(self) -> list[Message]:
        """The conversation, oldest first; what isn't ordered by the server yet stands last."""
        return [_message(view) for view in self._replica.history()]

    def get_history(self) -> list[Message]:
        """Gives the conversation, oldest first, for an agent."""
        return self.messages

    def token_count(self) -> int:
        """Estimates how many tokens a model counts in the conversation.

        A quarter of the UTF-8 bytes and four for each message: within a third or so for English, high
        for most other languages. Ask your model's own tokenizer where it has to be exact.
        """
        sizes = (len(each.text.encode(errors="replace")) for each in self.messages)
        return sum(math.ceil(size / _CHARACTERS_PER_TOKEN) + _TOKENS_PER_MESSAGE for size in sizes)

    @property
    def context(self) -> dict[str, Any]:
        """What is known in this session: each key's entry, with `value`, `by` and `source`."""
        found = self._replica.read(lambda root: plain(root(CONTEXT)))
        return found if isinstance(found, dict) else {}

    def get(self, key: str, default: Any = None) -> Any:
        """Gives the value known under a key."""
        entry = self.context.get(key)
        return entry.get("value", default) if isinstance(entry, dict) else default

    def events(self) -> AsyncIterator[Event]:
        """Gives what changes from this call on, whoever does it.

        Raises:
            SegueError: the session was deleted, or can't be followed any more.
        """
        return _events(self.changes())

    def artifact(self, name: str) -> str:
        """Gives the text of an artifact: what people and agents write together. Empty if there is none."""
        return self._replica.text(_artifact(name))

    # -- writing -----------------------------------------------------------------------------------

    async def add_message(
        self,
        role: str,
        text: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        files: Sequence[File] = (),
    ) -> Message:
        """Adds a message at once, with files of the session's; "agent" is another word for "assistant".

        Raises:
            InvalidRequest: the role is none, or the text can't be stored.
            SegueError: the session has ended, or may only be read.
        """
        message = _new_id()
        parts: list[dict[str, object]] = []
        if text or not files:
            parts.append({"type": "text", "text": _whole(text)})
        parts += ({"type": "file", **asdict(file)} for file in files)
        self._edit(add_message(message, _role(role), self._author, _now_ms(), parts, metadata))
        return self._by_id(message)

    async def add_file(
        self,
        content: bytes | str | Path,
        *,
        name: str | None = None,
        media_type: str | None = None,
    ) -> File:
        """Adds bytes, or the file at a path, to the session, for `add_message`. Durable when it returns.

        Unlike everything else here it needs the server at once. Without a `media_type` it is guessed
        from the name.

        Raises:
            OSError: there is no file at the path.
            Unreachable: the server doesn't answer.
            TooLarge: it is over a limit.
            SegueError: it can't be added; the text says why.
        """
        await self.until_synced(LOAD_S)  # or the server may not have the session yet
        return await self._files.add(content, name, media_type)

    async def read_file(self, file: File | str) -> bytes:
        """Gives the bytes of a file, or of one with this `ref`. They are whatever its author has sent.

        Raises:
            NotFound: the session has no such file any more.
            Unreachable: the server doesn't answer.
            SegueError: it can't be read; the text says why.
        """
        return await self._files.read(file if isinstance(file, str) else file.ref)

    async def export(self, format: Literal["jsonl", "ai-sdk", "openai"] = "jsonl") -> bytes:
        """Gives all that the server has of the session as a file, which `POST /v1/sessions/import` takes.

        Raises:
            Unreachable: the server doesn't answer.
            SegueError: it can't be read; the text says why.
        """
        await self.save()
        return await self._files.export(format)

    @asynccontextmanager
    async def stream(self, role: str = "agent") -> AsyncIterator[Answer]:
        """Adds a message whose text is written bit by bit: everybody sees it grow.

        At the end of the block it is complete; if the block fails, interrupted.
        """
        message = _new_id()
        self._edit(start_answer(message, _role(role), self._author, _now_ms()))
        async with self.go_on(message) as answer:
            yield answer

    @asynccontextmanager
    async def go_on(self, message: str) -> AsyncIterator[Answer]:
        """Writes on in an own message that was cut off; as `stream`."""
        answer = Answer(message, self._edit)
        try:
            yield answer
        except BaseException:
            answer.end("interrupted")
            raise
        answer.end("complete")

    async def set(
        self,
        key: str,
        value: Any,
        *,
        ttl: float | None = None,
        source: str = "program",
        agent: str | None = None,
    ) -> None:
        """Notes in the context what is known, and from where; after `ttl` seconds it is called stale.

        `agent` is the name of the agent that found it.

        Raises:
            InvalidRequest: the value is no JSON.
            SegueError: the session has ended, or may only be read.
        """
        entry = {
            "value": value,
            "source": source,
            "by": self.identity.sub,
            "observed_at": _now_ms(),
        }
        more = {"max_age": None if ttl is None else ttl * 1000, "agent": agent}
        given = {name: each for name, each in more.items() if each is not None}
        self._edit(put_entry(CONTEXT, key, {**entry, **given}))

    async def forget(self, key: str) -> None:
        """Removes what is known under a key."""
        self._edit(remove_entry(CONTEXT, key))

    async def set_title(self, title: str) -> None:
        """Names the session."""
        self._edit(set_fields({"title": _whole(title)}))

    async def write_artifact(self, name: str, text: str) -> None:
        """Makes the text of an artifact this one; what others write elsewhere in it stays."""
        self._write_text(_artifact(name), _whole(text))

    async def request(self, kind: str, target: str) -> str:
        """Asks the server for something: stop, resume (a run), switch, withdraw (a message)."""
        request = _new_id()
        self._edit(add_request(request, kind, target, self.identity.sub))
        return request

    # ----------------------------------------------------------------------------------------------

    @classmethod
    async def _open(
        cls, name: str, url: str | None, token: Token | None, user_id: str | None
    ) -> Self:
        if session_id(name) is None:
            raise InvalidName(
                "A session id has 1 to 128 letters, digits, '_' or '-', and isn't 'home'."
            )
        return await cls.opened(name, url, token, user_id)

    def _begin(self, title: str, responder: str) -> None:
        fields = {"settings": {"responder": responder}, **({"title": title} if title else {})}
        self._edit(set_fields(fields))

    @property
    def _files(self) -> FileTransfer:
        return FileTransfer(self._address, self.id)

    @property
    def _author(self) -> Author:
        me = self.identity
        kind = "agent" if me.sessions.get(self.id) == "agent" else "user"
        return Author(kind, UserId(me.sub), DeviceId(me.device), me.name)

    def _by_id(self, message: str) -> Message:
        return next(each for each in reversed(self.messages) if each.id == message)


def _message(view: MessageView) -> Message:
    texts = [part.get("text") for part in view.parts if part.get("type") == "text"]
    return Message(
        view.id,
        view.role,
        "\n".join(text for text in texts if isinstance(text, str)),
        view.author.name or view.author.id,
        view.author.id,
        view.created_at,
        view.status,
        view.seq,
        view.run,
        tuple(_files(view)),
    )


def _files(view: MessageView) -> Iterator[File]:
    for part in view.parts:
        if part.get("type") == "file":
            with contextlib.suppress(msgspec.ValidationError):  # a member may have written anything
                yield msgspec.convert(part, File)


def _role(role: str) -> str:
    if role not in _ROLES:
        raise InvalidRequest(f"{role!r} is no role. Give user, agent (or assistant) or system.")
    return _ROLES[role]


def _whole(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            "The text has half a character (a lone surrogate), which can't be stored. "
            "Decode it properly, or with errors='replace'."
        ) from error
    return text


def _artifact(name: str) -> str:
    return f"artifact:{name}"


def _new_id() -> str:
    return new_id(_now_ms(), secrets.token_bytes(RANDOM_BYTES))


def _now_ms() -> int:
    return int(time.time() * 1000)  # noqa: TID251 - the edge, where the wall clock is read


async def _events(pages: AsyncIterator[Changes]) -> AsyncIterator[Event]:
    async for page in pages:
        for change in page.changes:
            yield Event(change.type, msgspec.json.decode(change.data))
