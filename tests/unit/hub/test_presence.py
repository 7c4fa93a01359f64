"""Who is here: own ids only, rising clocks, nothing queued for who can't take it."""

import json

import pytest
from hub_devices import AWARENESS, Device, Line, Outbox, new_peer
from hub_ports import Stored
from hub_scene import Scene, kinds, said, staged
from virtual_time import time_passes

from segue.hub.peer import Peer
from segue.hub.presence import Presence
from segue.wire.awareness import AwarenessEntry, decode_awareness
from segue.wire.lib0 import MAX_SAFE_INTEGER
from segue.wire.messages import AwarenessUpdate, QueryAwareness


def peer(user: str, device: str = "d") -> Peer:
    return new_peer(Outbox(Line(), Stored()), user=user, device=device)


def entry(client: int, clock: int, state: str | None = "{}") -> AwarenessEntry:
    return AwarenessEntry(client, clock, state)


def announced(
    presence: Presence, peer: Peer, entries: tuple[AwarenessEntry, ...]
) -> AwarenessEntry | None:
    return presence.latest(peer) if presence.announce(peer, entries) else None


def test_a_peer_has_one_client_id_the_first_it_announces_alone() -> None:
    presence, alice = Presence(1_000), peer("alice")
    assert announced(presence, alice, (entry(1, 1), entry(2, 1))) is None
    assert announced(presence, alice, (entry(1, 1),)) == entry(1, 1)
    assert announced(presence, alice, (entry(2, 1),)) is None
    assert announced(presence, alice, (entry(2, 1), entry(1, 2))) == entry(1, 2)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ('{"user":{"id":"bob","name":"B"},"typing":true}', {"id": "alice", "name": "B"}),
        ('{"\\u0075ser":{"id":"bob"}}', {"id": "alice"}),
        ('{"user":{"\\u0069d":"bob"}}', {"id": "alice"}),
        ('{"user":{"id":"alice"},"user":{"id":"bob"}}', {"id": "alice"}),
        ('{"user":{"id":["bob"]}}', {"id": "alice"}),
        ('{"user":{"id":"\\ud800"}}', {"id": "alice"}),
        ('{"user":{"id":"alice","name":"A"}}', {"id": "alice", "name": "A"}),
        ('{"user":{"name":"A","color":"#fff"}}', {"name": "A", "color": "#fff"}),
        ('{"user":"Al"}', "Al"),
    ],
)
def test_nobody_shows_themselves_as_another(said: str, shown: object) -> None:
    presence, alice = Presence(1_000), peer("alice")
    told = announced(presence, alice, (entry(1, 1, said),))
    assert told is not None
    assert told.state is not None
    assert json.loads(told.state)["user"] == shown


def test_a_state_that_is_right_is_passed_on_as_it_came() -> None:
    presence, alice = Presence(1_000), peer("alice")
    said = '{ "user": {"id": "alice"}, "big": 1e999 }'
    assert announced(presence, alice, (entry(1, 1, said),)) == entry(1, 1, said)
    forged = '{"user": {"id": "bob"}, "big": 1e999}'
    assert announced(presence, alice, (entry(1, 2, forged),)) is None


def test_a_state_that_is_too_large_once_it_is_right_is_not_passed_on() -> None:
    presence, alice = Presence(40), peer("alice" * 10)
    assert announced(presence, alice, (entry(1, 1, '{"user":{"id":""}}'),)) is None


def test_an_echo_of_another_device_of_the_user_takes_nothing_over() -> None:
    presence, phone, laptop = Presence(1_000), peer("alice", "phone"), peer("alice", "laptop")
    announced(presence, phone, (entry(1, 1),))
    assert announced(presence, laptop, (entry(1, 2),)) is None
    assert presence.leave(laptop) is None
    assert presence.others(laptop) == (entry(1, 1),)


def test_the_same_device_takes_over_and_the_old_connection_removes_nothing() -> None:
    presence, old, new = Presence(1_000), peer("alice"), peer("alice")
    announced(presence, old, (entry(1, 5),))
    assert announced(presence, new, (entry(1, 1),)) == entry(1, 6)
    assert presence.leave(old) is None
    assert presence.leave(new) == entry(1, 7, None)


