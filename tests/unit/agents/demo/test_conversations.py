"""Conversations as tables: what people say, what must be known then, and what is asked next."""

import re

import pytest
from talk import Talk, profile

pytestmark = pytest.mark.anyio

ALL_KNOWN = "Berlin to Lisbon on 3 May for a week, 2 people, 2000 euros, food"
QUESTIONS = {
    "destination": "here would you like to go",
    "origin": "here do you start from",
    "when": "hen do you want to leave",
    "length": "ow long will you stay",
    "travellers": "ow many of you",
    "budget": "hat is your budget",
    "interests": "hat do you enjoy",
}


def asked(answer: str) -> list[str]:
    return [slot for slot, text in QUESTIONS.items() if text in answer]


CONVERSATIONS = {
    "one thing after the other": [
        ("hello", {}, ["destination", "origin"]),
        ("Lisbon", {"destination": "Lisbon"}, ["origin", "when"]),
        ("Berlin", {"origin": "Berlin"}, ["when", "length"]),
        ("next friday", {"depart": "2026-12-04"}, ["length", "travellers"]),
        ("a week", {"nights": 7, "return": "2026-12-11"}, ["travellers", "budget"]),
        ("just me", {"travellers": 1}, ["budget", "interests"]),
        ("1.500", {"budget": "1,500"}, ["interests"]),
        ("surprise me", {"interests": "a bit of everything"}, []),
    ],
    "all in one sentence": [
        (
            "I want to fly from Berlin to Lisbon mid May for two weeks, me and my wife, budget"
            " about 2k euros, we love food and museums",
            {
                "destination": "Lisbon",
                "origin": "Berlin",
                "depart": "2027-05-15",
                "return": "2027-05-29",
                "nights": 14,
                "travellers": 2,
                "budget": "€2,000",
                "interests": "food, museums",
            },
            [],
        ),
    ],
    "backwards": [
        ("we are a family of four", {"travellers": 4}, ["destination", "origin"]),
        ("hiking, under 900 €", {"interests": "nature", "budget": "€900"}, ["destination", "origin"]),
        ("back on the 20th, leaving on the 12th of March", {"return": "2027-03-20"}, ["destination", "origin"]),
        ("from cologne to timbuktu", {"origin": "Cologne", "destination": "Timbuktu"}, []),
    ],
    "several places and people": [
        ("Paris and Rome, 3-10 May", {"destination": "Paris and Rome", "nights": 7}, ["origin", "travellers"]),
        ("we live in Sydney, Australia", {"origin": "Sydney"}, ["travellers", "budget"]),
        ("2 adults and 2 kids", {"travellers": 4}, ["budget", "interests"]),
    ],
    "a month is enough": [
        ("a long weekend in Vienna in June with 3 friends", {"destination": "Vienna", "month": "2027-06", "nights": 3, "travellers": 4}, ["origin", "budget"]),
        ("on the 12th", {"depart": "2027-06-12", "return": "2027-06-15", "month": None}, ["origin", "budget"]),
    ],
    "corrections": [
        (ALL_KNOWN, {"destination": "Lisbon"}, []),
        ("actually Porto, not Lisbon", {"destination": "Porto", "origin": "Berlin"}, []),
        ("make it 3 people", {"travellers": 3}, []),
        ("sorry, I meant from Hamburg", {"origin": "Hamburg", "destination": "Porto"}, []),
        ("two days later please", {"depart": "2027-05-05", "return": "2027-05-12"}, []),
        ("a week longer", {"nights": 14, "return": "2027-05-19"}, []),
        ("no museums, more beach", {"interests": "food, beach"}, []),
        ("let's make that the 9th", {"depart": "2027-05-09", "return": "2027-05-23"}, []),
    ],
    "starting over": [
        (ALL_KNOWN, {"destination": "Lisbon"}, []),
        ("forget the details, rather to Oslo", {"destination": "Oslo", "origin": None, "depart": None}, ["origin", "when"]),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_what_was_said_is_known_and_only_the_rest_is_asked(name: str) -> None:
    talk = Talk()
    for text, known, questions in CONVERSATIONS[name]:
        answer = await talk.say(text)
        assert {key: talk.known.get(key) for key in known} == known, text
        assert asked(answer) == questions, text


@pytest.mark.parametrize(
    ("first", "then", "known"),
    [
        ("maybe Greece", "Athens then", {"destination": "Athens", "origin": None}),
        ("to Lisbon", "lol", {"origin": None}),
        ("to Lisbon", "Nach Lissabon im Mai", {"destination": "Lisbon", "origin": None}),
        ("to Lisbon", "ulm", {"origin": "Ulm"}),
        (
            "to Lisbon",
            "back in Oslo on the 18th",
            {"origin": "Oslo", "destination": "Lisbon", "return": "2026-12-18"},
        ),
        ("my sister lives in Boston", "I live in Chicago", {"origin": "Chicago"}),
        ("Paris", "no, let's go to Rome instead", {"destination": "Rome"}),
        ("from lax", "to SFO", {"origin": "Los Angeles", "destination": "San Francisco"}),
        ("somewhere for a week", "make it one more day", {"nights": 8}),
        ("2 people", "2 more people", {"travellers": 4}),
        ("two adults and one child", "with our 3 kids", {"travellers": 5}),
        ("800 € per person", "something affordable", {"budget": "low"}),
        ("food, wine and art", "remove wine", {"interests": "food, art"}),
        ("in June", "what about September?", {"month": "2027-09"}),
        ("I was in Rome last year", "now to Naples", {"destination": "Naples"}),
        ("2 people", "3 instead of 2 please", {"travellers": 3}),
        ("500 euros", "only 1000", {"budget": "1,000"}),
        ("£2.5k", "for 1.5k €", {"budget": "€1,500"}),
        (
            "origin: Oslo, destination: Bergen",
            "travellers: 2, budget: 900 NOK",
            {"origin": "Oslo", "destination": "Bergen", "travellers": 2, "budget": "900 NOK"},
        ),
        (
            "depart: 2027-03-04, return: 2027-03-09",
            "no no, the 5th not the 4th",
            {"depart": "2027-03-05", "nights": 5},
        ),
        ("to Paris", "not Paris, Lyon", {"destination": "Lyon"}),
        (
            "Berlin, Germany",
            "from Sydney, Australia",
            {"destination": "Berlin", "origin": "Sydney"},
        ),
        (
            "from Berlin to Lisbon on 3 May for a week, 2 people",
            "tell me a joke",
            {"interests": None},
        ),
        (
            "from Berlin to Lisbon on 3 May for a week, 2 people",
            "surfing and good coffee",
            {"interests": "beach, food"},
        ),
        (
            "from Berlin to Lisbon on 3 May for a week, 2 people",
            "northern lights",
            {"interests": "northern lights"},
        ),
        ("first week of April", "hm", {"depart": "2027-04-02"}),
    ],
)
async def test_second_thought_is_understood(
    first: str, then: str, known: dict[str, object]
) -> None:
    talk = Talk()
    await talk.say(first, then)
    assert {key: talk.known.get(key) for key in known} == known


@pytest.mark.parametrize(
    "text",
    [
        "What's the capital of France?",
        "Write a poem in Python",
        "translate hello to French",
        "who won the world cup?",
        "2+2",
        "May I ask you something?",
    ],
)
async def test_what_is_no_trip_is_answered_as_a_demo_and_not_taken_for_one(text: str) -> None:
    talk = Talk()
    answer = await talk.say(text)
    assert "I'm the demo: I only plan trips and have no language model" in answer
    assert talk.context == {}


async def test_home_airport_is_taken_from_the_profile_and_said_once() -> None:
    talk = Talk(profile("ham"))
    first = await talk.say("to Lisbon in May")
    assert "I take Hamburg (HAM) as your start: the home airport in your profile." in first
    assert asked(first) == ["length", "travellers"]
    assert (talk.known["origin"], talk.context["trip.origin"].source) == ("Hamburg", "profile")
    assert "home airport" not in await talk.say("a week")


async def test_start_follows_the_profile_when_that_changes() -> None:
    talk = Talk(profile("HAM"))
    await talk.say("to Lisbon in May")
    talk.profile = profile("MUC")
    assert "I take Munich (MUC) as your start" in await talk.say("a week")
    assert (talk.known["origin"], talk.known["nights"]) == ("Munich", 7)
    talk.profile = {}
    assert asked(await talk.say("2 people")) == ["origin", "budget"]


async def test_a_start_that_was_said_beats_the_profile() -> None:
    talk = Talk(profile("HAM"))
    await talk.say("to Lisbon", "from Berlin", "in May")
    assert talk.known["origin"] == "Berlin"


async def test_trip_to_the_home_airport_does_not_start_there() -> None:
    talk = Talk(profile("HAM"))
    assert asked(await talk.say("hi", "a trip to Hamburg in May")) == ["origin", "length"]


async def test_booking_is_refused_even_beside_something_new() -> None:
    answer = await Talk().say("book me four tickets to Seattle")
    assert "I can't book anything: I'm a demo, so nothing is reserved or paid." in answer
    assert "to Seattle, 4 people" in answer


async def test_title_follows_the_trip_until_a_person_names_the_session() -> None:
    talk = Talk()
    await talk.say("hello")
    assert talk.title == ""
    await talk.say("to Lisbon")
    assert talk.title == "Trip to Lisbon"
    await talk.say("in May")
    assert talk.title == "Lisbon in May 2027"
    talk.title = "Our holiday"
    await talk.say("rather Porto")
    assert (talk.title, talk.known["destination"]) == ("Our holiday", "Porto")


async def test_plan_has_every_day_and_is_labelled_as_a_sample() -> None:
    answer = await Talk().say(ALL_KNOWN)
    assert "Sample plan by the demo: no live prices or availability, nothing is booked." in answer
    days = re.findall(r"^### Day (\d+) · (\w+ \d+ \w+)", answer, re.MULTILINE)
    assert (days[0], days[-1]) == (("1", "Mon 3 May"), ("8", "Mon 10 May"))
    assert "€2,000, which leaves €125 per person and day" in answer


async def test_plan_changes_with_the_trip_or_on_request_and_else_stands() -> None:
    talk = Talk()
    first = await talk.say(ALL_KNOWN)
    assert "##" not in await talk.say("thanks!")
    assert "##" not in await talk.say("what is 2+2?")
    again, other = await talk.say("show me the plan"), await talk.say("something else please")
    plan, other_plan = first[first.index("##") :], other[other.index("##") :]
    assert plan == again[again.index("##") :] != other_plan
    assert "| Who | 5 people |" in await talk.say("we are 5 people")


async def test_what_is_known_can_be_asked_for() -> None:
    talk = Talk()
    assert "I know nothing about your trip" in await talk.say("what do you know?")
    await talk.say(ALL_KNOWN)
    answer = await talk.say("what do you know?")
    assert "- to Lisbon\n- from Berlin\n- leaving Mon 3 May 2027, 7 nights" in answer


async def test_what_a_person_typed_is_shown_as_text_and_not_as_markdown() -> None:
    talk = Talk()
    talk.correct("destination", "[x](javascript:alert)<img src=x>\n# y")
    answer = await talk.say("what do you know?")
    assert r"\[x\]\(javascript:alert\)\<img src=x\> \# y" in answer
