"""Sessions and agents without `await`: the same, run by a thread of their own.

For scripts and notebooks: works whether or not an event loop runs where it is called. Not for handlers
of an async app: there it would hold up everybody else. Use `segue.Session` there.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NoReturn, Self, TypeVar

from segue.agents import local, port
from segue.client import File, Message
from segue.client import session as live
from segue.client.address import Token
from segue.client.live import LOAD_S
from segue.client.session import Event

__all__ = ["Agent", "Event", "File", "Message", "Session"]

Result = TypeVar("Result")


class Session:
    """See `segue.Session`; each method does the same and returns when it is done."""

    def __init__(self, inner: live.Session) -> None:
        """Wraps one that runs in the thread; use `create` or `load`."""
        self._inner = inner

    @classmethod
    def create(
        cls,
        user_id: str | None = None,
        *,
        session_id: str | None = None,
        title: str = "",
        responder: str = "none",
        url: str | None = None,
        token: Token | None = None,
    ) -> Self:
        """See `segue.Session.create`."""
        return cls(
            _run(
                live.Session.create(
                    user_id,
                    session_id=session_id,
                    title=title,
                    responder=responder,
                    url=url,
                    token=token,
                )
            )
        )

    @classmethod
    def load(
        cls,
        session_id: str,
        *,
        user_id: str | None = None,
        url: str | None = None,
        token: Token | None = None,
        timeout_s: float = LOAD_S,
    ) -> Self:
        """See `segue.Session.load`."""
        return cls(
            _run(
                live.Session.load(
                    session_id, user_id=user_id, url=url, token=token, timeout_s=timeout_s
                )
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _run(self._inner.__aexit__(kind, error, trace))

    @property
    def id(self) -> str:
        """The session's id."""
        return self._inner.id

    @property
    def is_saved(self) -> bool:
        """Tells whether all that was written here is durable."""
        return _call(lambda: self._inner.is_saved)

    @property
    def messages(self) -> list[Message]:
        """The conversation, oldest first."""
        return _call(lambda: self._inner.messages)

    @property
    def context(self) -> dict[str, Any]:
        """What is known in this session."""
        return _call(lambda: self._inner.context)

    def get_history(self) -> list[Message]:
        """Gives the conversation, oldest first, for an agent."""
        return self.messages

    def token_count(self) -> int:
        """See `segue.Session.token_count`."""
        return _call(self._inner.token_count)

    def get(self, key: str, default: Any = None) -> Any:
        """Gives the value known under a key."""
        return _call(lambda: self._inner.get(key, default))

    def artifact(self, name: str) -> str:
        """Gives the text of an artifact."""
        return _call(lambda: self._inner.artifact(name))

    def add_message(
        self,
        role: str,
        text: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        files: Sequence[File] = (),
    ) -> Message:
        """See `segue.Session.add_message`."""
        return _run(self._inner.add_message(role, text, metadata=metadata, files=files))

    def add_file(
        self,
        content: bytes | str | Path,
        *,
        name: str | None = None,
        media_type: str | None = None,
    ) -> File:
        """See `segue.Session.add_file`."""
        return _run(self._inner.add_file(content, name=name, media_type=media_type))

    def export(self, format: Literal["jsonl", "ai-sdk", "openai"] = "jsonl") -> bytes:
        """See `segue.Session.export`."""
        return _run(self._inner.export(format))

    def read_file(self, file: File | str) -> bytes:
        """See `segue.Session.read_file`."""
        return _run(self._inner.read_file(file))

    def set(self, key: str, value: Any, *, ttl: float | None = None) -> None:
        """See `segue.Session.set`."""
        _run(self._inner.set(key, value, ttl=ttl))

    def set_title(self, title: str) -> None:
        """Names the session."""
        _run(self._inner.set_title(title))

    def write_artifact(self, name: str, text: str) -> None:
        """See `segue.Session.write_artifact`."""
        _run(self._inner.write_artifact(name, text))

    def request(self, kind: str, target: str) -> str:
        """See `segue.Session.request`."""
        return _run(self._inner.request(kind, target))

    def save(self, timeout_s: float | None = None) -> None:
        """See `segue.Session.save`."""
        _run(self._inner.save(timeout_s))

    def close(self) -> None:
        """Ends the connection. What isn't saved is lost."""
        _run(self._inner.close())

    def events(self) -> Iterator[Event]:
        """See `segue.Session.events`."""

        async def followed() -> AsyncIterator[Event]:
            return self._inner.events()

        async def following(events: AsyncIterator[Event]) -> Event:
            return await anext(events)

        events = _run(followed())
        return (_run(following(events)) for _ in count())


class Agent:
    """See `segue.Agent`."""

    def __init__(self, spec: str | port.Agent = "demo", **options: Any) -> None:
        """Builds it."""
        self._inner = local.Agent(spec, **options)
        self.name = self._inner.name

    def serve(
        self, *, url: str | None = None, token: Token | None = None, at_once: int = 8
    ) -> NoReturn:
        """See `segue.Agent.serve`."""
        _run(self._inner.serve(url=url, token=token, at_once=at_once))

    def generate(
        self, history: Sequence[Message], *, profile: Mapping[str, Any] | None = None
    ) -> str:
        """See `segue.Agent.generate`."""
        return _run(self._inner.generate(history, profile=profile))

    def resume(self, session: Session, *, profile: Mapping[str, Any] | None = None) -> str:
        """See `segue.Agent.resume`."""
        inner = session._inner  # noqa: SLF001 - the same session
        return _run(self._inner.resume(inner, profile=profile))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Gives the loop of all sessions; a daemon, so that it keeps no program from its end."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="segue.sync", daemon=True).start()
    return loop


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    """Returns what `work` gives; an interrupt cancels it."""
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _call(question: Callable[[], Result]) -> Result:
    """Asks in the loop's own thread: a document is nobody else's."""

    async def ask() -> Result:
        return question()

    return _run(ask())
