"""A document that differs from its own reload is written anew: a new generation, and what it costs."""

import asyncio

from hub_devices import Device
from hub_scene import DOCUMENT, Scene, staged_with, type_text
from pycrdt import Map, Text
from structlog.testing import capture_logs
from virtual_time import time_passes, turns

from segue.document.edits import AddMessage, Author
from segue.errors import StartOver
from segue.hub.options import HubOptions
from segue.ids import UserId

EVERY_ROW = HubOptions(snapshot_every_rows=1)


def text_of(scene: Scene) -> str:
    return str(scene.stored.doc.get("text", type=Text))


def error_of(device: Device) -> object:
    assert device.outbox is not None
    return device.outbox.error


async def reload_page(scene: Scene, device: Device) -> None:
    """Does what 4412 says."""
    assert isinstance(error_of(device), StartOver)
    device.outbox = None
    device.to_server.clear()
    device.start_over(100 + device.client)
    device.connect()
    await scene.flow()


async def until_asked_anew(scene: Scene) -> None:
    """Stops where the worker is to write the document anew: everything before is done."""
    scene.send()
    scene.workers.work()
    scene.log.commit()
    scene.workers.step(DOCUMENT)


@staged_with(EVERY_ROW)
async def test_everybody_starts_over_and_finds_the_same(scene: Scene) -> None:
    writer, reader = await scene.join(name="talk"), await scene.join("bob")
    scene.workers.snapshots_unproven = True
    writer.edit(type_text("hello"))
    with capture_logs() as logs:
        await scene.flow()
    assert {"snapshot.unproven", "document.rewritten"} <= {each["event"] for each in logs}
    assert (scene.stored.generation, text_of(scene)) == (2, "hello")
    scene.workers.snapshots_unproven = False
    for device in (writer, reader):
        await reload_page(scene, device)
        assert str(device.text) == "hello"
    writer.edit(type_text(" again"))
    await scene.flow()
    assert (text_of(scene), str(reader.text), writer.unsynced) == ("hello again",) * 2 + (0,)


@staged_with(EVERY_ROW)
async def test_what_comes_meanwhile_is_not_called_saved(scene: Scene) -> None:
    writer = await scene.join(name="talk")
    scene.workers.snapshots_unproven = True
    writer.edit(type_text("saved"))
    await until_asked_anew(scene)
    scene.read()
    assert writer.unsynced == 0
    writer.edit(type_text(" too late"))
    await scene.flow()
    assert (text_of(scene), writer.unsynced) == ("saved", 1)
    assert isinstance(error_of(writer), StartOver)


@staged_with(EVERY_ROW)
async def test_what_the_server_writes_meanwhile_goes_on(scene: Scene) -> None:
    writer = await scene.join(name="talk")
    scene.workers.snapshots_unproven = True
    writer.edit(type_text("saved"))
    await until_asked_anew(scene)
    message = AddMessage("m1", "user", Author("user", UserId("dave")), 0, ())
    posting = asyncio.get_running_loop().create_task(scene.hub.edit(DOCUMENT, message))
    await turns()
    scene.workers.snapshots_unproven = False
    await scene.flow()
    await posting
    assert scene.stored.generation == 2
    assert set(scene.stored.doc.get("messages", type=Map).keys()) == {"m1"}


@staged_with(EVERY_ROW)
async def test_an_old_copy_that_comes_back_brings_nothing_back(scene: Scene) -> None:
    """Row 40: also one that slept, never wrote, or has only deleted something."""
    writer, sleeper = await scene.join(name="talk"), await scene.join("bob", name="talk")
    reader = await scene.join("carol")
    writer.edit(type_text("hello"))
    await scene.flow()
    for device in (sleeper, reader):
        device.disconnect()
    sleeper.edit(type_text(" from the past"))
    scene.workers.snapshots_unproven = True
    writer.edit(type_text("!"))
    await scene.flow()
    scene.workers.snapshots_unproven = False
    await reload_page(scene, writer)
    for device in (sleeper, reader):
        device.connect()
        await scene.flow()
        assert isinstance(error_of(device), StartOver)
        assert text_of(scene) == "hello!"
        await reload_page(scene, device)
        assert str(device.text) == "hello!"


