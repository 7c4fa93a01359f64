"""Another node has written to the log: what was computed for the state before is computed anew."""

import pytest
from crowd import PATIENCE_S, Crowd, Scene, play
from pycrdt import Doc, Text

from databases import connected
from segue.document.submission import LoggedUpdate
from segue.ids import DeviceId, UserId
from segue.storage.payload import encode_updates

pytestmark = pytest.mark.anyio

CLAIM = "UPDATE documents SET position = position + 1 WHERE id = $1 RETURNING position"
INSERT = (
    "INSERT INTO updates (document, position, writer, batch, payload) VALUES ($1, $2, 1, $2, $3)"
)


async def write_as_another_node(dsn: str, session: str, text: str) -> None:
    """Takes the next position, as a node does of which this one knows nothing."""
    doc: Doc[Text] = Doc()
    doc.get("elsewhere", type=Text).insert(0, text)
    update = LoggedUpdate(UserId("bob"), DeviceId("elsewhere"), doc.get_update())
    async with connected(dsn) as sql, sql.transaction():
        position = await sql.fetchval(CLAIM, session)
        await sql.execute(INSERT, session, position, encode_updates([update]))


async def test_conflict_of_positions(scene: Scene) -> None:
    async def write_in_between(crowd: Crowd) -> None:
        text = f"row {scene.tally.rounds}; "
        for session in crowd.rooms:
            await write_as_another_node(scene.dsn, session, text)
        with scene.tally.recovery():
            await crowd.carry_on()
        shown = {"contains": {"root": "elsewhere", "text": text}}
        await scene.host.wait_all(crowd.devices, PATIENCE_S, **shown)

    await play(scene, write_in_between)
