"""Tools that people decide about: from any device, once, whatever happens in between."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from talking import AGENTS, answer_to, ask, open_two, say, shown, until_status

from devices import Device, DeviceHost
from http_client import HttpClient
from servers import PostgresServer, SegueServer
from waiting import until_it_is

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

ROUNDS = 10
"""End to end; the 500 are in the unit tests of the document, where the order is made."""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


@pytest.fixture
async def server(
    postgres: PostgresServer, tmp_path: Path, notes: Path
) -> AsyncIterator[SegueServer]:
    async with SegueServer.started(
        tmp_path,
        database_url=await postgres.new_database(),
        SEGUE_AGENT="holding:Holding",
        PYTHONPATH=str(AGENTS),
        HOLDING_NOTES=str(notes),
    ) as started:
        yield started


async def call_of(device: Device, message: str) -> Mapping[str, Any]:
    parts = (await answer_to(device, message)).get("parts") or {}
    calls = [part for part in parts.values() if part["type"] == "tool"]
    return calls[0] if calls else {}


async def last_text(device: Device, message: str) -> str:
    parts = (await answer_to(device, message))["parts"]
    text: str = parts[max(parts)]["text"]
    return text


def times_held(notes: Path, message: str) -> int:
    return notes.read_text().split().count(message) if notes.exists() else 0


async def test_two_devices_decide_at_once_and_it_happens_once_or_never(
    host: DeviceHost, server: SegueServer, session: str, notes: Path
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    for number in range(ROUNDS):
        message = await say(phone, "hold")
        await until_status(laptop, message, "suspended")
        opposite = number % 2 == 0
        await host.each("offline", devices)
        yes = await ask(phone, "approve", message, {"approved": True})
        other = await ask(laptop, "approve", message, {"approved": not opposite})
        await host.each("online", devices if number % 3 else devices[::-1])
        await until_status(phone, message, "done")
        await host.equal(devices)
        outcomes = {request: await shown(phone, "requests", request) for request in (yes, other)}
        assert sorted(each["outcome"] for each in outcomes.values()) == ["done", "refused"]
        (loser,) = [each for each in outcomes.values() if each["outcome"] == "refused"]
        call = await call_of(phone, message)
        is_approved = call["approval"]["approved"]
        assert is_approved is (outcomes[yes]["outcome"] == "done" or not opposite)
        assert loser["reason"] == f"alice has {'approved' if is_approved else 'denied'} it"
        assert call["state"] == ("output-available" if is_approved else "output-denied")
        assert times_held(notes, message) == int(is_approved)


async def test_a_decision_is_asked_for_across_a_crash_and_shown_as_made(
    host: DeviceHost, server: SegueServer, session: str, notes: Path
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    message = await say(phone, "hold")
    await until_status(laptop, message, "suspended")
    assert (await answer_to(laptop, message))["status"] == "suspended"
    await server.restart()
    await ask(laptop, "approve", message, {"approved": True})
    await until_status(phone, message, "done")
    await host.equal(devices)
    assert await last_text(phone, message) == "Held."
    assert times_held(notes, message) == 1
    # Whoever joins now sees no open question.
    (late,) = await host.open_all(("y-websocket",), server.url, session, server.token("alice"))
    await host.wait_all([late], synced=True)
    call = await call_of(late, message)
    assert (call["state"], call["output"]) == ("output-available", {"held": True})
    assert "waiting_for" not in await shown(late, "runs", message)


async def test_a_person_gives_the_result(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = await open_two(host, server, session)
    message = await say(phone, "sign")
    await until_status(laptop, message, "suspended")
    assert (await call_of(laptop, message))["executor"] == "person"
    await ask(laptop, "tool_output", message, {"output": "signed"})
    await until_status(phone, message, "done")
    assert await last_text(phone, message) == "output-available: signed"


async def test_a_tool_that_a_crash_cut_off_is_not_run_again(
    host: DeviceHost, server: SegueServer, session: str, notes: Path
) -> None:
    phone, _ = await open_two(host, server, session)
    message = await say(phone, "pay")

    async def is_held() -> bool:
        return times_held(notes, message) == 1

    await until_it_is(is_held)
    await server.restart()
    await until_status(phone, message, "interrupted")
    await ask(phone, "resume", message)
    await until_status(phone, message, "done")
    assert (await last_text(phone, message)).startswith("output-error: It was interrupted")
    assert times_held(notes, message) == 1


async def test_what_waits_for_people_is_stopped_over_http_and_the_next_one_is_answered(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = await open_two(host, server, session)
    message = await say(phone, "hold")
    await until_status(laptop, message, "suspended")
    behind = await say(phone, "sign")
    await until_status(laptop, behind, "queued")
    alice = HttpClient(server, server.token("alice"))
    page = await alice.ask("GET", f"/v1/sessions/{session}/messages")
    assert [(m["status"], m["seq"]) for m in page.json["messages"]] == [
        ("complete", 1),
        ("suspended", 2),
        ("queued", None),
    ]
    cancelled = await alice.ask("POST", f"/v1/sessions/{session}/runs/{message}/cancel")
    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
    await until_status(laptop, behind, "suspended")
    assert (await call_of(laptop, message))["state"] == "output-denied"


async def test_a_line_is_seen_on_both_devices_and_left_again(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = devices = await open_two(host, server, session)
    message = await say(phone, "hold")
    await until_status(laptop, message, "suspended")
    second, third = await say(laptop, "sign"), await say(phone, "sign")
    for device in devices:
        await until_status(device, second, "queued")
        await until_status(device, third, "queued")
        assert "seq" not in await shown(device, "messages", second)
    await ask(laptop, "withdraw", second)
    await until_status(phone, second, "cancelled")
    await ask(laptop, "approve", message, {"approved": False, "reason": "no"})
    await until_status(phone, third, "suspended")
    await host.equal(devices)
    answer = await answer_to(phone, third)
    assert answer["parent"] == third
    assert second not in await shown(phone, "messages")


async def test_an_interrupting_message_is_answered_next(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    phone, laptop = await open_two(host, server, session)
    settings = {"$json": {"while_running": "interrupt"}}
    await laptop.put("session", ["settings"], settings)
    first = await say(phone, "pay")
    await until_status(laptop, first, "active")
    second = await say(laptop, "sign")
    await until_status(phone, second, "suspended")
    assert await shown(phone, "runs", first, "status") == "cancelled"
    with anyio.fail_after(30):
        await ask(phone, "stop", "session")
        await until_status(laptop, second, "cancelled")
