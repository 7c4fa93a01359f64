"""Real dialogues through two devices: one transcript on both, over HTTP, and after a restart."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from devices import Device, DeviceHost
from http_client import HttpClient
from segue.ids import new_id
from servers import PostgresServer, SegueServer, new_session

DATA = Path(__file__).parents[4] / "shared" / "data" / "dialogues.jsonl"

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not DATA.exists(), reason="no dialogues beside this repository"),
]

Turn = tuple[str, str]
"""Role and text."""

_numbers = itertools.count(1)


def dialogues() -> list[list[Turn]]:
    lines = DATA.read_text().splitlines()
    return [[(turn["role"], turn["text"]) for turn in json.loads(line)["turns"]] for line in lines]


@dataclass(frozen=True, slots=True)
class Replay:
    """One session with two devices of alice's in it."""

    session: str
    phone: Device
    laptop: Device

    def device(self, role: str) -> Device:
        return self.phone if role == "user" else self.laptop

    async def say(self, turn: Turn) -> None:
        role, text = turn
        message = {
            "role": role,
            "author": {"kind": "user", "id": "alice"},
            "created_at": 1_764_000_000_000,
            "parts": {"0": {"type": "text", "text": {"$text": text}, "state": "done"}},
        }
        number = next(_numbers)
        name = new_id(1_764_000_000_000 + number, number.to_bytes(10, "big"))
        await self.device(role).put("messages", [name], message)

    async def both_have(self, count: int) -> None:
        for device in (self.phone, self.laptop):
            await device.wait(60, keys={"root": "messages", "count": count}, settled=True)


async def shown(device: Device) -> list[Turn]:
    """Gives what a device shows: its messages by `seq`."""
    messages = (await device.roots())["messages"].values()
    ordered = sorted(messages, key=lambda message: message["seq"])
    assert [message["seq"] for message in ordered] == list(range(1, len(ordered) + 1))
    return [(message["role"], message["parts"]["0"]["text"]) for message in ordered]


async def over_http(client: HttpClient, session: str) -> list[Turn]:
    page = (await client.ask("GET", f"/v1/sessions/{session}/messages?limit=200")).json
    assert not page["has_more"]
    return [(each["role"], each["parts"][0]["text"]) for each in page["messages"]]


async def enter(host: DeviceHost, server: SegueServer) -> Replay:
    session, token = new_session(), server.token("alice")
    phone, laptop = await host.open_all(["y-websocket", "hocuspocus"], server.url, session, token)
    for device in (phone, laptop):
        await device.wait(synced=True)
    return Replay(session, phone, laptop)


async def transcript(host: DeviceHost, client: HttpClient, replay: Replay) -> list[Turn]:
    """Gives the transcript, the same wherever one looks."""
    await host.equal([replay.phone, replay.laptop])
    seen = await over_http(client, replay.session)
    assert await shown(replay.phone) == await shown(replay.laptop) == seen
    return seen


def by(role: str, turns: Sequence[Turn]) -> list[Turn]:
    return [turn for turn in turns if turn[0] == role]


async def test_turn_by_turn_and_typing_ahead(
    host: DeviceHost, postgres: PostgresServer, tmp_path: Path
) -> None:
    address = await postgres.new_database()
    async with SegueServer.started(tmp_path, database_url=address) as server:
        client = HttpClient(server, server.token("alice"))
        kept: dict[str, list[Turn]] = {}
        for turns in dialogues():
            replay = await enter(host, server)
            for count, turn in enumerate(turns, 1):
                await replay.say(turn)
                await replay.both_have(count)
            kept[replay.session] = await transcript(host, client, replay)
            assert kept[replay.session] == turns
            ahead = await enter(host, server)
            for turn in turns:
                await ahead.say(turn)
            await ahead.both_have(len(turns))
            kept[ahead.session] = await transcript(host, client, ahead)
            for role in ("user", "assistant"):
                assert by(role, kept[ahead.session]) == by(role, turns)
            await host.close_all()
        await server.restart()
        for session, turns in kept.items():
            assert await over_http(client, session) == turns
