"""Makes a document differ from its own reload, as a device can that lies about what it writes between.

The server finds that when it proves a snapshot, and writes the document anew: a new generation.
"""

from itertools import count

from databases import connected
from raw_websocket import RawWebSocket, frame
from segue.wire.lib0 import var_bytes, var_string, var_uint
from servers import SegueServer
from waiting import until_it_is

ROOT = "spoiled"
GENERATION = "SELECT generation FROM documents WHERE id = $1"

_Id = tuple[int, int]


def spoiling(first_client: int) -> list[bytes]:
    """Gives updates, of four clients with ids from `first_client` on, that the gate has to take.

    The last says to stand between X and b, which are the other way round. Where it ends up hangs on
    what was there before it.
    """
    one, two, three, four = range(first_client, first_client + 4)
    return [
        _update(one, b"\x04\x01" + var_string(ROOT), "abc"),
        _update(two, _between((one, 1), (one, 2)), "XYZ"),
        _update(three, _between((one, 1), (two, 1)), "3"),
        _update(four, _between((two, 0), (one, 1)), "4"),
    ]


def _go_on(client: int, clock: int) -> bytes:
    where = b"\x84" + var_uint(client) + var_uint(clock - 1)
    return b"\x01\x01" + var_uint(client) + var_uint(clock) + where + var_string(".") + b"\x00"


def _between(left: _Id, right: _Id) -> bytes:
    return b"\xc4" + b"".join(var_uint(number) for number in (*left, *right))


def _update(client: int, where: bytes, text: str) -> bytes:
    return b"\x01\x01" + var_uint(client) + b"\x00" + where + var_string(text) + b"\x00"


async def spoil(server: SegueServer, session: str, first_client: int, user: str = "alice") -> None:
    """Spoils a session; returns once it is written anew, everybody in it having been sent away."""
    async with connected(server.dsn) as sql:
        before = await sql.fetchval(GENERATION, session) or 1

        async def look() -> bool:
            generation: int = await sql.fetchval(GENERATION, session)
            return generation == before + 1

        path = f"/v1/sync/{session}?token={server.token(user)}"
        async with RawWebSocket.connected(server.port, path) as socket:
            await socket.accepted()
            for update in spoiling(first_client):
                await socket.send(frame(b"\x00\x02" + var_bytes(update)))
            clocks = count(1)

            async def write_on() -> bool:
                """Goes on until a snapshot is due."""
                await socket.send(
                    frame(b"\x00\x02" + var_bytes(_go_on(first_client + 3, next(clocks))))
                )
                return await look()

            await until_it_is(write_on)
