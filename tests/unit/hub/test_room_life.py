"""A room from its first load to its end: reloads, conflicts, failures, retirement."""

from collections.abc import Callable

import pytest
from hub_devices import STEP1, STEP2, UPDATE
from hub_ports import Log, Workers
from hub_scene import DOCUMENT, Scene, kinds, scene, staged, type_text
from pycrdt import Text
from structlog.testing import capture_logs
from virtual_time import run, time_passes, turns

from segue.errors import Deleted, Quarantined, Restarting, SegueError, StartOver
from segue.hub.hub import Hub
from segue.hub.options import HubOptions
from segue.hub.stage import Stage
from segue.wire.messages import Update


def check(scene: Scene) -> None:
    scene.send()
    scene.workers.work()


def stored_text(scene: Scene) -> str:
    return str(scene.stored.doc.get("text", type=Text))


@staged
async def test_nobody_is_shown_an_empty_document_while_it_loads(scene: Scene) -> None:
    scene.stored.write_elsewhere(lambda doc: doc.get("text", type=Text).insert(0, "old"))
    device = scene.device(name="talk")
    device.edit(type_text("new"))
    device.connect()
    for _ in range(3):
        await turns()
        device.deliver_to_server()
        assert kinds(device.outbox) == []
    await scene.flow()
    assert sorted(str(device.text)) == sorted("oldnew")
    assert device.unsynced == 0


@staged
async def test_an_outage_holds_everything_and_the_load_is_tried_again(scene: Scene) -> None:
    scene.log.is_away = True
    device = scene.device(name="talk")
    device.edit(type_text("hello"))
    device.connect()
    for _ in range(5):
        await scene.load()
        device.deliver_to_server()
        await time_passes(3)
    assert device.outbox is not None
    assert (kinds(device.outbox), device.outbox.error) == ([], None)
    scene.log.is_away = False
    await scene.flow()
    assert (stored_text(scene), device.unsynced) == ("hello", 0)


@staged
async def test_a_deleted_document_ends_its_peers_with_4410(scene: Scene) -> None:
    device = await scene.join(name="talk")
    outbox = device.outbox
    assert outbox is not None
    device.edit(type_text("hello"))
    check(scene)
    scene.stored.is_deleted = True
    scene.log.commit()
    await scene.load()
    assert isinstance(outbox.error, Deleted)
    assert outbox.error.close_code == 4410
    assert scene.hub.room_count == 0


@staged
async def test_a_newer_generation_has_peers_start_over(scene: Scene) -> None:
    device = await scene.join()
    outbox = device.outbox
    assert outbox is not None
    device.edit(type_text("hello"))
    check(scene)
    scene.stored.generation += 1
    scene.log.commit()
    await scene.load()
    assert isinstance(outbox.error, StartOver)


@staged
async def test_a_quarantined_document_sends_everybody_away_and_an_operator_is_told(
    scene: Scene,
) -> None:
    device = await scene.join()
    outbox = device.outbox
    assert outbox is not None
    with capture_logs() as logs:
        scene.workers.lose(DOCUMENT, quarantined=True)
    assert ("document.quarantined", DOCUMENT) in {(log["event"], log["document"]) for log in logs}
    assert isinstance(outbox.error, Quarantined)
    assert scene.hub.room_count == 0


def _not_yet(scene: Scene) -> None:
    """The update is on its way to the worker."""


def _accepted(scene: Scene) -> None:
    scene.workers.work()


def _taken(scene: Scene) -> None:
    scene.workers.work()
    scene.log.take()


Moment = Callable[[Scene], None]


@pytest.mark.parametrize("moment", [_not_yet, _accepted, _taken])
def test_a_worker_that_dies_loses_nothing(moment: Moment) -> None:
    async def act() -> None:
        async with scene() as on_stage:
            writer, reader = await on_stage.join(name="talk"), await on_stage.join("bob")
            writer.edit(type_text("hello"))
            on_stage.send()
            moment(on_stage)
            on_stage.workers.lose(DOCUMENT)
            writer.edit(type_text(" there"))
            on_stage.send()
            await on_stage.flow()
            assert str(reader.text) == stored_text(on_stage) == "hello there"
            assert writer.unsynced == 0

    run(act())


