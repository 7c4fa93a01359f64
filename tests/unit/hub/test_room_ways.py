"""The way of an update through a room: acks, increments, catching up, gaps and refusals."""

import pytest
from hub_devices import DENIED, SAVED, STEP1, STEP2, UNSAVED, UPDATE, Line
from hub_ports import KILLER
from hub_scene import Scene, kinds, said, scene, staged, type_text
from pycrdt import Doc, Text
from virtual_time import run, time_passes

from segue.auth.grants import Role
from segue.errors import Overloaded, ProtocolError, RefusedUpdate, Resync, TooLarge
from segue.hub.options import HubOptions
from segue.wire.messages import SyncStep1, SyncStep2, Update
from segue.wire.vector import decode_vector


def check(scene: Scene) -> None:
    scene.send()
    scene.workers.work()


@staged
async def test_ack_and_increment_leave_behind_the_commit(scene: Scene) -> None:
    writer, reader = await scene.join(name="talk"), await scene.join("bob")
    writer.edit(type_text("hello"))
    check(scene)
    assert (kinds(writer.outbox), kinds(reader.outbox)) == ([], [])
    scene.log.commit()
    assert kinds(writer.outbox) == [UPDATE, SAVED]
    assert kinds(reader.outbox) == [UPDATE]


@staged
async def test_who_joins_while_updates_are_uncommitted_gets_them_behind_the_commit(
    scene: Scene,
) -> None:
    writer = await scene.join()
    writer.edit(type_text("hello"))
    check(scene)
    scene.log.take()
    late = scene.device("bob")
    late.connect()
    check(scene)
    assert kinds(late.outbox) == [STEP1, "awareness"]
    scene.log.commit()
    scene.read()
    assert str(late.text) == "hello"


@staged
async def test_a_repeat_is_acknowledged_behind_what_it_repeats_and_not_logged(scene: Scene) -> None:
    writer, twin = await scene.join(name="talk"), await scene.join(name="talk")
    writer.edit(type_text("hello"))
    repeat = writer.to_server[0]
    twin.unsynced += 1
    twin.to_server.append(repeat)
    check(scene)
    assert kinds(twin.outbox) == []
    scene.log.commit()
    assert kinds(twin.outbox) == [UPDATE, SAVED]
    assert scene.stored.position == 1


@staged
async def test_slow_peer_is_caught_up_with_one_diff(scene: Scene) -> None:
    writer, slow = await scene.join(), await scene.join("bob")
    assert slow.outbox is not None
    slow.outbox.line.congest()
    for _ in range(20):
        writer.edit(type_text("x"))
        await scene.flow()
    assert kinds(slow.outbox) == []
    slow.outbox.line.drain()
    await scene.load()
    assert kinds(slow.outbox) == [UPDATE]
    scene.read()
    assert str(slow.text) == "x" * 20
    writer.edit(type_text("y"))
    await scene.flow()
    assert str(slow.text).endswith("y")


@staged
async def test_a_peer_whose_buffer_fills_in_a_broadcast_misses_nothing(scene: Scene) -> None:
    full = [False]
    line = Line(lambda: full[0])
    writer = await scene.join()
    first, second = await scene.join("bob", line=line), await scene.join("bob", line=line)
    full[0] = True
    writer.edit(type_text("a"))
    await scene.flow()
    full[0] = False
    for text in "bc":
        writer.edit(type_text(text))
        await scene.flow()
    for device in (first, second):
        device.read()
    await scene.flow()
    assert str(first.text) == str(second.text) == "abc"


@staged
async def test_a_step1_that_crosses_a_diff_is_answered_from_its_own_vector(scene: Scene) -> None:
    writer, reader = await scene.join(), await scene.join("bob")
    writer.edit(type_text("hello"))
    await scene.flow()
    reader.send_step1()
    reader.start_over(99)
    reader.send_step1()
    scene.send()
    await scene.flow()
    assert str(reader.text) == "hello"


@staged
async def test_who_asks_again_and_again_pays_with_its_own_line(scene: Scene) -> None:
    writer, greedy = await scene.join(), await scene.join("bob")
    writer.edit(type_text("hello"))
    await scene.flow()
    assert greedy.outbox is not None
    greedy.outbox.line.congest()
    asked = scene.workers.states_asked
    for _ in range(50):
        greedy.to_server.append(SyncStep1({}, b"\x00"))
        greedy.to_server.append(SyncStep2(b"\x00\x00"))
        scene.send()
        scene.workers.work()
    assert scene.workers.states_asked == asked
    assert kinds(greedy.outbox) == []


