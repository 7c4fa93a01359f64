"""Agents that are programs of their own: each turn is answered once, whatever happens to them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
from talking import (
    AGENTS,
    LONG,
    answer_to,
    ask,
    counted,
    open_two,
    read,
    say,
    shown,
    text_of,
    until_it_writes,
    until_status,
)

from devices import DeviceHost
from http_client import HttpClient
from segue import Agent, Session
from segue.auth.grants import Role
from segue.errors import Forbidden, Unauthenticated
from servers import PostgresServer, SegueServer
from waiting import until, until_it_is

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

NOTICED_WITHIN_S = 10


@dataclass
class Helpers:
    """Programs that answer as `helper`."""

    server: SegueServer
    notes: Path
    stack: ExitStack
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self) -> "subprocess.Popen[bytes]":
        """Starts one more."""
        env = {
            "PATH": os.environ["PATH"],  # noqa: TID251 - as the server's
            "SEGUE_URL": self.server.url,
            "SEGUE_TOKEN": self.server.token("helper", scope="agent"),
            "HELPING_NOTES": str(self.notes),
        }
        program = subprocess.Popen([sys.executable, str(AGENTS / "helping.py")], env=env)
        self.stack.callback(_end, program)
        self.started.append(program)
        return program

    def noted(self, what: str) -> list[str]:
        """The messages of which that was noted."""
        return [message for _, noted, message in self._lines() if noted == what]

    def begun_by(self, message: str) -> list[int]:
        """The processes that began to answer a message."""
        return [int(pid) for pid, noted, of in self._lines() if (noted, of) == ("begin", message)]

    def answering(self, message: str) -> "subprocess.Popen[bytes]":
        """The program that began last to answer it."""
        pid = self.begun_by(message)[-1]
        return next(program for program in self.started if program.pid == pid)

    def _lines(self) -> list[list[str]]:
        return [line.split() for line in self.notes.read_text().splitlines()]


def _end(program: "subprocess.Popen[bytes]") -> None:
    program.kill()
    program.wait()


@pytest.fixture
async def server(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[SegueServer]:
    async with SegueServer.started(
        tmp_path, database_url=await postgres.new_database(), SEGUE_REMOTE_AGENTS="helper"
    ) as started:
        yield started


@pytest.fixture
def helpers(server: SegueServer, tmp_path: Path) -> Iterator[Helpers]:
    notes = tmp_path / "notes"
    notes.touch()
    with ExitStack() as stack:
        yield Helpers(server, notes, stack)


@contextmanager
def noticed_in_time() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < NOTICED_WITHIN_S


async def test_two_programs_share_a_hundred_runs_and_each_runs_once(
    server: SegueServer, helpers: Helpers
) -> None:
    client = HttpClient(server, server.token("alice"))
    sessions = [f"s{number}" for number in range(20)]
    asked = []

    async def fill(session: str) -> None:
        await client.ask("POST", "/v1/sessions", {"id": session})
        for number in range(5):
            message = f"{session}-{number}"
            asked.append(message)
            body = {"id": message, "text": "3"}
            await client.ask("POST", f"/v1/sessions/{session}/messages", body)

    helpers.start(), helpers.start()
    async with anyio.create_task_group() as tasks:
        for session in sessions:
            tasks.start_soon(fill, session)
    await until_it_is(lambda: _all_ended(helpers, 100), timeout_s=100)
    assert sorted(helpers.noted("begin")) == sorted(helpers.noted("end")) == sorted(asked)
    assert len({helpers.begun_by(message)[0] for message in asked}) == 2, "both have worked"

    async def all_shown() -> bool:
        return all([await _answers(client, each) == [counted(3)] * 5 for each in sessions])

    await until_it_is(all_shown)


async def _all_ended(helpers: Helpers, count: int) -> bool:
    return len(helpers.noted("end")) >= count


async def _answers(client: HttpClient, session: str) -> list[str]:
    found = await read(client, session)
    return [each["parts"][0]["text"] for each in found if each["status"] == "complete"][1::2]


async def test_killed_in_mid_answer_another_goes_on_with_what_is_written(
    host: DeviceHost, server: SegueServer, session: str, helpers: Helpers
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    await phone.put("session", ["settings"], {"$json": {"when_interrupted": "resume"}})
    helpers.start(), helpers.start()
    message = await say(phone, "400")
    await until_it_writes(laptop, message)
    killed = helpers.answering(message)
    with noticed_in_time():
        killed.kill()
        await until_it_is(lambda: _begun(helpers, message, 2))
    await until_status(phone, message, "done")
    assert len(set(helpers.begun_by(message))) == 2
    await host.equal(devices)
    assert text_of(await answer_to(laptop, message)) == counted(400)


async def _begun(helpers: Helpers, message: str, times: int) -> bool:
    return len(helpers.begun_by(message)) >= times


async def test_killed_in_mid_answer_it_is_marked_and_what_is_written_stays(
    host: DeviceHost, server: SegueServer, session: str, helpers: Helpers
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    message = await say(phone, LONG)
    helpers.start()
    await until_it_writes(laptop, message)
    with noticed_in_time():
        helpers.answering(message).kill()
        await until_status(laptop, message, "interrupted")
    await host.equal(devices)
    answer = await answer_to(phone, message)
    assert answer["status"] == "interrupted"
    assert counted(int(LONG)).startswith(text_of(answer))
    assert text_of(answer)


async def test_frozen_it_is_given_up_and_nothing_that_it_says_later_counts(
    host: DeviceHost, server: SegueServer, session: str, helpers: Helpers
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    await phone.put("session", ["settings"], {"$json": {"when_interrupted": "resume"}})
    helpers.start(), helpers.start()
    message = await say(phone, "1500")
    await until_it_writes(laptop, message)
    frozen = helpers.answering(message)
    with noticed_in_time():
        frozen.send_signal(signal.SIGSTOP)
        await until_it_is(lambda: _begun(helpers, message, 2))
    frozen.send_signal(signal.SIGCONT)
    await until_it_is(lambda: _was_cancelled(helpers, message))
    await until_status(phone, message, "done")
    await host.equal(devices)
    assert text_of(await answer_to(laptop, message)) == counted(1500)


async def _was_cancelled(helpers: Helpers, message: str) -> bool:
    return message in helpers.noted("cancelled")


async def test_stopped_from_another_device_its_code_is_cancelled(
    host: DeviceHost, server: SegueServer, session: str, helpers: Helpers
) -> None:
    phone, laptop = await open_two(host, server, session)
    helpers.start()
    message = await say(phone, LONG)
    await until_it_writes(phone, message)
    await ask(laptop, "stop", message)
    await until_status(phone, message, "cancelled")
    await until_it_is(lambda: _was_cancelled(helpers, message))
    assert text_of(await answer_to(phone, message))
    await until_status(phone, await say(phone, "3"), "done")


async def test_without_a_program_a_message_waits_and_can_be_stopped(
    host: DeviceHost, server: SegueServer, session: str, helpers: Helpers
) -> None:
    phone, laptop = await open_two(host, server, session)
    first, second = await say(phone, "3"), await say(phone, "4")
    await until_status(laptop, second, "queued")
    await ask(laptop, "stop", first)
    await until_status(laptop, first, "cancelled")
    helpers.start()
    await until_status(laptop, second, "done")
    assert helpers.noted("begin") == [second]
    assert text_of(await answer_to(phone, second)) == counted(4)


async def test_after_a_crash_of_the_server_it_comes_back_by_itself(
    host: DeviceHost, server: SegueServer, session: str, helpers: Helpers
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    await phone.put("session", ["settings"], {"$json": {"when_interrupted": "resume"}})
    helpers.start()
    message = await say(phone, "400")
    await until_it_writes(laptop, message)
    await server.restart()
    await until_status(phone, message, "done")
    await host.equal(devices)
    assert text_of(await answer_to(laptop, message)) == counted(400)


async def test_tools_and_failures_are_those_of_any_agent(
    host: DeviceHost, server: SegueServer, session: str, helpers: Helpers
) -> None:
    phone, laptop = await open_two(host, server, session)
    helpers.start()
    failing = await say(phone, "fail")
    await until_status(laptop, failing, "error")
    assert await shown(laptop, "runs", failing, "error") == "I can't count to that."
    message = await say(phone, "hold")
    await until_status(laptop, message, "suspended")
    await ask(laptop, "approve", "seat", {"approved": True})
    await until_status(phone, message, "done")
    assert helpers.noted("held") == [message]
    answer = await answer_to(phone, message)
    assert answer["author"] == {"kind": "agent", "id": "helper", "name": "helper"}
    assert answer["parts"]["0"]["output"] == {"held": True}
    assert answer["parts"]["1"]["text"] == "Held."


async def test_files_of_the_session_can_be_read(
    server: SegueServer, session: str, helpers: Helpers
) -> None:
    helpers.start()
    person = await Session.create(
        session_id=session, responder="helper", url=server.url, token=server.token("alice")
    )
    async with person:
        await person.save()
        file = await person.add_file(b"What is in it", name="note.txt")
        for limit, said in (("100", "What is in it"), ("5", "nothing")):
            await person.add_message("user", limit, files=[file])
            await until(lambda: person.messages[-1].text == said)  # noqa: B023 - awaited at once


async def test_only_an_agents_own_token_lets_a_program_answer(server: SegueServer) -> None:
    agent = Agent("demo")
    for token, error, text in (
        (server.token("helper"), Forbidden, "no agent's"),
        (server.token("other", scope="agent"), Forbidden, "SEGUE_REMOTE_AGENTS"),
        ("nonsense", Unauthenticated, "token"),
    ):
        with anyio.fail_after(30), pytest.raises(error, match=text):
            await agent.serve(url=server.url, token=token)


async def test_a_token_for_one_session_answers_there_alone(
    host: DeviceHost, server: SegueServer, session: str, helpers: Helpers
) -> None:
    phone, _ = await open_two(host, server, session)
    other, _ = await open_two(host, server, "another")
    elsewhere, here = await say(other, "3"), await say(phone, "3")
    token = server.token("helper", sessions={session: Role.AGENT})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_serve_demo, server.url, token)
        await until_status(phone, here, "done")
        assert await shown(other, "runs", elsewhere, "status") == "queued"
        tasks.cancel_scope.cancel()


async def _serve_demo(url: str, token: str) -> None:
    await Agent("demo").serve(url=url, token=token)
