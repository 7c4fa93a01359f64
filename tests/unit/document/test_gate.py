"""The gate: what is out of place never reaches the CRDT, and a refusal changes nothing."""

import encoded as yjs
import pytest
from replicas import NOTHING, Device, content_of, reader_of, reopened, replica_of, send, text_of

from segue.auth.grants import Role
from segue.document.replica import Replica
from segue.document.verdict import Accepted, Gap, NoNews, Refused, Verdict

AB = yjs.update(yjs.section(1, 0, yjs.item(yjs.string("ab"))))
WAVE = yjs.update(yjs.section(1, 0, yjs.item(yjs.string("a👋b"))))
HALF = "it cuts a character in half"
CONTAINER = "it inserts into something that is no container"
CONTENT = "it puts a kind of content where its container holds none"


def after(*before: bytes, sent: bytes) -> Verdict:
    """Sends an update to a document; whatever isn't accepted must leave it as it was."""
    replica = replica_of(*before)
    state, vector = replica.state(NOTHING), replica.vector
    verdict = send(replica, sent)
    if not isinstance(verdict, Accepted):
        assert (replica.state(NOTHING), replica.vector) == (state, vector)
        for data in before:
            assert isinstance(send(replica, data), NoNews)
    return verdict


def reason(verdict: Verdict) -> str:
    assert isinstance(verdict, Refused), verdict
    return verdict.reason


class TestPast:
    @pytest.mark.parametrize(
        "sent",
        [
            yjs.update(yjs.section(1, 3, yjs.item(yjs.string("c"), origin=(1, 1)))),
            yjs.update(yjs.section(2, 1, yjs.item(yjs.string("c")))),
            yjs.update(yjs.section(2, 0, yjs.item(yjs.string("c"), origin=(1, 2)))),
            yjs.update(yjs.section(2, 0, yjs.item(yjs.string("c"), right=(3, 0)))),
            yjs.update(yjs.section(2, 0, yjs.item(yjs.string("c"), parent=(1, 9)))),
            yjs.update(deletes={1: [(1, 3)]}),
            yjs.update(deletes={9: [(0, 1)]}),
            yjs.update(
                yjs.section(1, 2, yjs.item(yjs.string("c")), yjs.skip(1), yjs.item(yjs.string("d")))
            ),
            yjs.update(
                yjs.section(2, 0, yjs.item(yjs.string("c"), origin=(3, 5))),
                yjs.section(3, 0, yjs.item(yjs.string("d"))),
            ),
        ],
    )
    def test_whatever_names_something_unknown_is_a_gap(self, sent: bytes) -> None:
        assert isinstance(after(AB, sent=sent), Gap)

    def test_a_gap_tells_what_the_update_would_have_inserted(self) -> None:
        sent = yjs.update(yjs.section(1, 3, yjs.gc(4)), yjs.section(2, 0, yjs.gc(1)))
        verdict = after(AB, sent=sent)
        assert isinstance(verdict, Gap)
        assert verdict.spans == ((1, 3, 7), (2, 0, 1))

    def test_a_skip_over_what_is_known_is_no_gap(self) -> None:
        first = yjs.item(yjs.string("a"))
        sent = yjs.update(
            yjs.section(1, 0, first, yjs.skip(1), yjs.item(yjs.string("c"), origin=(1, 1)))
        )
        assert isinstance(after(AB, sent=sent), Accepted)

    def test_clients_of_one_update_may_wait_for_each_other_in_turns(self) -> None:
        replica = Replica.open(None, ())
        zigzag = yjs.update(
            yjs.section(
                9, 0, yjs.item(yjs.string("a")), yjs.item(yjs.string("c"), origin=(3, 0))
            ),
            yjs.section(
                3, 0,
                yjs.item(yjs.string("b"), origin=(9, 0)),
                yjs.item(yjs.string("d"), origin=(9, 1)),
            ),
        )  # fmt: skip
        assert isinstance(send(replica, zigzag), Accepted)
        assert text_of(replica) == "abcd"

    def test_structs_that_wait_for_each_other_are_refused(self) -> None:
        circle = yjs.update(
            yjs.section(2, 0, yjs.item(yjs.string("c"), origin=(3, 0))),
            yjs.section(3, 0, yjs.item(yjs.string("d"), origin=(2, 0))),
        )
        assert reason(after(AB, sent=circle)) == "parts of it wait for each other"

    def test_a_struct_that_builds_on_itself_is_refused(self) -> None:
        for where in ({"origin": (2, 0)}, {"right": (2, 1)}, {"parent": (2, 0)}):
            sent = yjs.update(yjs.section(2, 0, yjs.item(yjs.string("cd"), **where)))
            assert reason(after(AB, sent=sent)) == "it builds on itself"

    def test_a_row_of_clients_too_long_to_search_is_refused(self) -> None:
        row = [
            yjs.section(c, 0, yjs.item(yjs.string("x"), origin=(c - 1, 0)))
            for c in range(5_010, 1, -1)
        ]
        assert reason(after(AB, sent=yjs.update(*row))) == "parts of it wait for each other"

    def test_what_is_partly_known_adds_its_rest(self) -> None:
        device = Device(1)
        device.text().insert(0, "hello")
        first = device.doc.get_update()
        device.text().insert(5, " wörld👋")
        replica = replica_of(first)
        verdict = send(replica, device.doc.get_update())
        assert isinstance(verdict, Accepted)
        assert verdict.spans == ((1, 0, 13),)
        assert text_of(replica) == "hello wörld👋"

    def test_a_rest_that_contradicts_its_beginning_is_refused(self) -> None:
        sent = yjs.update(yjs.section(1, 1, yjs.item(yjs.string("xyz"), parent="elsewhere")))
        assert reason(after(AB, sent=sent)) == "it contradicts what was sent before"


