"""Lists show a session that nobody named by its first words."""

import pytest
from conversation_devices import Talk, Talker
from pycrdt import Map
from run_edits import edit, end, keep, start

from segue.document.sequencer import Sequencer

LONG = "I want to go to Lisbon in May,\n  with a friend who likes music and food"


def title(talk: Talk) -> str:
    summary = talk.replica.summary
    assert summary is not None
    return summary.title


def test_without_a_title_it_is_shown_by_how_it_began(alice: Talker) -> None:
    talk = Talk()
    alice.say("m1", text=LONG)
    alice.say("m2", text="Me too")
    talk.sync(alice)
    assert title(talk) == "I want to go to Lisbon in May, with a friend who likes…"


def test_an_agent_names_it_and_a_person_for_good(alice: Talker) -> None:
    talk = Talk("demo")
    alice.say("m1", text=LONG)
    talk.sync(alice)
    assert title(talk).startswith("I want to go")
    edit(talk, start())
    edit(talk, keep({}, title="Lisbon"))
    edit(talk, end())
    talk.sync(alice)
    assert title(talk) == "Lisbon"
    alice.map("session")["title"] = "With Ben"
    alice.say("m2")
    talk.sync(alice)
    assert title(talk) == "With Ben"


def test_what_is_only_shown_is_not_written(alice: Talker) -> None:
    talk = Talk()
    alice.say("m1", text="Hello there")
    talk.sync(alice)
    assert title(talk) == "Hello there"
    assert "title" not in alice.map("session")
    with alice.doc.transaction():
        del alice.map("messages")["m1"]
    alice.say("m2", text="Hi")
    talk.sync(alice)
    assert title(talk) == "Hi"


@pytest.mark.parametrize(
    "parts",
    [
        Map({}),
        Map({"0": "text"}),
        Map({"0": Map({"type": "file", "text": "a"})}),
        Map({"0": Map({"type": "text", "text": 7})}),
        "none",
    ],
    ids=["none", "a value", "a file", "a number", "no map"],
)
def test_a_message_without_text_names_nothing(alice: Talker, parts: object) -> None:
    talk = Talk()
    alice.say("m1", parts=parts)
    talk.sync(alice)
    assert title(talk) == ""


def test_what_it_began_with_is_not_looked_for_at_each_commit(
    alice: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    first = Sequencer.first.fget
    assert first
    monkeypatch.setattr(Sequencer, "first", property(lambda self: looks.append(1) or first(self)))
    talk = Talk()
    for number in range(5):
        alice.say(f"m{number}", text=f"Hello {number}")
        talk.sync(alice)
    assert (title(talk), len(looks)) == ("Hello 0", 2)  # at first there was nothing