@staged
async def test_a_greedy_device_is_sent_what_it_makes_the_server_compute(scene: Scene) -> None:
    greedy = await scene.join()
    for _ in range(3):
        greedy.send_step1()
        scene.send()
    scene.workers.work()
    answers = said(greedy.outbox, UPDATE) + said(greedy.outbox, STEP2)
    assert len(answers) == scene.workers.states_asked - 1  # one at joining was read


@staged
async def test_each_step1_is_answered_by_ours_also_across_a_reload(scene: Scene) -> None:
    device = await scene.join(name="talk")
    scene.workers.lose(scene.room.document)
    device.send_step1()
    await scene.flow()
    assert device.unsynced == 0


@staged
async def test_gap_asks_once_then_closes_45xx_then_44xx(scene: Scene) -> None:
    from_nowhere: Doc[Text] = Doc(client_id=77)
    text = from_nowhere.get("text", type=Text)
    text += "lost"
    before = from_nowhere.get_state()
    text += "kept"
    gap = from_nowhere.get_update(before)
    for expected in (Resync, ProtocolError):
        device = await scene.join(name="talk")
        outbox = device.outbox
        assert outbox is not None
        device.to_server.extend([Update(gap), Update(gap)])
        check(scene)
        assert kinds(outbox) == [STEP1]
        device.to_server.append(SyncStep2(gap))
        check(scene)
        assert type(outbox.error) is expected
        device.disconnect()
    assert scene.stored.position == 0


@staged
async def test_a_lost_update_is_brought_by_the_answer_and_paid_once(scene: Scene) -> None:
    device = await scene.join(name="talk")
    device.edit(type_text("lost"))
    lost = device.to_server.pop()
    device.edit(type_text("kept"))
    device.to_server.append(lost)
    await scene.flow()
    assert str(scene.stored.doc.get("text", type=Text)) == "lostkept"
    assert device.unsynced == 0


@staged
async def test_refused_update_ends_its_writer_alone(scene: Scene) -> None:
    offender, other = await scene.join(name="talk"), await scene.join("bob")
    outbox = offender.outbox
    assert outbox is not None
    offender.to_server.append(Update(b"\xff\xff"))
    other.edit(type_text("fine"))
    check(scene)
    assert isinstance(outbox.error, RefusedUpdate)
    assert str(outbox.error).startswith("The change was refused: ")
    assert str(outbox.error).endswith(" Reload to start from a fresh copy.")
    assert kinds(outbox) == [UNSAVED]
    await scene.flow()
    assert str(scene.stored.doc.get("text", type=Text)) == "fine"
    assert offender.unsynced == 0


@pytest.mark.parametrize("name", ["", "talk"])
def test_viewer_edit_gets_status_0_and_reaches_nobody(name: str) -> None:
    async def act() -> None:
        async with scene() as on_stage:
            owner = await on_stage.join()
            owner.edit(type_text("hello"))
            viewer = await on_stage.join("bob", name, Role.VIEWER)
            viewer.edit(type_text(" no"))
            check(on_stage)
            assert kinds(viewer.outbox) == [UNSAVED if name else DENIED]
            owner.edit(type_text("!"))
            await on_stage.flow()
            assert str(owner.text) == "hello!"
            assert "!" in str(viewer.text)
            assert viewer.unsynced >= 1
            assert viewer.outbox is not None
            assert viewer.outbox.error is None

    run(act())


@staged
async def test_an_update_over_the_limit_is_refused_with_the_reason(scene: Scene) -> None:
    device = await scene.join(name="talk")
    outbox = device.outbox
    assert outbox is not None
    device.to_server.append(Update(bytes((1 << 20) + 1)))
    scene.send()
    assert isinstance(outbox.error, TooLarge)


def test_a_full_backlog_sends_writers_away_and_is_given_back() -> None:
    async def act() -> None:
        async with scene(HubOptions(max_backlog_bytes=2_000)) as on_stage:
            device = await on_stage.join(name="talk")
            outbox = device.outbox
            for _ in range(5):
                device.edit(type_text("x"))
            on_stage.send()
            assert outbox is not None
            assert isinstance(outbox.error, Overloaded)
            assert 0 < on_stage.hub.backlog.size_bytes <= 2_000
            await on_stage.flow()
            assert on_stage.hub.backlog.size_bytes == 0

    run(act())


