"""Which day a phrase means, said on a Thursday, the 26th of November 2026."""

from datetime import date, timedelta

import pytest

from segue.agents.demo.dates import read_dates
from segue.agents.demo.text import Page
from segue.agents.demo.trip import Slot, Trip

TODAY = date(2026, 11, 26)


def read(text: str, known: Trip | None = None, *asked: Slot) -> Trip:
    return read_dates(Page(text), known or Trip(), frozenset(asked), TODAY)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2027-05-14", "2027-05-14"),
        ("14.5.2027", "2027-05-14"),
        ("14.05.", "2027-05-14"),
        ("5/14", "2027-05-14"),
        ("14/5/27", "2027-05-14"),
        ("the 14th of May", "2027-05-14"),
        ("14 May 2028", "2028-05-14"),
        ("May 14th, 2028", "2028-05-14"),
        ("Dec. 3", "2026-12-03"),
        ("november 25", "2027-11-25"),
        ("on the 30th", "2026-11-30"),
        ("the 7th", "2026-12-07"),
        ("9th of next month", "2026-12-09"),
        ("31st", "2026-12-31"),
        ("today", "2026-11-26"),
        ("tomorrow", "2026-11-27"),
        ("the day after tomorrow", "2026-11-28"),
        ("in ten days", "2026-12-06"),
        ("two weeks from now", "2026-12-10"),
        ("friday", "2026-11-27"),
        ("thursday", "2026-12-03"),
        ("next friday", "2026-12-04"),
        ("tuesday next week", "2026-12-01"),
        ("sunday this week", "2026-11-29"),
        ("next week", "2026-11-30"),
        ("this weekend", "2026-11-27"),
        ("next weekend", "2026-12-04"),
        ("early May", "2027-05-05"),
        ("mid-May", "2027-05-15"),
        ("the end of February 2028", "2028-02-28"),
        ("at Christmas", "2026-12-24"),
        ("not the 3rd but the 4th of May", "2027-05-04"),
    ],
)
def test_phrase_means_this_day(text: str, day: str) -> None:
    assert read(f"We leave {text}").depart == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("in May", "2027-05-01"),
        ("in November", "2026-11-01"),
        ("May 2028", "2028-05-01"),
        ("next month", "2026-12-01"),
        ("in two months", "2027-01-01"),
        ("this summer", "2027-07-01"),
        ("may", "2027-05-01"),
    ],
)
def test_month_alone_is_a_month(text: str, month: str) -> None:
    trip = read(text)
    assert (trip.month, trip.depart) == (date.fromisoformat(month), None)


@pytest.mark.parametrize(
    "text",
    [
        "may I ask you something",
        "this may be wrong",
        "the 31st of February",
        "45th",
        "99/99",
        "14 May 2020",
        "24/7",
        "on the march",
        "the 1st class",
        "in 9 minutes",
    ],
)
def test_no_day_is_read_from_what_names_none(text: str) -> None:
    assert read(text) == Trip()


@pytest.mark.parametrize(
    ("text", "nights"),
    [
        ("from the 3rd to the 10th of May", 7),
        ("3-10 May", 7),
        ("May 3 - 10", 7),
        ("May 28 to June 2", 5),
        ("leaving on 3 May, returning on the 10th", 7),
        ("back on the 10th, leaving on 3 May", 7),
        ("tomorrow until sunday", 2),
        ("from tomorrow to the day after tomorrow", 1),
        ("on 3 May for two weeks", 14),
        ("3 May for 5 days", 5),
        ("a 3-day trip on 3 May", 2),
        ("a long weekend from 3 May", 3),
        ("next weekend", 2),
        ("one night, 3 May", 1),
        ("a week-long trip on 3 May", 7),
    ],
)
def test_length_of_the_stay(text: str, nights: int) -> None:
    trip = read(text)
    assert trip.nights == nights
    assert trip.depart is not None
    assert trip.returns == trip.depart + timedelta(days=nights)


def test_bare_day_belongs_to_what_was_asked() -> None:
    known = Trip(depart=date(2027, 5, 3))
    assert read("the 10th", known, Slot.LENGTH).nights == 7
    assert read("sorry, the 4th", known, Slot.LENGTH).depart == date(2027, 5, 4)
    assert read("from the 4th to the 9th", known, Slot.LENGTH).nights == 5


def test_return_before_the_departure_is_not_kept() -> None:
    assert read("returning on 1 May", Trip(depart=date(2027, 5, 3), nights=4)).nights == 4


def test_new_departure_keeps_the_length() -> None:
    trip = read("leave two days later", Trip(depart=date(2027, 5, 3), nights=4))
    assert trip.returns == date(2027, 5, 9)


@pytest.mark.parametrize(
    "text", ["how much is it a night", "two weeks ago", "0 nights", "999 weeks"]
)
def test_no_length_is_read_from_what_is_none(text: str) -> None:
    assert read(text).nights is None
