"""A model's server for tests: aimock from npm, which speaks OpenAI's protocol and answers by script."""

import asyncio
import json
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import anyio.to_thread

from devices import STOCK


@dataclass
class Model:
    """A running server; `script` says what it answers, the first that matches."""

    url: str

    @classmethod
    @asynccontextmanager
    async def started(cls) -> AsyncIterator[Self]:
        """Starts it; it is gone afterwards."""
        process = await asyncio.create_subprocess_exec(
            "node", "model.mjs", cwd=STOCK, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            yield cls((await process.stdout.readline()).decode().strip())
        finally:
            process.kill()
            await process.wait()
            process._transport.close()  # type: ignore[attr-defined]  # else a ResourceWarning

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL is."""
        return f"{self.url}/v1"

    async def script(self, *fixtures: Mapping[str, Any]) -> None:
        """Adds what it answers."""
        await self._ask("/__aimock/fixtures", {"fixtures": fixtures})

    async def requests(self) -> list[dict[str, Any]]:
        """Gives the bodies of all requests for an answer, in their order."""
        journal = await self._ask("/__aimock/journal?path=/v1/chat/completions")
        entries = journal if isinstance(journal, list) else journal["entries"]
        return [entry["body"] for entry in entries]

    async def _ask(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers)

        def ask() -> Any:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)

        return await anyio.to_thread.run_sync(ask)


def says(text: str, *, to: str = "", turn: int | None = None, **more: Any) -> dict[str, Any]:
    """Answers a message that holds `to` with a text; `more` is a fixture's: `chunkSize`, `response`..."""
    return replies({"content": text, **more.pop("response", {})}, to=to, turn=turn, **more)


def replies(
    response: Mapping[str, Any], *, to: str = "", turn: int | None = None, **more: Any
) -> dict[str, Any]:
    """Answers a message that holds `to`, in the given round of answers, with any response."""
    match: dict[str, Any] = {"userMessage": to} if to else {}
    if turn is not None:
        match["turnIndex"] = turn
    return {"match": match, "response": response, **more}