@staged
async def test_what_a_device_sent_before_it_left_is_saved(scene: Scene) -> None:
    device = await scene.join()
    device.edit(type_text("last words"))
    device.deliver_to_server()
    device.disconnect()
    await scene.flow()
    assert str(scene.stored.doc.get("text", type=Text)) == "last words"


@staged
async def test_the_update_that_killed_its_worker_is_struck_and_the_others_go_on(
    scene: Scene,
) -> None:
    killer, other = await scene.join(name="talk"), await scene.join("bob", name="talk")
    outbox = killer.outbox
    assert outbox is not None
    killer.to_server.append(Update(KILLER))
    killer.deliver_to_server()
    other.edit(type_text("mine"))
    await scene.flow()
    assert isinstance(outbox.error, RefusedUpdate)
    assert (str(other.text), other.unsynced) == ("mine", 0)
    assert scene.stored.position == 1


@staged
async def test_nothing_of_a_detached_peer_is_taken(scene: Scene) -> None:
    device, other = await scene.join(), await scene.join("bob")
    room, peer = scene.room, device.peer
    device.disconnect()
    device.edit(type_text("too late"))
    room.receive(peer, SyncStep2(device.doc.get_update()))
    await scene.flow()
    assert scene.stored.position == 0
    assert other.is_connected


def test_states_that_wait_for_an_outage_to_end_are_bounded() -> None:
    async def act() -> None:
        async with scene() as on_stage:
            writer = await on_stage.join()
            for _ in range(3):
                writer.edit(type_text("x" * (1 << 20 - 1)))
            await on_stage.flow()
            writer.edit(type_text("uncommitted"))
            check(on_stage)
            late = [on_stage.device("bob") for _ in range(6)]
            for device in late:
                device.connect()
            check(on_stage)
            assert on_stage.room._flight.waiting_bytes < (5 << 20)
            await on_stage.flow()
            assert {str(device.text) for device in late} == {str(writer.text)}

    run(act())


@staged
async def test_a_row_that_storage_never_takes_is_not_tried_without_pause(scene: Scene) -> None:
    device = await scene.join()
    device.edit(type_text("x"))
    refused = 0
    for _ in range(200):
        await scene.load()
        scene.send()
        scene.workers.work()
        scene.log.take()
        for source in list(scene.log.taken):
            del scene.log.taken[source]
            source.on_conflict()
            refused += 1
    assert refused == 2
    await time_passes(2)
    await scene.flow()
    assert scene.stored.position == 1


@staged
async def test_one_state_at_a_time_is_asked_for_a_peer(scene: Scene) -> None:
    device = await scene.join()
    asked = scene.workers.states_asked
    assert device.outbox is not None
    device.outbox.line.congest()
    for _ in range(5):
        device.outbox.line.congest()
        device.outbox.line.drain()
    assert scene.workers.states_asked == asked + 1


@staged
async def test_a_diff_that_meets_a_full_buffer_is_not_followed_by_increments(scene: Scene) -> None:
    writer, slow = await scene.join(), await scene.join("bob")
    assert slow.outbox is not None
    slow.send_step1()
    scene.send()
    slow.outbox.line.congest()
    scene.workers.work()
    assert kinds(slow.outbox) == [STEP1, STEP2]
    for _ in range(5):
        writer.edit(type_text("x"))
        await scene.flow()
    assert kinds(slow.outbox) == [STEP1, STEP2]
    slow.read()
    await scene.flow()
    assert str(slow.text) == "xxxxx"


@staged
async def test_who_starts_over_gets_no_increments_before_its_state(scene: Scene) -> None:
    writer, other = await scene.join(), await scene.join("bob")
    writer.edit(type_text("a"))
    await scene.flow()
    writer.edit(type_text("b"))
    check(scene)
    other.start_over(50)
    other.send_step1()
    scene.send()
    scene.log.commit()
    await scene.flow()
    assert str(other.text) == "ab"


@staged
async def test_our_step1_says_all_that_is_committed(scene: Scene) -> None:
    writer = await scene.join()
    writer.edit(type_text("hello"))
    await scene.flow()
    late = scene.device("bob")
    late.connect()
    assert decode_vector(said(late.outbox, STEP1)[0].data) == scene.stored.vector