@pytest.mark.parametrize("moment", [_accepted, _taken])
def test_a_batch_is_never_taken_while_the_log_is_read_again(moment: Moment) -> None:
    async def act() -> None:
        async with scene() as on_stage:
            device = await on_stage.join(name="talk")
            device.edit(type_text("hello"))
            on_stage.send()
            moment(on_stage)
            if moment is _taken:
                device.edit(type_text("!"))
                check(on_stage)
            on_stage.workers.lose(DOCUMENT)
            for source in list(on_stage.log.taken):
                on_stage.log.settle(source)
            on_stage.log.enqueue(on_stage.room)
            on_stage.log.take()
            assert not on_stage.log.taken
            await on_stage.flow()
            assert device.unsynced == 0

    run(act())


@staged
async def test_a_conflict_shows_the_others_rows_and_writes_again(scene: Scene) -> None:
    writer, reader = await scene.join(name="talk"), await scene.join("bob")
    writer.edit(type_text("mine"))
    check(scene)
    scene.stored.write_elsewhere(lambda doc: doc.get("text", type=Text).insert(0, "theirs"))
    scene.log.commit()
    await scene.flow()
    assert writer.unsynced == 0
    assert str(writer.text) == str(reader.text) == stored_text(scene)
    assert sorted(stored_text(scene)) == sorted("minetheirs")


@staged
async def test_who_starts_over_during_a_reload_gets_all_of_it(scene: Scene) -> None:
    writer, other = await scene.join(), await scene.join("bob")
    writer.edit(type_text("hello"))
    await scene.flow()
    check(scene)
    scene.workers.lose(DOCUMENT)
    other.start_over(50)
    other.send_step1()
    scene.send()
    assert other.outbox is not None
    other.outbox.line.congest()
    other.outbox.line.drain()
    await scene.flow()
    assert str(other.text) == "hello"


@staged
async def test_a_room_ends_with_a_snapshot_a_while_after_its_last_device(scene: Scene) -> None:
    device = await scene.join()
    device.edit(type_text("hello"))
    await scene.flow()
    device.disconnect()
    await scene.flow()
    assert scene.hub.room_count == 1
    await scene.pass_grace()
    assert (scene.hub.room_count, scene.stored.snapshot_position, scene.stored.rows) == (0, 1, [])
    again = await scene.join("bob")
    assert str(again.text) == "hello"


@staged
async def test_a_room_with_unsaved_updates_does_not_end(scene: Scene) -> None:
    device = await scene.join()
    device.edit(type_text("hello"))
    check(scene)
    scene.log.take()
    device.disconnect()
    await time_passes(100)
    assert scene.hub.room_count == 1
    await scene.flow()
    assert (scene.hub.room_count, stored_text(scene)) == (0, "hello")


@staged
async def test_who_comes_back_in_time_finds_the_room(scene: Scene) -> None:
    device = await scene.join()
    room = scene.room
    device.disconnect()
    await time_passes(29)
    device.connect()
    await time_passes(29)
    await scene.flow()
    assert scene.room is room


@staged
async def test_a_snapshot_that_fails_or_cannot_be_proven_does_not_hold_the_room(
    scene: Scene,
) -> None:
    for unproven in (True, False):
        device = await scene.join()
        device.edit(type_text("hello"))
        await scene.flow()
        device.disconnect()
        scene.workers.snapshots_unproven = scene.workers.rewriting_unproven = unproven
        scene.log.is_away = not unproven
        await scene.pass_grace()
        scene.log.is_away = False
        assert scene.hub.room_count == 0
        assert scene.stored.snapshot_position == 0


def test_snapshots_are_taken_on_the_way() -> None:
    async def act() -> None:
        async with scene(HubOptions(snapshot_every_rows=3)) as on_stage:
            device = await on_stage.join()
            for _ in range(10):
                device.edit(type_text("x"))
                await on_stage.flow()
            assert on_stage.log.snapshots_saved == 3
            assert len(on_stage.stored.rows) < 3
            assert not on_stage.room._catching_up._asked

    run(act())


def test_rows_that_come_while_a_snapshot_is_stored_get_the_next_one() -> None:
    async def act() -> None:
        async with scene(HubOptions(snapshot_every_rows=1)) as on_stage:
            device = await on_stage.join()
            for text in "ab":
                device.edit(type_text(text))
                on_stage.send()
                on_stage.workers.work()
                on_stage.log.commit()
                on_stage.workers.work()
                await turns()
            assert (on_stage.stored.position, len(on_stage.log.saves)) == (2, 1)
            await on_stage.flow()
            assert on_stage.stored.snapshot_position == 2

    run(act())


