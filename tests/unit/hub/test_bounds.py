"""What one member can't take from the others, and how large a document may become."""

import asyncio
from collections.abc import Callable

import pytest
from hub_devices import UPDATE, Device
from hub_ports import KILLER
from hub_scene import Scene, said, staged_with, type_text
from pycrdt import Text
from virtual_time import time_passes

from segue.auth.grants import Role
from segue.document.edits import AddMessage, Author, NewPart, SetSession
from segue.errors import Overloaded, RefusedUpdate, TooLarge, TooMany
from segue.hub.options import HubOptions
from segue.ids import UserId
from segue.wire.messages import Update

LIMIT = 32_000


def error_of(device: Device) -> Exception | None:
    assert device.outbox is not None
    return device.outbox.error


def rewrite(size: int) -> Callable[[Device], None]:
    def change(device: Device) -> None:
        device.map["key"] = "x" * size

    return change


async def fill(on_stage: Scene, device: Device) -> None:
    """Types until there is no room for a thousand characters more."""
    for _ in range(LIMIT // 1_500):
        device.edit(type_text("x" * 1_500))
        await on_stage.flow()
        await time_passes(1)
    assert error_of(device) is None


@staged_with(HubOptions(max_backlog_bytes=8_000, max_user_backlog_bytes=2_000))
async def test_one_who_floods_leaves_the_others_room(scene: Scene) -> None:
    alice, bob = await scene.join("alice"), await scene.join("bob")
    for _ in range(5):
        alice.edit(type_text("x"))
    bob.edit(type_text("y"))
    scene.send()
    refused = error_of(alice)
    assert isinstance(refused, Overloaded)
    assert "SEGUE_MAX_BACKLOG_PER_USER" in str(refused)
    assert error_of(bob) is None
    await scene.flow()
    assert "y" in str(scene.stored.doc.get("text", type=Text))


@staged_with(HubOptions(max_backlog_bytes=8_000, max_user_backlog_bytes=2_000))
async def test_a_first_sync_larger_than_the_share_comes_home_alone(scene: Scene) -> None:
    alice = scene.device("alice")
    alice.edit(type_text("x" * 5_000))
    alice.connect()
    await scene.flow()
    assert error_of(alice) is None
    assert str(scene.stored.doc.get("text", type=Text)) == "x" * 5_000


@staged_with(HubOptions())
async def test_who_ends_workers_again_takes_no_more_part_over_http_either(scene: Scene) -> None:
    def message(user: str) -> AddMessage:
        return AddMessage(f"of {user}", "user", Author("user", UserId(user)), 0, ())

    for _ in range(2):
        mallory = await scene.join("mallory")
        mallory.to_server.append(Update(KILLER))
        await scene.flow()
        assert isinstance(error_of(mallory), RefusedUpdate)
    with pytest.raises(TooMany):
        await scene.hub.edit(scene.room.document, message("mallory"))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(scene.hub.edit(scene.room.document, message("bob")))
        await scene.flow()


@staged_with(HubOptions(max_document_bytes=LIMIT))
async def test_a_full_document_refuses_what_inserts_by_name_of_the_setting(scene: Scene) -> None:
    alice, bob = await scene.join("alice"), await scene.join("bob")
    await fill(scene, alice)
    alice.edit(type_text("x" * 2_000))
    scene.send()
    refused = error_of(alice)
    assert isinstance(refused, TooLarge)
    assert "SEGUE_MAX_DOCUMENT" in str(refused)
    assert error_of(bob) is None
    carol = await scene.join("carol")
    assert str(carol.text) == str(bob.text), "it is still read"


@staged_with(HubOptions(max_document_bytes=LIMIT))
async def test_what_is_deleted_makes_room(scene: Scene) -> None:
    alice = await scene.join("alice")
    await fill(scene, alice)

    def delete(device: Device) -> None:
        with device.doc.transaction():
            for position in range(400):  # every other one: the update is no small one
                del device.text[position]
            del device.text[400:20_000]

    alice.edit(delete)
    await scene.flow()
    assert error_of(alice) is None
    alice.edit(type_text("x" * 2_000))
    await scene.flow()
    assert error_of(alice) is None


@staged_with(HubOptions(max_document_bytes=LIMIT))
async def test_what_is_written_over_is_not_counted_for_long(scene: Scene) -> None:
    alice = await scene.join("alice")
    for _ in range(200):
        alice.edit(rewrite(1_500))
        await scene.flow()
        await time_passes(0.01)
    assert error_of(alice) is None
    assert scene.room._snapshots.size_bytes < LIMIT


@staged_with(HubOptions(max_document_bytes=LIMIT))
async def test_a_small_edit_is_taken_by_a_full_document_but_not_for_ever(scene: Scene) -> None:
    alice = await scene.join("alice")
    await fill(scene, alice)
    alice.edit(type_text("x" * 500))
    await scene.flow()
    assert error_of(alice) is None
    for _ in range(20):
        if error_of(alice) is None:
            alice.edit(type_text("x" * 500))
            await scene.flow()
            await time_passes(1)
    assert isinstance(error_of(alice), TooLarge)
    assert scene.room._snapshots.size_bytes < 1.2 * LIMIT


@staged_with(HubOptions(max_document_bytes=LIMIT))
async def test_a_viewer_of_a_full_document_reads_on(scene: Scene) -> None:
    alice = await scene.join("alice")
    await fill(scene, alice)
    viewer = await scene.join("vic", role=Role.VIEWER)
    viewer.edit(type_text("x" * 2_000))
    await scene.flow()
    assert error_of(viewer) is None
    alice.edit(type_text("!"))
    scene.send()
    scene.workers.work()
    scene.log.commit()
    assert said(viewer.outbox, UPDATE)


@staged_with(HubOptions(max_document_bytes=LIMIT))
async def test_http_adds_nothing_to_a_full_document(scene: Scene) -> None:
    alice = await scene.join("alice")
    await fill(scene, alice)
    part = NewPart("text", b'{"type":"text","text":"' + b"x" * 2_000 + b'"}')
    message = AddMessage("m1", "user", Author("user", UserId("alice")), 0, (part,))
    for edit in (message, SetSession(settings=b'{"a":"' + b"x" * 2_000 + b'"}')):
        with pytest.raises(TooLarge, match="SEGUE_MAX_DOCUMENT"):
            await scene.hub.edit(scene.room.document, edit)


@staged_with(HubOptions(max_document_bytes=LIMIT))
async def test_a_document_without_a_proven_snapshot_does_not_grow_for_ever(scene: Scene) -> None:
    scene.workers.snapshots_unproven = scene.workers.rewriting_unproven = True
    alice = await scene.join("alice")
    for _ in range(200):
        if error_of(alice) is None:
            alice.edit(rewrite(1_500))
            await scene.flow()
            await time_passes(1)
    assert isinstance(error_of(alice), TooLarge)
    assert scene.room._snapshots.size_bytes < 2 * LIMIT


@staged_with(HubOptions(max_document_bytes=LIMIT))
async def test_until_its_size_is_known_the_log_grows_to_a_bound(scene: Scene) -> None:
    alice = await scene.join("alice")
    scene.log.is_away = True  # so no snapshot is taken
    for _ in range(200):
        alice.edit(rewrite(1_500))
    scene.send()
    assert isinstance(error_of(alice), Overloaded)
    assert scene.hub.backlog.size_bytes < 4 * LIMIT
    scene.log.is_away = False