class TestNews:
    def test_what_is_known_is_no_news(self) -> None:
        verdict = after(AB, sent=AB)
        assert isinstance(verdict, NoNews)
        assert verdict.spans == ((1, 0, 2),)

    def test_an_empty_update_is_no_news(self) -> None:
        verdict = after(sent=b"\x00\x00")
        assert isinstance(verdict, NoNews)
        assert verdict.spans == ()

    def test_a_known_delete_is_no_news_and_part_of_a_new_one_is_news(self) -> None:
        replica = replica_of(AB, yjs.update(deletes={1: [(0, 1)]}))
        assert isinstance(send(replica, yjs.update(deletes={1: [(0, 1)]})), NoNews)
        assert isinstance(send(replica, yjs.update(deletes={1: [(0, 2)]})), Accepted)
        assert text_of(replica) == ""

    def test_a_delete_that_followed_from_something_else_is_no_news(self) -> None:
        """B overwrote A's key unseen: nobody sent that delete, the document made it."""
        key = {"parent": "m", "sub": "k"}
        a = yjs.update(yjs.section(1, 0, yjs.item(yjs.values(b"\x7e"), **key)))
        b = yjs.update(yjs.section(2, 0, yjs.item(yjs.values(b"\x7e"), **key)))
        replica = replica_of(a, b)
        everything = replica.state(NOTHING)
        assert everything.endswith(yjs.update(deletes={1: [(0, 1)]})[1:])
        assert isinstance(send(replica, everything), NoNews)

    def test_a_step_2_without_news_is_no_news_after_a_restart(self) -> None:
        device = Device(1)
        for word in ("one ", "two ", "three"):
            device.text().insert(0, word)
        del device.text()[2:7]
        replica = replica_of(*device.take())
        assert isinstance(send(reopened(replica), device.doc.get_update()), NoNews)


