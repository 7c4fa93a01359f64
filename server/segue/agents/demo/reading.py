"""From what a person wrote to a trip: the readers, one after the other, each taking what it knows."""

from dataclasses import dataclass
from datetime import date

from segue.agents.demo.dates import read_dates
from segue.agents.demo.intents import Intent, wants
from segue.agents.demo.interests import read_interests, read_interests_answer
from segue.agents.demo.money import read_budget
from segue.agents.demo.party import read_party
from segue.agents.demo.places import read_place_answer, read_places
from segue.agents.demo.text import Page
from segue.agents.demo.trip import Trip


@dataclass(frozen=True, slots=True)
class Reading:
    """What messages came to: the trip with them, and what the last of them wants."""

    trip: Trip
    intent: Intent | None


def read(text: str, trip: Trip, today: date) -> Reading:
    """Reads one message, said when `trip` was known; so the open questions are known, too."""
    page = Page(text)
    intent = wants(text)
    if intent is Intent.RESET:
        trip = Trip()
    known = trip
    asked = frozenset(trip.questions())
    # Money before dates ("100 a day"), dates before people ("two weeks"), places in what is left.
    trip = read_budget(page, trip, asked)
    trip = read_dates(page, trip, asked, today)
    trip = read_party(page, trip, asked)
    trip = read_places(page, trip, asked)
    trip = read_interests(page, trip, asked)
    if trip == known and intent is None:
        trip = read_place_answer(page, trip, asked)
    if trip == known and intent is None:
        trip = read_interests_answer(page, trip, asked)
    return Reading(trip, intent)
