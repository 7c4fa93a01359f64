"""What people do in a conversation with agents, through stock clients."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devices import Device, DeviceHost
from http_client import HttpClient
from servers import SegueServer
from waiting import until_it_is

AGENTS = Path(__file__).parent / "agents_for_tests"
LONG = "100000"
_numbers = itertools.count(1)


def counted(to: int) -> str:
    return "".join(f"{number} " for number in range(to))


async def open_two(host: DeviceHost, server: SegueServer, session: str) -> list[Device]:
    devices = await host.open_all(
        ("hocuspocus", "y-websocket"), server.url, session, server.token("alice")
    )
    await host.wait_all(devices, synced=True)
    return devices


async def say(device: Device, text: str) -> str:
    message = f"m{next(_numbers)}"
    author = {"$json": {"kind": "user", "id": "alice"}}
    part = {"type": "text", "text": {"$text": text}}
    value = {"role": "user", "author": author, "parts": {"0": part}}
    await device.put("messages", [message], value)
    return message


async def ask(device: Device, kind: str, target: str, value: object = None) -> str:
    request = f"r{next(_numbers)}"
    asked = {"kind": kind, "target": target, "by": "alice"}
    await device.put(
        "requests", [request], {"$json": asked if value is None else {**asked, "value": value}}
    )
    return request


async def shown(device: Device, *path: str) -> Any:
    found: Any = await device.roots()
    for key in path:
        found = found.get(key, {}) if isinstance(found, Mapping) else {}
    return found


async def answer_to(device: Device, message: str) -> Mapping[str, Any]:
    """The answer as a device shows it; empty before there is one."""
    answer = await shown(device, "runs", message, "message")
    found: Mapping[str, Any] = await shown(device, "messages", answer) if answer else {}
    return found


async def read(client: HttpClient, session: str) -> list[dict[str, Any]]:
    answer = await client.ask("GET", f"/v1/sessions/{session}/messages")
    messages: list[dict[str, Any]] = answer.json["messages"]
    return messages


def text_of(answer: Mapping[str, Any]) -> str:
    parts = answer.get("parts") or {}
    text: str = parts.get("0", {}).get("text") or ""
    return text


async def until_status(device: Device, message: str, *statuses: str) -> None:
    async def is_there() -> bool:
        return await shown(device, "runs", message, "status") in statuses

    await until_it_is(is_there)


async def until_it_writes(device: Device, message: str, at_least: int = 20) -> None:
    async def writes() -> bool:
        return len(text_of(await answer_to(device, message))) >= at_least

    await until_it_is(writes)