def test_a_stopping_hub_saves_and_snapshots_what_there_is() -> None:
    async def act() -> None:
        workers, log = Workers(), Log()
        async with Hub(workers, log, HubOptions()) as hub:
            on_stage = Scene(hub, workers, log)
            device = await on_stage.join()
            device.edit(type_text("hello"))
            on_stage.send()
            device.disconnect()
            closing = hub._tasks.create_task(hub._retire_all())
            await on_stage.flow()
            await closing
            assert hub.room_count == 0
        assert log.document(DOCUMENT).snapshot_position == 1

    run(act())


def test_a_stopping_hub_does_not_wait_for_ever_and_nothing_wakes_afterwards() -> None:
    async def act() -> None:
        workers, log = Workers(), Log()
        async with Hub(workers, log, HubOptions()) as hub:
            on_stage = Scene(hub, workers, log)
            device = await on_stage.join(name="talk")
            outbox = device.outbox
            assert outbox is not None
            device.edit(type_text("hello"))
            check(on_stage)
            log.take()
            workers.lose(DOCUMENT)
        assert isinstance(outbox.error, Restarting)
        log.settle(next(iter(log.taken)))
        assert not workers.open_now
        assert hub.backlog.size_bytes == 0

    run(act())


def test_a_room_abandoned_while_it_loads_never_opens() -> None:
    async def act() -> None:
        workers, log = Workers(), Log()
        async with Hub(workers, log, HubOptions()) as hub:
            on_stage = Scene(hub, workers, log)
            on_stage.device().connect()
            await turns()
            room = on_stage.room
            room.abandon(Restarting("again"))
            newer = on_stage.device("bob")
            newer.connect()
            await on_stage.flow()
            assert room.stage is Stage.ENDED
            assert on_stage.room is not room
            newer.edit(type_text("hello"))
            await on_stage.flow()
            assert stored_text(on_stage) == "hello"
            newer.disconnect()
            await on_stage.pass_grace()

    run(act())


@staged
async def test_a_load_that_breaks_ends_its_room_alone(scene: Scene) -> None:
    device = scene.device()
    device.connect()
    outbox = device.outbox
    await turns()
    scene.log.loads[0][1].set_exception(RuntimeError("broken"))
    await turns()
    assert outbox is not None
    assert type(outbox.error) is SegueError
    again = await scene.join()
    assert [kind in (STEP1, STEP2, UPDATE) for kind in kinds(again.outbox)] == []
    scene.log.loads.clear()


def test_a_snapshot_taken_in_the_middle_of_a_row_is_labelled_below_it() -> None:
    async def act() -> None:
        async with scene(HubOptions(snapshot_every_rows=1)) as on_stage:
            device = await on_stage.join()
            log = on_stage.log
            device.edit(type_text("a"))
            check(on_stage)
            log.take()
            device.edit(type_text("b"))
            on_stage.send()
            log.settle(on_stage.room)
            device.edit(type_text("c"))
            check(on_stage)
            log.take()
            log.settle(on_stage.room)
            await turns()
            log.let_save()
            await turns()
            assert (on_stage.stored.position, on_stage.stored.snapshot_position) == (2, 1)

    run(act())


@staged
async def test_a_reload_keeps_the_order_of_a_devices_updates(scene: Scene) -> None:
    device = await scene.join()
    for text in "abc":
        device.edit(type_text(text))
    sent = [update.update for update in device.to_server if isinstance(update, Update)]
    device.deliver_to_server(1)
    scene.workers.work()
    scene.log.take()
    device.deliver_to_server(1)
    scene.workers.work()
    device.deliver_to_server(1)
    scene.stored.write_elsewhere(lambda doc: doc.get("text", type=Text).insert(0, "."))
    scene.log.settle(scene.room)
    await scene.load()
    scene.workers.work()
    scene.log.commit()
    assert [update.data for _, row in scene.stored.rows[1:] for update in row] == sent
    assert STEP1 not in kinds(device.outbox)


@staged
async def test_a_retiring_room_ends_with_its_last_device_without_grace(scene: Scene) -> None:
    device = await scene.join()
    retiring = scene.hub._tasks.create_task(scene.room.retire())
    await turns()
    device.disconnect()
    await turns()
    assert retiring.done()