class TestCharacters:
    """Yjs makes both halves of a cut pair U+FFFD, pycrdt writes a state with shifted clocks."""

    @pytest.mark.parametrize(
        "sent",
        [
            yjs.update(deletes={1: [(2, 3)]}),
            yjs.update(deletes={1: [(1, 2)]}),
            yjs.update(yjs.section(2, 0, yjs.item(yjs.string("x"), origin=(1, 1)))),
            yjs.update(yjs.section(2, 0, yjs.item(yjs.string("x"), right=(1, 2)))),
        ],
    )
    def test_a_cut_inside_a_character_is_refused(self, sent: bytes) -> None:
        assert reason(after(WAVE, sent=sent)) == HALF
        assert reason(send(reopened(replica_of(WAVE)), sent)) == HALF

    def test_cuts_beside_a_character_pass(self) -> None:
        for sent in (
            yjs.update(deletes={1: [(1, 3)]}),
            yjs.update(yjs.section(2, 0, yjs.item(yjs.string("x"), origin=(1, 0)))),
            yjs.update(yjs.section(2, 0, yjs.item(yjs.string("x"), right=(1, 3)))),
        ):
            assert isinstance(after(WAVE, sent=sent), Accepted)

    def test_a_rest_that_begins_inside_a_character_is_refused(self) -> None:
        sent = yjs.update(yjs.section(1, 1, yjs.item(yjs.string("👋"), origin=(1, 0))))
        assert reason(after(AB, sent=sent)) == HALF

    def test_a_state_since_the_middle_of_a_character_starts_with_all_of_it(self) -> None:
        replica = replica_of(WAVE)
        device = Device(7)
        device.receive(yjs.update(yjs.section(1, 0, yjs.item(yjs.string("a")))))
        device.receive(replica.state(b"\x01\x01\x02"))
        assert str(device.text()) == "a👋b"

    def test_a_refused_update_leaves_no_cuts_behind(self) -> None:
        replica = replica_of(AB)
        bad = yjs.update(
            yjs.section(
                1,
                2,
                yjs.item(yjs.string("👋"), origin=(1, 1)),
                yjs.item(yjs.embed("1"), parent=(1, 0)),
            )
        )
        assert reason(send(replica, bad)) == CONTAINER
        good = yjs.update(yjs.section(1, 2, yjs.item(yjs.string("cd"), origin=(1, 1))))
        assert isinstance(send(replica, good), Accepted)
        assert isinstance(send(replica, yjs.update(deletes={1: [(3, 4)]})), Accepted)


class TestClientIds:
    def test_an_update_under_another_users_client_id_is_refused(self) -> None:
        replica = replica_of(AB, user="alice")
        sleeper = yjs.update(yjs.section(1, 2, yjs.item(yjs.string("c"), origin=(1, 1))))
        forged = yjs.update(yjs.section(1, 2, yjs.item(yjs.string("!"), origin=(1, 1))))
        refused = "it writes under a client id of another user"
        assert reason(send(replica, forged, user="bob")) == refused
        assert reason(send(reopened(replica), forged, user="bob")) == refused
        assert isinstance(send(replica, sleeper, user="alice"), Accepted)
        assert text_of(replica) == "abc"

    def test_a_device_may_bring_what_others_wrote_if_it_is_known(self) -> None:
        replica = replica_of(AB, user="alice")
        both = yjs.update(
            yjs.section(2, 0, yjs.item(yjs.string("x"), origin=(1, 1))),
            yjs.section(1, 0, yjs.item(yjs.string("ab"))),
        )
        assert isinstance(send(replica, both, user="bob"), Accepted)

    def test_a_refused_update_claims_no_client_id(self) -> None:
        replica = replica_of(AB)
        bad = yjs.update(yjs.section(5, 0, yjs.item(yjs.string("x"), parent=(1, 0))))
        assert reason(send(replica, bad, user="bob")) == CONTAINER
        good = yjs.update(yjs.section(5, 0, yjs.item(yjs.string("x"))))
        assert isinstance(send(replica, good, user="alice"), Accepted)

    def test_ids_of_53_bits_are_taken(self) -> None:
        sent = yjs.update(yjs.section(2**53 - 1, 0, yjs.item(yjs.string("x"))))
        assert isinstance(after(sent=sent), Accepted)


