"""The agent `openai` on a real llama.cpp server, with a model of random words."""

import importlib.util
import re
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import anyio.to_thread
import pytest
from talking import answer_to, ask, open_two, say, text_of, until_it_writes, until_status

from devices import DeviceHost
from servers import PostgresServer, SegueServer
from waiting import until_it_is

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        not (importlib.util.find_spec("xllamacpp") and importlib.util.find_spec("gguf")),
        reason="no wheel of xllamacpp for this system",
    ),
]

PROGRAM = Path(__file__).parent / "llama_server.py"


@contextmanager
def llama(folder: Path, *how: str) -> Iterator[str]:
    """Runs it; gives its address."""
    with (folder / "llama.log").open("wb") as log:
        program = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder), *how],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert program.stdout is not None
    with program.stdout as said:
        try:
            address = said.readline().strip()
            assert address.startswith("http"), (folder / "llama.log").read_text()[-2000:]
            yield address
        finally:
            program.kill()
            program.wait()


async def measured(address: str, name: str) -> float:
    """Gives one of the numbers that llama.cpp counts."""
    page = await anyio.to_thread.run_sync(
        lambda: urllib.request.urlopen(f"{address}/metrics").read()
    )
    found = re.search(rf"^llamacpp:{name} (\S+)$", page.decode(), re.MULTILINE)
    assert found is not None
    return float(found[1])


@pytest.fixture
def llama_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "llama"
    folder.mkdir()
    return folder


async def answering(
    stack: AsyncExitStack, postgres: PostgresServer, folder: Path, address: str
) -> SegueServer:
    started = SegueServer.started(
        folder,
        database_url=await postgres.new_database(),
        SEGUE_AGENT="openai",
        SEGUE_AGENT_MODEL="random-words",
        OPENAI_BASE_URL=f"{address}/v1",
    )
    return await stack.enter_async_context(started)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def test_what_a_real_model_says_streams_to_every_device(
    stack: AsyncExitStack,
    host: DeviceHost,
    postgres: PostgresServer,
    tmp_path: Path,
    llama_folder: Path,
    session: str,
) -> None:
    address = stack.enter_context(llama(llama_folder))
    server = await answering(stack, postgres, tmp_path, address)
    phone, laptop = devices = await open_two(host, server, session)
    message = await say(phone, "Tell me something")
    await until_status(laptop, message, "done", "error")
    await host.equal(devices)
    answer = await answer_to(laptop, message)
    assert answer["status"] == "complete", answer
    assert re.fullmatch(r"( ?[a-z]{2,3})+", text_of(answer))
    usage = answer["metadata"]["usage"]
    assert usage["input_tokens"] > 0
    assert usage["output_tokens"] == await measured(address, "tokens_predicted_total")


async def test_a_stop_ends_the_models_work(
    stack: AsyncExitStack,
    host: DeviceHost,
    postgres: PostgresServer,
    tmp_path: Path,
    llama_folder: Path,
    session: str,
) -> None:
    address = stack.enter_context(llama(llama_folder, "endless"))
    server = await answering(stack, postgres, tmp_path, address)
    phone, laptop = await open_two(host, server, session)
    message = await say(phone, "Talk")
    await until_it_writes(phone, message)
    assert await measured(address, "requests_processing") == 1
    await ask(laptop, "stop", message)
    await until_status(phone, message, "cancelled")

    async def is_idle() -> bool:
        return await measured(address, "requests_processing") == 0

    await until_it_is(is_idle)
    assert text_of(await answer_to(phone, message))
