"""An agent that is a language model behind OpenAI's Chat Completions, with tools."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final, cast

import openai
from openai import AsyncOpenAI

from segue.agents.openai.attachments import given_files
from segue.agents.openai.budget import Message
from segue.agents.openai.calls import Calls
from segue.agents.openai.failures import (
    ModelFailed,
    check_whole,
    is_worth_another_try,
    readable,
)
from segue.agents.openai.reply import Delta, Reply
from segue.agents.openai.transcript import messages
from segue.agents.parts import Parts
from segue.agents.port import (
    Event,
    Json,
    Metadata,
    Title,
    ToolPart,
    Turn,
)
from segue.agents.tools import Tool
from segue.document.titles import beginning_of

_MAX_ROUNDS: Final = 20
"""Requests for one answer: a model that only calls tools comes to an end."""

_TRIES: Final = 3
_PAUSE_S: Final = 0.5


class OpenAIAgent:
    """Answers with a model; runs its tools, asks people where a tool wants that, records usage."""

    def __init__(
        self,
        model: str,
        *,
        instructions: str = "",
        tools: Sequence[Tool] = (),
        name: str = "assistant",
        client: AsyncOpenAI | None = None,
        max_tokens: int = 0,
    ) -> None:
        """Builds it; without a `client` of yours the SDK's own settings count (OPENAI_API_KEY...).

        `max_tokens` is about how many a request may have: the oldest turns are left out. 0: all are given.
        """
        self.name = name
        self._model = model
        self._instructions = instructions
        self._tools = {tool.name: tool for tool in tools}
        self._client = client or AsyncOpenAI()
        self._max_tokens = max_tokens

    async def respond(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """Gives the answer in rounds of a model's reply and its tool calls; see the port."""
        if not turn.session.title and (title := _title(turn)):
            yield title
        parts, usage, calls = Parts(turn.parts), _usage(turn), Calls(self._tools, turn)
        files = await given_files(turn)
        for _ in range(_MAX_ROUNDS):
            async with aclosing(calls.settle(parts.open_calls)) as events:
                async for event in events:
                    parts.add(event)
                    yield event
            if parts.open_calls:
                return  # people decide
            reply = Reply()
            given = messages(self._instructions, turn, parts.all, files, self._max_tokens)
            async with aclosing(self._reply(reply, given)) as deltas:
                async for delta in deltas:
                    parts.add(delta)
                    yield delta
            yield _used(usage, reply, self._model)
            taken = {part.id for part in parts.all if isinstance(part, ToolPart)}
            asked = list(reply.calls(taken))
            for called in asked:
                parts.add(called)
                yield called
            if not asked:
                return
        raise ModelFailed(f"The model called tools {_MAX_ROUNDS} times in a row without an answer.")

    async def aclose(self) -> None:
        """Closes its connections."""
        await self._client.close()

    async def _reply(self, reply: Reply, given: list[Message]) -> AsyncGenerator[Delta, None]:
        """Streams a reply, tried again only while nobody has seen anything of it."""
        for number in range(_TRIES):
            has_begun = False
            try:
                async with aclosing(self._stream(reply, given)) as deltas:
                    async for delta in deltas:
                        has_begun = True
                        yield delta
                return
            except (openai.OpenAIError, ModelFailed, ValueError) as error:
                is_last = has_begun or number == _TRIES - 1
                if is_last or not is_worth_another_try(error):
                    raise ModelFailed(readable(error, has_begun=has_begun)) from error
            reply.clear()
            await asyncio.sleep(_PAUSE_S * 2**number)

    async def _stream(self, reply: Reply, given: list[Message]) -> AsyncGenerator[Delta, None]:
        stream = await self._client.chat.completions.create(
            model=self._model,
            messages=cast(Any, given),
            stream=True,
            stream_options={"include_usage": True},
            **self._offered(),
        )
        async with stream:  # whatever ends this closes the HTTP stream
            async for chunk in stream:
                for delta in reply.take(chunk):
                    yield delta
        check_whole(reply)

    def _offered(self) -> dict[str, Any]:
        functions = [
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
            for tool in self._tools.values()
        ]
        offered = [{"type": "function", "function": function} for function in functions]
        return {"tools": offered} if offered else {}


def _usage(turn: Turn) -> dict[str, int]:
    known = turn.metadata.get("usage")
    found = known if isinstance(known, dict) else {}
    return {
        key: int(value) if isinstance(value := found.get(key), int | float) else 0
        for key in ("input_tokens", "output_tokens")
    }


def _used(usage: dict[str, int], reply: Reply, model: str) -> Metadata:
    usage["input_tokens"] += reply.input_tokens
    usage["output_tokens"] += reply.output_tokens
    used: dict[str, Json] = {**usage, "model": model}
    return Metadata("usage", used)


def _title(turn: Turn) -> Title | None:
    """Names the session after its first message: a model asked for a title would cost a request."""
    first = next((message.text for message in turn.history if message.role == "user"), "")
    title = beginning_of(first)
    return Title(title) if title else None