def test_clocks_rise_for_who_comes_back_with_a_lower_one() -> None:
    presence, first = Presence(1_000), peer("alice")
    announced(presence, first, (entry(1, 9),))
    assert presence.leave(first) == entry(1, 10, None)
    assert announced(presence, peer("alice"), (entry(1, 0),)) == entry(1, 11)


def test_old_and_too_large_states_are_ignored() -> None:
    presence, alice = Presence(10), peer("alice")
    announced(presence, alice, (entry(1, 2),))
    assert announced(presence, alice, (entry(1, 2),)) is None
    assert announced(presence, alice, (entry(1, 3, '{"a":"bcdefgh"}'),)) is None
    assert announced(presence, alice, (entry(1, 2, None),)) == entry(1, 3, None)


@pytest.mark.parametrize("clock", [MAX_SAFE_INTEGER, MAX_SAFE_INTEGER - 1])
def test_a_clock_that_leaves_no_room_to_count_on_is_ignored(clock: int) -> None:
    presence, alice = Presence(1_000), peer("alice")
    assert announced(presence, alice, (entry(1, clock),)) is None
    assert announced(presence, alice, (entry(1, 5),)) == entry(1, 5)
    assert presence.leave(alice) == entry(1, 6, None)


@staged
async def test_presence_of_foreign_client_id_is_ignored(scene: Scene) -> None:
    alice, bob = await scene.join("alice"), await scene.join("bob")
    for update in ((entry(alice.client, 50, None),), (entry(alice.client, 60), entry(99, 1))):
        bob.to_server.append(AwarenessUpdate(update))
    carol = await scene.join("carol")
    assert carol.others.keys() == {alice.client, bob.client}
    assert alice.client in carol.others


@staged
async def test_who_leaves_is_gone_for_the_others(scene: Scene) -> None:
    alice, bob = await scene.join("alice"), await scene.join("bob", name="talk")
    assert alice.others.keys() == {bob.client}
    bob.disconnect()
    scene.read()
    assert alice.others == {}


@staged
async def test_who_was_congested_is_told_who_is_here_when_it_has_drained(scene: Scene) -> None:
    slow = await scene.join("alice")
    assert slow.outbox is not None
    slow.outbox.line.congest()
    await scene.join("bob")
    for _ in range(1_000):
        slow.to_server.append(QueryAwareness())
    scene.send()
    assert kinds(slow.outbox) == []
    slow.outbox.line.drain()
    await scene.load()
    assert len(said(slow.outbox, AWARENESS)) == 1
    assert [e.client for e in decode_awareness(said(slow.outbox, AWARENESS)[0].data)] == [2]


def shows(device: Device, clock: int, state: str | None) -> AwarenessUpdate:
    return AwarenessUpdate((entry(device.client, clock, state),))


@staged
async def test_of_many_states_a_few_are_passed_on_and_the_latest_in_any_case(scene: Scene) -> None:
    alice, bob = await scene.join("alice"), await scene.join("bob")
    assert bob.outbox is not None
    for number in range(2, 502):
        alice.to_server.append(shows(alice, number, f'{{"at":{number}}}'))
    scene.send()
    # One of the ten that a second allows was its first, as it joined.
    assert len(said(bob.outbox, AWARENESS)) == 9
    await time_passes(1)
    scene.read()
    assert bob.others[alice.client] == '{"at":501}'
    alice.to_server.append(shows(alice, 502, '{"at":502}'))
    scene.send()
    assert len(said(bob.outbox, AWARENESS)) == 1, "a quiet second makes up for it"


@staged
async def test_who_goes_is_gone_at_once_though_it_said_too_much(scene: Scene) -> None:
    alice, bob = await scene.join("alice"), await scene.join("bob")
    for number in range(2, 50):
        alice.to_server.append(shows(alice, number, "{}"))
    alice.to_server.append(shows(alice, 50, None))
    scene.send()
    scene.read()
    assert alice.client in bob.others
    alice.disconnect()
    scene.read()
    assert alice.client not in bob.others


@staged
async def test_who_says_too_much_does_not_slow_others(scene: Scene) -> None:
    alice, bob, carol = [await scene.join(user) for user in ("alice", "bob", "carol")]
    for number in range(2, 50):
        alice.to_server.append(shows(alice, number, "{}"))
    carol.to_server.append(shows(carol, 2, '{"typing":true}'))
    scene.send()
    scene.read()
    assert bob.others[carol.client] == '{"typing":true}'