class TestViewers:
    """A viewer's write is refused, its repeats of what is known are not."""

    @pytest.mark.parametrize(
        "sent",
        [
            yjs.update(yjs.section(2, 0, yjs.item(yjs.string("x")))),
            yjs.update(deletes={1: [(0, 1)]}),
            yjs.update(yjs.section(2, 7, yjs.item(yjs.string("x")))),
            yjs.update(deletes={9: [(0, 1)]}),
        ],
    )
    def test_a_viewers_write_is_refused(self, sent: bytes) -> None:
        replica = replica_of(AB)
        assert reason(send(replica, sent, role=Role.VIEWER)) == "a viewer may only read"
        assert replica.state(NOTHING) == AB

    def test_a_viewers_step_2_without_news_is_no_news(self) -> None:
        key = {"parent": "m", "sub": "k"}
        a = yjs.update(yjs.section(1, 0, yjs.item(yjs.values(b"\x7e"), **key)))
        b = yjs.update(yjs.section(2, 0, yjs.item(yjs.values(b"\x7e"), **key)))
        replica = replica_of(a, b)
        assert isinstance(send(replica, replica.state(NOTHING), role=Role.VIEWER), NoNews)

    def test_a_viewer_that_repeats_itself_costs_one_look_at_the_document(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        replica = replica_of(AB)
        looks = []
        state = replica._crdt.state
        monkeypatch.setattr(replica._crdt, "state", lambda v: looks.append(v) or state(v))
        for _ in range(5):
            sent = yjs.update(deletes={1: [(0, 1)]})
            assert reason(send(replica, sent, role=Role.VIEWER)) == "a viewer may only read"
        assert len(looks) == 1
        assert isinstance(send(replica, sent), Accepted)
        assert isinstance(send(replica, sent, role=Role.VIEWER), NoNews)


class TestContainers:
    @pytest.mark.parametrize(
        ("before", "content", "where"),
        [
            (yjs.values(b"\x7e"), yjs.string("x"), {"parent": "t"}),
            (yjs.values(b"\x7e"), yjs.string("x"), {"origin": (1, 0)}),
            (yjs.values(b"\x7e"), yjs.string("x"), {"right": (1, 0)}),
            (yjs.string("x"), yjs.values(b"\x7e"), {"origin": (1, 0)}),
            (yjs.shared(0), yjs.string("x"), {"parent": (1, 0)}),
            (yjs.shared(0), yjs.formatting("b", "1"), {"parent": (1, 0)}),
            (yjs.shared(1), yjs.values(b"\x7e"), {"parent": (1, 0)}),
            (yjs.shared(2), yjs.values(b"\x7e"), {"parent": (1, 0)}),
            (yjs.shared(3, "p"), yjs.string("x"), {"parent": (1, 0)}),
            (yjs.shared(1), yjs.string("x"), {"parent": (1, 0), "sub": "k"}),
            (yjs.string("x"), yjs.embed("1"), {"parent": "m", "sub": "k"}),
        ],
    )
    def test_content_that_its_container_cannot_hold_is_refused(
        self, before: tuple[int, bytes], content: tuple[int, bytes], where: dict[str, object]
    ) -> None:
        first = yjs.update(yjs.section(1, 0, yjs.item(before)))
        sent = yjs.update(yjs.section(2, 0, yjs.item(content, **where)))
        assert reason(after(first, sent=sent)) == CONTENT

    def test_a_parent_has_to_be_a_container(self) -> None:
        sent = yjs.update(yjs.section(2, 0, yjs.item(yjs.string("x"), parent=(1, 1))))
        assert reason(after(AB, sent=sent)) == CONTAINER

    def test_a_child_of_something_deleted_is_taken_and_gone(self) -> None:
        key = {"parent": "m", "sub": "k"}
        first = yjs.update(yjs.section(1, 0, yjs.item(yjs.shared(2), **key)))
        replica = replica_of(first, yjs.update(deletes={1: [(0, 1)]}))
        late = yjs.update(yjs.section(2, 0, yjs.item(yjs.string("late"), parent=(1, 0))))
        for document in (reopened(replica), replica):
            assert isinstance(send(document, late, user="bob"), Accepted)
            assert content_of(reader_of(document), "m") == {}
            later = yjs.update(yjs.section(2, 4, yjs.item(yjs.string("r"), origin=(2, 3))))
            assert isinstance(send(document, later, user="bob"), Accepted)
            assert reopened(document).vector == {1: 1, 2: 5}

    def test_types_nested_beyond_the_limit_are_refused(self) -> None:
        """Deleting recurses over them in the CRDT, and its stack overflows."""

        def nested(levels: int) -> bytes:
            inner = [yjs.item(yjs.shared(0), parent=(1, n)) for n in range(levels)]
            return yjs.update(yjs.section(1, 0, yjs.item(yjs.shared(0)), *inner))

        assert isinstance(after(sent=nested(100)), Accepted)
        assert reason(after(sent=nested(101))) == "types are nested too deeply"

    def test_neighbours_under_a_key_and_in_a_sequence_do_not_mix(self) -> None:
        """The CRDT would take the parent of the one and the key of the other."""
        entry = yjs.update(yjs.section(2, 0, yjs.item(yjs.values(b"\x7e"), parent="m", sub="k")))
        for where in ({"origin": (1, 0), "right": (2, 0)}, {"right": (2, 0)}):
            item = yjs.item(yjs.string("x"), **where)
            sent = yjs.update(yjs.section(3, 0, item))
            assert reason(after(AB, entry, sent=sent)) == "its neighbours are not in the same place"

    def test_a_neighbour_that_is_garbage_has_no_living_one_beside_it(self) -> None:
        """Yjs would make the item garbage, pycrdt would not."""
        garbage = yjs.update(yjs.section(2, 0, yjs.gc(1)))
        for left, right in (((2, 0), (1, 0)), ((1, 0), (2, 0))):
            item = yjs.item(yjs.string("x"), origin=left, right=right)
            sent = yjs.update(yjs.section(3, 0, item))
            assert (
                reason(after(AB, garbage, sent=sent)) == "its neighbours are not in the same place"
            )

    def test_neighbours_of_one_text_are_in_its_order(self) -> None:
        """Split twice by one struct, the text puts it elsewhere than a reload does."""
        typed = yjs.update(yjs.section(1, 2, yjs.item(yjs.string("cdef"), origin=(1, 1))))
        wrong = "its neighbours are in the wrong order"
        for left, right in ((4, 1), (1, 1), (5, 4)):
            item = yjs.item(yjs.string("x"), origin=(1, left), right=(1, right))
            sent = yjs.update(yjs.section(2, 0, item))
            assert reason(after(AB, typed, sent=sent)) == wrong
        before = yjs.update(yjs.section(1, 2, yjs.item(yjs.string("0"), right=(1, 0))))
        between = yjs.item(yjs.string("x"), origin=(1, 2), right=(1, 0))
        assert isinstance(after(AB, before, sent=yjs.update(yjs.section(2, 0, between))), Accepted)

    def test_a_key_holds_one_value_at_a_time(self) -> None:
        two = yjs.section(2, 0, yjs.item(yjs.values(b"\x7e", b"\x7e"), parent="m", sub="k"))
        assert reason(after(AB, sent=yjs.update(two))) == "a key holds one value"
        overwritten = yjs.update(two, deletes={2: [(0, 1), (1, 2)]})
        assert isinstance(after(AB, sent=overwritten), Accepted)

    def test_a_refused_update_leaves_no_container_behind(self) -> None:
        replica = replica_of(AB)
        bad = yjs.update(
            yjs.section(
                2,
                0,
                yjs.item(yjs.shared(0), parent="new"),
                yjs.item(yjs.values(b"\x7e"), parent="root"),
                yjs.item(yjs.string("x"), parent=(1, 0)),
            )
        )
        assert reason(send(replica, bad)) == CONTAINER
        good = yjs.update(
            yjs.section(
                2,
                0,
                yjs.item(yjs.string("x"), parent="root"),
                yjs.item(yjs.string("y"), origin=(2, 0)),
            )
        )
        assert isinstance(send(replica, good), Accepted)
        child = yjs.update(yjs.section(2, 2, yjs.item(yjs.values(b"\x7e"), parent=(2, 0))))
        assert reason(send(replica, child)) == CONTAINER
