"""A person says something: an agent answers, on every device, whatever happens in between."""

import anyio
import pytest
from talking import (
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
from servers import PostgresServer, SegueServer
from waiting import until_it_is

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


async def test_an_answer_streams_to_all_devices(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    message = await say(phone, "60")
    await until_it_writes(laptop, message, 5)
    assert (await answer_to(laptop, message))["status"] == "streaming"
    await until_status(laptop, message, "done")
    await host.equal(devices)
    for device in devices:
        answer = await answer_to(device, message)
        assert text_of(answer) == counted(60)
        assert answer["status"] == "complete"
        assert answer["author"]["kind"] == "agent"
        assert (answer["seq"], answer["parent"]) == (2, message)
        assert answer["parts"]["0"]["state"] == "done"
        entry = await shown(device, "context", "last")
        assert (entry["value"], entry["by"]) == ("60", "counting")
        assert entry["source"] == f"message:{message}"
        assert (await shown(device, "session"))["title"] == "Counting to 60"


async def test_messages_are_answered_one_after_the_other(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = await open_two(host, server, session)
    first = await say(phone, "40")
    await until_it_writes(laptop, first, 5)
    second = await say(laptop, "3")
    await until_status(phone, second, "queued", "active", "done")
    await until_status(phone, second, "done")
    assert await shown(phone, "runs", first, "status") == "done"
    assert text_of(await answer_to(phone, first)) == counted(40)
    assert text_of(await answer_to(phone, second)) == counted(3)
    seqs = [(await answer_to(phone, message))["seq"] for message in (first, second)]
    assert seqs == sorted(seqs)


async def test_any_device_stops_it_and_what_was_written_stays(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    message = await say(phone, LONG)
    await until_it_writes(laptop, message)
    await host.each("offline", [laptop])
    request = await ask(laptop, "stop", message)
    await host.each("online", [laptop])
    await until_status(phone, message, "cancelled")
    await host.equal(devices)
    answer = await answer_to(phone, message)
    assert answer["status"] == "cancelled"
    assert counted(5_000).startswith(text_of(answer))
    assert await shown(laptop, "requests", request, "outcome") == "done"
    # Nothing is written behind it: the next answer comes, this one stays as it is.
    await until_status(phone, await say(phone, "3"), "done")
    assert text_of(await answer_to(phone, message)) == text_of(answer)


async def test_a_queued_one_is_stopped_before_it_starts(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = await open_two(host, server, session)
    first, second = await say(phone, LONG), await say(phone, "3")
    await until_it_writes(laptop, first)
    await ask(laptop, "stop", second)
    await until_status(phone, second, "cancelled")
    await ask(laptop, "stop", first)
    await until_status(phone, first, "cancelled")
    third = await say(phone, "2")
    await until_status(phone, third, "done")
    assert await answer_to(phone, second) == {}


async def test_a_killed_server_leaves_it_interrupted_without_any_device(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    message = await say(phone, LONG)
    await until_it_writes(laptop, message)
    await host.each("offline", devices)
    await server.restart()
    alice = HttpClient(server, server.token("alice"))

    async def is_interrupted() -> bool:
        return (await read(alice, session))[-1]["status"] == "interrupted"

    await until_it_is(is_interrupted, timeout_s=10)
    await host.each("online", devices)
    await until_status(phone, message, "interrupted")
    await host.equal(devices)
    kept = text_of(await answer_to(phone, message))
    assert kept
    assert counted(5_000).startswith(kept)
    assert (await read(alice, session))[-1]["parts"][0]["text"] == kept


async def test_a_server_that_stops_marks_it(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = await open_two(host, server, session)
    message = await say(phone, LONG)
    await until_it_writes(laptop, message)
    assert await server.terminate() == 0
    assert "runs.not_recovered" not in server.log.read_text()
    await server.start()
    await until_status(phone, message, "interrupted")


async def test_it_goes_on_exactly_where_it_was_cut_off(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    message = await say(phone, "150")
    await until_it_writes(laptop, message)
    await server.restart()
    await until_status(laptop, message, "interrupted")
    await ask(laptop, "resume", message)
    await until_status(phone, message, "done")
    await host.equal(devices)
    answer = await answer_to(phone, message)
    assert text_of(answer) == counted(150)
    assert answer["status"] == "complete"


async def test_where_the_session_wants_it_it_goes_on_by_itself(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    await phone.put("session", ["settings"], {"$json": {"when_interrupted": "resume"}})
    message = await say(phone, "150")
    await until_it_writes(laptop, message)
    await host.each("offline", devices)
    await server.restart()
    await host.each("online", devices)
    await until_status(phone, message, "done")
    await host.equal(devices)
    assert text_of(await answer_to(laptop, message)) == counted(150)


async def test_a_failing_agent_says_why_and_what_it_wrote_stays(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, _ = await open_two(host, server, session)
    message = await say(phone, "fail")
    await until_status(phone, message, "error")
    assert (await shown(phone, "runs", message, "error")) == "I can't count to that."
    answer = await answer_to(phone, message)
    assert (text_of(answer), answer["status"]) == ("Well, ", "error")
    await until_status(phone, await say(phone, "3"), "done")


async def test_nobody_answers_where_the_session_says_so(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, _ = await open_two(host, server, session)
    await phone.put("session", ["settings"], {"$json": {"responder": "none"}})
    silent = await say(phone, "3")
    await phone.put("session", ["settings"], {"$json": {"responder": "counting"}})
    answered = await say(phone, "3")
    await until_status(phone, answered, "done")
    assert await shown(phone, "runs", silent) == {}


async def test_an_outage_of_the_storage_loses_no_word(
    host: DeviceHost, server: SegueServer, session: str, postgres: PostgresServer
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    message = await say(phone, "100")
    await until_it_writes(laptop, message)
    with postgres.stopped():
        await anyio.sleep(1)
    await until_status(phone, message, "done")
    await host.equal(devices)
    assert text_of(await answer_to(laptop, message)) == counted(100)


async def test_a_killed_worker_loses_no_word(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    message = await say(phone, "100")
    await until_it_writes(laptop, message)
    for worker in server.workers():
        worker.kill()
    await until_status(phone, message, "done")
    await host.equal(devices)
    assert text_of(await answer_to(laptop, message)) == counted(100)


async def test_over_http_it_is_the_same(server: SegueServer, session: str) -> None:
    alice = HttpClient(server, server.token("alice"))
    await alice.ask("POST", "/v1/sessions", {"id": session})
    posted = await alice.ask("POST", f"/v1/sessions/{session}/messages", {"text": "5"})
    assert posted.status == 201

    async def is_complete() -> bool:
        statuses = [message["status"] for message in await read(alice, session)]
        return statuses == ["complete", "complete"]

    await until_it_is(is_complete)
    page = await read(alice, session)
    assert page[1]["parts"][0]["text"] == counted(5)
    assert page[1]["role"] == "assistant"
