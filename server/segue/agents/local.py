"""An agent that a program runs by itself, beside or without a server's."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from segue.agents.loading import load_agent
from segue.agents.port import TextDelta, TextPart, Turn, TurnMessage, TurnSession
from segue.agents.turns import entries_of, role_of
from segue.client import Message, Session
from segue.document.writing import Answer
from segue.errors import InvalidRequest

_CUT_OFF: Final = frozenset(("interrupted", "error", "cancelled", "streaming"))


class Agent:
    """Answers histories and sessions: `demo`, or `module:factory` of yours (see `segue.agents.port`)."""

    def __init__(self, spec: str = "demo") -> None:
        """Builds it.

        Raises:
            ConfigurationError: there is no such agent.
        """
        self._agent = load_agent(spec)
        self.name = self._agent.name

    async def generate(
        self, history: Sequence[Message], *, profile: Mapping[str, Any] | None = None
    ) -> str:
        """Gives the answer to the last message; nothing is kept. `profile` is known of the person.

        Raises:
            InvalidRequest: there is nothing to answer.
        """
        known = {
            key: {"value": value, "source": "profile"} for key, value in (profile or {}).items()
        }
        turn = _turn(history, profile=known)
        return "".join([text async for text in self._answer(turn)])

    async def resume(self, session: Session) -> str:
        """Goes on where a session stands, and gives the text of its last answer.

        A message of a person's that has no answer is answered, and everybody sees the answer being
        written. One that a server's agent was cut off at is taken up by that agent: it is asked to.
        With nothing to do it does nothing. Returns when all is durable.

        Raises:
            SegueError: the session can't be written any more.
        """
        history = session.messages
        last = history[-1] if history else None
        if last is None:
            return ""
        if last.role == "user":
            async with session.stream("agent") as answer:
                await self._write(answer, _turn(history, session))
        elif last.status in _CUT_OFF and last.run is not None:
            await session.request("resume", last.run)
        elif last.status in _CUT_OFF and last.author_id == session.identity.sub:
            async with session.go_on(last.id) as answer:
                await self._write(answer, _turn(history[:-1], session, written=last.text))
        await session.save()
        return session.messages[-1].text

    async def _write(self, answer: Answer, turn: Turn) -> None:
        async for text in self._answer(turn):
            answer.write(text)

    async def _answer(self, turn: Turn) -> AsyncIterator[str]:
        async for event in self._agent.respond(turn):
            if isinstance(event, TextDelta):
                yield event.text


def _turn(
    history: Sequence[Message],
    session: Session | None = None,
    *,
    profile: Mapping[str, Mapping[str, object]] | None = None,
    written: str = "",
) -> Turn:
    if not history:
        raise InvalidRequest("There is no message to answer. Add one first.")
    return Turn(
        tuple(_turn_message(message) for message in history),
        entries_of(session.context if session else {}),
        entries_of(profile or {}),
        TurnSession(session.id, session.title) if session else TurnSession("", ""),
        int(time.time() * 1000),  # noqa: TID251 - the edge, where the wall clock is read
        (TextPart(written),) if written else (),
    )


def _turn_message(message: Message) -> TurnMessage:
    role = role_of(message.role)
    return TurnMessage(message.id, role, message.text, message.author, message.status)
