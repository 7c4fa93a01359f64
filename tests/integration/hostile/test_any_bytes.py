"""Any bytes in any frame: an answer or an end with a code; no traceback, no hang, nothing to others."""

import random
from collections.abc import Callable

import anyio
import pytest

from devices import DeviceHost
from raw_websocket import BINARY, CLOSE, CONT, PING, PONG, TEXT, RawWebSocket, frame, header
from segue.wire.lib0 import var_bytes, var_string, var_uint
from servers import SegueServer, new_session
from settled import assert_settled

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

SEEDS = 400
AT_ONCE = 20

Attack = Callable[[random.Random, bytes], bytes]


def noise(fate: random.Random, most: int = 60) -> bytes:
    return fate.randbytes(fate.randrange(most))


def text(fate: random.Random, good: bytes) -> bytes:
    return frame(good, TEXT)


def unmasked(fate: random.Random, good: bytes) -> bytes:
    return bytes((0x80 | BINARY, len(good))) + good


def compressed(fate: random.Random, good: bytes) -> bytes:
    return bytes((0xC0 | BINARY,)) + frame(good)[1:]


def reserved(fate: random.Random, good: bytes) -> bytes:
    return (
        bytes((0x80 | fate.randrange(16) | fate.choice((0, 0x10, 0x20, 0x70)),)) + frame(good)[1:]
    )


def endless(fate: random.Random, good: bytes) -> bytes:
    return header(fate.choice((1 << 24, 1 << 31, (1 << 63) - 1, (1 << 64) - 1))) + good


def fragments(fate: random.Random, good: bytes) -> bytes:
    kinds = (CONT, CONT, BINARY, TEXT, PING)
    return b"".join(
        frame(noise(fate), fate.choice(kinds), fin=fate.random() < 0.5) for _ in range(8)
    )


def control(fate: random.Random, good: bytes) -> bytes:
    data = fate.choice((b"", b"\x03", noise(fate, 140), (1005).to_bytes(2), b"\x03\xe8\xff\xfe"))
    return frame(data, fate.choice((PING, PONG, CLOSE)), fin=fate.random() < 0.9)


def message(fate: random.Random, good: bytes) -> bytes:
    """A message of the dialects, up to a point."""
    body = bytes((fate.randrange(12), fate.randrange(5))) + fate.choice(
        (noise(fate), var_bytes(noise(fate)), var_string("token"), var_uint(1 << 40) + noise(fate))
    )
    return frame(fate.choice((b"", var_string("name"), good[:5])) + body)


def changed(fate: random.Random, good: bytes) -> bytes:
    data = bytearray(good)
    for _ in range(fate.randrange(1, 4)):
        data[fate.randrange(len(data))] = fate.randrange(256)
    return frame(bytes(data))


def raw(fate: random.Random, good: bytes) -> bytes:
    return fate.randbytes(fate.randrange(1, 300))


ATTACKS: tuple[Attack, ...] = (
    text,
    unmasked,
    compressed,
    reserved,
    endless,
    fragments,
    control,
    message,
    changed,
    raw,
)

WRITTEN = bytes.fromhex("0002" + "1101010100040104746578740478787878" + "00")
"""An update of a y-websocket client that has written "xxxx"."""

HEADERS = (
    b"",
    b"Sec-WebSocket-Protocol: mqtt, \xff\xfe\r\n",
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
    b"Sec-WebSocket-Version: 99\r\n",
    b"Content-Length: 9\r\n",
    b"X-Forwarded-For: what ever\r\n",
)


class Attacker:
    """Who attacks, one connection a seed: with no token, or with one of a session of its own."""

    def __init__(self, server: SegueServer, victims: str) -> None:
        self.server = server
        self.victims = victims
        self.own = new_session()
        self.token = server.token("mallory")

    async def attack(self, seed: int) -> None:
        fate = random.Random(seed)
        path, good = self.aim(fate)
        attack = ATTACKS[seed % len(ATTACKS)]
        async with RawWebSocket.connected(
            self.server.port, path, headers=fate.choice(HEADERS)
        ) as client:
            try:
                for _ in range(fate.randrange(1, 4)):
                    client.writer.write(frame(good) if fate.random() < 0.3 else b"")
                    client.writer.write(attack(fate, good))
                    await client.writer.drain()
                client.writer.write(frame((1000).to_bytes(2), CLOSE))
                client.writer.write_eof()
            except (ConnectionError, RuntimeError):  # it was ended already
                pass
            with anyio.fail_after(60):
                assert await client.ended(), f"seed {seed} hangs"

    def aim(self, fate: random.Random) -> tuple[str, bytes]:
        """Gives an address, and a message that would be right there."""
        if fate.random() < 0.5:
            token, name = fate.choice((("", self.victims), (self.token, self.own)))
            return f"/v1/sync/{name}?token={token}", WRITTEN
        name = var_string(fate.choice((self.victims, self.own)))
        auth = name + b"\x02\x00" + var_string(fate.choice(("", self.token)))
        return "/v1/collab", fate.choice((auth, name + WRITTEN))


async def test_bytes_end_where_they_came_from(
    host: DeviceHost, server: SegueServer, session: str
) -> None:
    devices = await host.open_all(
        ("y-websocket", "hocuspocus"), server.url, session, server.token("alice")
    )
    await host.wait_all(devices, synced=True)
    await devices[0].edit((0, 0, "mine"))
    before = await assert_settled(host, server.dsn, session, devices)
    attacker = Attacker(server, session)
    for first in range(0, SEEDS, AT_ONCE):
        async with anyio.create_task_group() as tasks:
            for seed in range(first, first + AT_ONCE):
                tasks.start_soon(attacker.attack, seed)
    after = await assert_settled(host, server.dsn, session, devices)
    assert after.position == before.position, "something of it was saved"
    for device in devices:
        assert await device.text() == "mine"
        summary = await device.summary()
        assert (summary["opened"], summary["closes"]) == (1, [])
    log = server.log.read_text()
    assert "Traceback" not in log
    assert '"level": "error"' not in log
    assert "document.reloads" not in log
