"""An agent that a program runs by itself: beside a server's, as one of them, or without a server."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from segue.agents import port
from segue.agents.loading import ModelOptions, load_agent
from segue.agents.port import (
    Data,
    FilePart,
    Forget,
    Metadata,
    NoFiles,
    Part,
    ReasoningDelta,
    Remember,
    Source,
    TextDelta,
    TextPart,
    Title,
    Turn,
    TurnMessage,
    TurnSession,
)
from segue.agents.remote.serving import Serving
from segue.agents.turns import entries_of, role_of
from segue.client import Message, Session
from segue.client.address import Token, find_address
from segue.document.writing import Answer
from segue.errors import InvalidRequest, NotFound

_CUT_OFF: Final = frozenset(("interrupted", "error", "cancelled", "streaming"))


class Agent:
    """Answers histories and sessions: `demo`, `openai`, or `module:factory` of yours (`segue.agents.port`)."""

    def __init__(self, spec: str | port.Agent = "demo", **options: Any) -> None:
        """Builds it, or takes one; `openai` takes `model`, `instructions`, `api_key`, `base_url`, `max_tokens`.

        Raises:
            ConfigurationError: there is no such agent, or it lacks something.
        """
        self._agent = load_agent(spec, ModelOptions(**options)) if isinstance(spec, str) else spec
        self.name = self._agent.name

    async def serve(
        self, *, url: str | None = None, token: Token | None = None, at_once: int = 8
    ) -> NoReturn:
        """Answers in all sessions whose responder is the token's agent, `at_once` of them at a time.

        The server gives it each turn, as it does to an agent inside: tools, approvals and what is
        remembered work the same. Several programs may serve one agent: they share its turns, and where
        one dies another can go on (`when_interrupted`). It comes back by itself after the server was
        away, and never returns; cancelling it interrupts what it answers. Code that keeps the event loop
        busy for six seconds counts as dead.

        Raises:
            Unauthenticated: there is no token, or a bad one.
            Forbidden: the token is no agent's, or no agent of its name is expected.
            SegueError: the server refuses it for good; the text says why.
        """
        await Serving(self._agent, find_address(url, token), at_once).run()

    async def generate(
        self, history: Sequence[Message], *, profile: Mapping[str, Any] | None = None
    ) -> str:
        """Gives the answer to the last message. Nothing is kept: what it learned it learns anew.

        `profile` is what is known of the person, by key.

        Raises:
            InvalidRequest: there is nothing to answer.
        """
        events = self._agent.respond(_turn(history, profile=profile))
        return "".join([event.text async for event in events if isinstance(event, TextDelta)])

    async def resume(self, session: Session, *, profile: Mapping[str, Any] | None = None) -> str:
        """Goes on where a session stands, and gives the text of its last answer.

        A message of a person's that has no answer is answered: everybody sees the answer being
        written, and what the agent learns is kept in the session's context. An answer that was cut
        off is taken up, that of a server's agent by that agent: it is asked to. Where there is nothing
        to do it does nothing. Returns when all is durable.

        Raises:
            SegueError: the session can't be written any more.
        """
        history = session.messages
        last = history[-1] if history else None
        if last is None:
            return ""
        if last.role == "user":
            turn = _turn(history, session, self._known(session), profile)
            async with session.stream("agent") as answer:
                await self._apply(turn, session, answer)
        elif last.status in _CUT_OFF and last.run is not None:
            await session.request("resume", last.run)
        elif last.status in _CUT_OFF and last.author_id == session.identity.sub:
            turn = _turn(history[:-1], session, self._known(session), profile, last.text)
            async with session.go_on(last.id) as answer:
                await self._apply(turn, session, answer)
        await session.save()
        return session.messages[-1].text

    async def _apply(self, turn: Turn, session: Session, answer: Answer) -> None:
        async for event in self._agent.respond(turn):
            match event:
                case TextDelta(text):
                    answer.write(text)
                case Remember(key, value, source):
                    await session.set(key, value, source=source, agent=self.name)
                case Forget(key):
                    await session.forget(key)
                case Title(text):
                    if not session.title:
                        await session.set_title(text)
                case ReasoningDelta() | Source() | Data() | Metadata():
                    pass  # shown by pages; a program's answer is its text
                case _:
                    raise InvalidRequest(
                        "This agent calls tools, which only a server's runner can do. "
                        "Run it there: SEGUE_AGENT."
                    )

    def _known(self, session: Session) -> Mapping[str, Mapping[str, object]]:
        """Gives the context, where what this agent noted through the program is the agent's own."""
        return {
            key: {**entry, "by": self.name} if self._is_ours(entry, session) else entry
            for key, entry in session.context.items()
            if isinstance(entry, dict)
        }

    def _is_ours(self, entry: Mapping[str, object], session: Session) -> bool:
        return entry.get("agent") == self.name and entry.get("by") == session.identity.sub


def _turn(
    history: Sequence[Message],
    session: Session | None = None,
    context: Mapping[str, Mapping[str, object]] | None = None,
    profile: Mapping[str, Any] | None = None,
    written: str = "",
) -> Turn:
    if not history:
        raise InvalidRequest("There is no message to answer. Add one first.")
    person = {key: {"value": value, "source": "profile"} for key, value in (profile or {}).items()}
    return Turn(
        tuple(_turn_message(message) for message in history),
        entries_of(context or {}),
        entries_of(person),
        TurnSession(session.id, session.title) if session else TurnSession("", ""),
        int(time.time() * 1000),  # noqa: TID251 - the edge, where the wall clock is read
        (TextPart(written),) if written else (),
        files=_Files(session) if session else NoFiles(),
    )


def _turn_message(message: Message) -> TurnMessage:
    role = role_of(message.role)
    parts: list[Part] = [TextPart(message.text)]
    parts += (FilePart(each.ref, each.media_type, each.name, each.size) for each in message.files)
    return TurnMessage(message.id, role, message.text, message.author, message.status, tuple(parts))


class _Files:
    """The files of a session that a program holds."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def read(self, ref: str, max_bytes: int) -> bytes | None:
        try:
            content = await self._session.read_file(ref)
        except NotFound:
            return None
        return content if len(content) <= max_bytes else None