@staged_with(EVERY_ROW)
async def test_a_copy_without_anything_old_just_joins(scene: Scene) -> None:
    offline = scene.device("bob", name="talk")
    offline.edit(type_text("new"))
    writer = await scene.join(name="talk")
    scene.workers.snapshots_unproven = True
    writer.edit(type_text("old"))
    await scene.flow()
    scene.workers.snapshots_unproven = False
    offline.connect()
    await scene.flow()
    assert (error_of(offline), offline.unsynced) == (None, 0)
    assert sorted(text_of(scene)) == sorted("oldnew")


@staged_with(EVERY_ROW)
async def test_where_another_wrote_meanwhile_nobody_starts_over(scene: Scene) -> None:
    writer = await scene.join(name="talk")
    scene.workers.snapshots_unproven = True
    writer.edit(type_text("hello"))
    await until_asked_anew(scene)
    scene.stored.write_elsewhere(lambda doc: doc.get("text", type=Text).insert(0, "elsewhere "))
    await scene.flow()
    assert (scene.stored.generation, error_of(writer)) == (1, None)
    assert str(writer.text) == text_of(scene) == "elsewhere hello"


@staged_with(EVERY_ROW)
async def test_while_the_storage_is_away_it_waits(scene: Scene) -> None:
    writer = await scene.join(name="talk")
    scene.workers.snapshots_unproven = True
    writer.edit(type_text("hello"))
    await until_asked_anew(scene)
    scene.log.is_away = True
    await scene.flow()
    writer.edit(type_text("!"))
    await scene.flow()
    assert (error_of(writer), writer.unsynced) == (None, 1)
    scene.log.is_away = scene.workers.snapshots_unproven = False
    await time_passes(3)
    await scene.flow()
    assert (text_of(scene), writer.unsynced, scene.stored.generation) == ("hello!", 0, 1)


@staged_with(EVERY_ROW)
async def test_what_cannot_be_rewritten_stays_in_its_log(scene: Scene) -> None:
    writer = await scene.join(name="talk")
    scene.workers.snapshots_unproven = scene.workers.rewriting_unproven = True
    for word in ("one ", "two ", "three"):
        writer.edit(type_text(word))
        with capture_logs() as logs:
            await scene.flow()
        expected = 1 if word == "one " else 0
        events = [each["event"] for each in logs]
        assert events.count("document.not_rewritten") == expected, "it is tried again at once"
    assert (error_of(writer), writer.unsynced, text_of(scene)) == (None, 0, "one two three")


@staged_with(EVERY_ROW)
async def test_one_who_spoils_it_again_and_again_sends_nobody_away_each_time(scene: Scene) -> None:
    writer = await scene.join(name="talk")
    scene.workers.snapshots_unproven = True
    writer.edit(type_text("1"))
    await scene.flow()
    await reload_page(scene, writer)
    for _ in range(5):
        writer.edit(type_text("2"))
        await scene.flow()
    assert (scene.stored.generation, error_of(writer)) == (2, None)
    await time_passes(301)
    writer.edit(type_text("3"))
    await scene.flow()
    assert scene.stored.generation == 3
    scene.workers.snapshots_unproven = False


@staged_with(EVERY_ROW)
async def test_nor_by_having_the_room_opened_anew(scene: Scene) -> None:
    writer = await scene.join(name="talk")
    scene.workers.snapshots_unproven = True
    writer.edit(type_text("1"))
    await scene.flow()
    await reload_page(scene, writer)
    for waits_s, generation in ((30, 2), (30, 2), (301, 3)):
        writer.disconnect()
        await scene.flow()
        await time_passes(waits_s)
        await scene.flow()
        assert scene.hub.room_count == 0
        writer.connect()
        await scene.flow()
        writer.edit(type_text("2"))
        await scene.flow()
        assert scene.stored.generation == generation
    scene.workers.snapshots_unproven = False


@staged_with(EVERY_ROW)
async def test_what_a_new_device_sent_meanwhile_is_left_to_it(scene: Scene) -> None:
    """Nothing old is in its edit: it would fit into the new generation. But its device starts over."""
    writer, fresh = await scene.join(name="talk"), await scene.join("bob", name="talk")
    scene.workers.snapshots_unproven = True
    writer.edit(type_text("saved"))
    await until_asked_anew(scene)
    fresh.edit(lambda device: device.map.update({"key": "unsent"}))
    await scene.flow()
    assert isinstance(error_of(fresh), StartOver)
    assert scene.stored.doc.get("map", type=Map).to_py() == {}
