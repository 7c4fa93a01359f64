"""What the demo knows between turns, and what it says when an answer is taken up again."""

from dataclasses import replace

import pytest
from talk import AGENT, NOW_MS, Talk, events_of, profile

from segue.agents.demo import DemoAgent
from segue.agents.port import ContextEntry, Forget, Json, Remember, TextDelta

pytestmark = pytest.mark.anyio

TEXTS = [
    "hello, to Lisbon tomorrow",
    "Porto",
    "actually Madrid, not Porto, for 5 nights",
    "from Berlin, 2 of us, 900 €, art",
    "start over",
    "Rome",
    "Porto",
    "from Berlin",
    "tell me a joke",
]


async def test_context_alone_is_enough_when_the_history_is_short() -> None:
    talk = Talk()
    await talk.say("from Berlin to Lisbon on 3 May", "for a week")
    talk.history.clear()
    answer = await talk.say("2 people, 500 euros, wine")
    assert "## Lisbon, 3 to 10 May 2027" in answer


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("destination", "porto", "to Porto"),
        ("destination", "Ulm", "to Ulm"),
        ("travellers", "three", "3 people"),
        ("travellers", 3.0, "3 people"),
        ("nights", "two weeks", "14 nights"),
        ("return", "2027-05-12", "9 nights"),
        ("depart", "4 May", "leaving Tue 4 May 2027, 7 nights, back Tue 11 May 2027"),
        ("budget", 700, "budget 700"),
        ("interests", ["art", "wine"], "for art, wine"),
    ],
)
async def test_a_persons_correction_wins_and_stays_as_they_wrote_it(
    key: str, value: Json, read: str
) -> None:
    talk = Talk()
    await talk.say("from Berlin to Lisbon on 3 May for a week, 2 people, 2000 euros, food")
    talk.correct(key, value)
    assert read in await talk.say("what do you know?")
    assert (talk.known[key], talk.context[f"trip.{key}"].by) == (value, "alice")


async def test_length_holds_when_a_person_moves_the_departure() -> None:
    talk = Talk()
    await talk.say("from Berlin to Lisbon on 3 May for a week", "leave two days later")
    talk.correct("depart", "2027-05-07")
    assert "7 nights, back Fri 14 May 2027" in await talk.say("what do you know?")
    assert talk.known["return"] == "2027-05-14"


async def test_saying_something_new_beats_an_earlier_correction() -> None:
    talk = Talk()
    await talk.say("to Lisbon")
    talk.correct("destination", "Porto")
    await talk.say("no, to Madrid")
    assert (talk.known["destination"], talk.context["trip.destination"].by) == ("Madrid", "demo")


async def test_what_a_person_removed_is_asked_for_and_not_dug_up_again() -> None:
    talk = Talk()
    await talk.say("to Lisbon", "from Berlin")
    del talk.context["trip.destination"]
    assert "Where would you like to go" in await talk.say("ok")


@pytest.mark.parametrize(
    "value", [None, True, -1, 1e300, float("nan"), "", "\x00", [[]], {"a": 1}, "x" * 10**5, "9999-12-31"]
)  # fmt: skip
async def test_any_value_under_any_key_is_survived(value: Json) -> None:
    for key in ("destination", "origin", "depart", "month", "return", "nights", "travellers", "budget", "interests"):  # fmt: skip
        talk = Talk(profile(value))
        await talk.say("from Berlin to Lisbon on 3 May for a week, 2 people, 2000 euros, food")
        talk.correct(key, value)
        await talk.say("what do you know?", "show me the plan", "a week longer")


@pytest.mark.parametrize("observed_at", [float("nan"), float("inf"), -1e300])
async def test_impossible_time_of_an_entry_is_survived(observed_at: float) -> None:
    talk = Talk(context={"trip.depart": ContextEntry("friday", "", "alice", observed_at)})
    assert "leaving Fri 27 November 2026" in await talk.say("what do you know?")


async def test_same_turn_gives_the_same_events() -> None:
    talk = Talk(profile("HAM"))
    for text in TEXTS:
        talk.hear(text)
        turn = talk.turn()
        events = await events_of(turn)
        assert await events_of(turn) == events
        talk.apply(events)


async def test_facts_come_before_the_first_word() -> None:
    talk = Talk()
    talk.hear("to Lisbon in May, 2 people")
    kinds = [type(event) is TextDelta for event in await events_of(talk.turn())]
    assert kinds == sorted(kinds)
    assert kinds.count(False) > 2


@pytest.mark.parametrize("upto", range(1, len(TEXTS) + 1))
async def test_cut_off_answer_goes_on_exactly_where_it_ends(upto: int) -> None:
    talk = Talk(profile("HAM"))
    await talk.say(*TEXTS[: upto - 1])
    talk.hear(TEXTS[upto - 1])
    events = await events_of(talk.turn())
    whole = talk.apply(events)
    for cut in {0, 1, len(whole) // 2, len(whole) - 1, len(whole)}:
        again = await events_of(talk.turn(written=whole[:cut]))
        assert whole[:cut] + "".join(e.text for e in again if isinstance(e, TextDelta)) == whole
        assert not [e for e in again if isinstance(e, Remember | Forget)]


async def test_cut_off_before_all_was_remembered_still_remembers_it() -> None:
    talk = Talk()
    talk.hear("to Lisbon in May, 2 people")
    talk.apply((await events_of(talk.turn()))[:1])
    talk.apply(await events_of(talk.turn()))
    assert talk.known == {"destination": "Lisbon", "month": "2027-05", "travellers": 2}


async def test_correction_made_meanwhile_survives_taking_the_answer_up() -> None:
    talk = Talk()
    talk.hear("to Lisbon in May")
    whole = talk.apply(await events_of(talk.turn()))
    talk.correct("destination", "Porto")
    rest = talk.apply(await events_of(talk.turn(written=whole[:9])))
    assert talk.known["destination"] == "Porto"
    assert rest.startswith("\n\n")


async def test_message_whose_answer_never_came_is_read_with_the_next() -> None:
    talk = Talk()
    talk.hear("to Lisbon")
    await talk.say("from Berlin")
    assert talk.known == {"destination": "Lisbon", "origin": "Berlin"}


async def test_closing_stops_at_once() -> None:
    talk = Talk()
    talk.hear("to Lisbon")
    answer = DemoAgent(pace_s=0).respond(talk.turn())
    async for event in answer:
        if isinstance(event, TextDelta):
            break
    await answer.aclose()  # type: ignore[attr-defined]  # the port promises an async generator
    assert [event async for event in answer] == []


async def test_pieces_are_words() -> None:
    talk = Talk()
    talk.hear("hello")
    pieces = [e.text for e in await events_of(talk.turn()) if isinstance(e, TextDelta)]
    assert len(pieces) > 10
    assert max(map(len, pieces)) <= 26


async def test_history_without_a_user_is_answered() -> None:
    turn = replace(Talk().turn(), history=())
    assert await events_of(turn)
    assert (AGENT.name, turn.now_ms) == ("demo", NOW_MS)
