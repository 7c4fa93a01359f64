"""What a trip needs, as one frozen value."""

from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from enum import Enum
from typing import Final

MOST_NIGHTS: Final = 180


class Slot(Enum):
    """One thing that a plan needs, in the order in which it is asked for."""

    DESTINATION = "destination"
    ORIGIN = "origin"
    WHEN = "when"
    LENGTH = "length"
    TRAVELLERS = "travellers"
    BUDGET = "budget"
    INTERESTS = "interests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """What is known of a trip; None is unknown.

    Invariants, kept by `settled`: with `depart` there is no `month`, and a return is held as `nights`.
    """

    destination: str | None = None
    origin: str | None = None
    depart: date | None = None
    month: date | None = None
    """The first of the month, while only that is known."""
    nights: int | None = None
    back: date | None = None
    """The day of return, while the departure is unknown."""
    travellers: int | None = None
    budget: str | None = None
    interests: str | None = None

    def settled(self) -> "Trip":
        """Gives the trip with its dates in their one form; a return before the departure is dropped."""
        if self.depart is None:
            return self
        nights = self.nights
        if self.back is not None:
            stay = (self.back - self.depart).days
            nights = stay if 0 < stay <= MOST_NIGHTS else nights
        return replace(self, month=None, back=None, nights=nights)

    @property
    def returns(self) -> date | None:
        """The day of return, where it can be told."""
        if self.depart is not None and self.nights is not None:
            return self.depart + timedelta(days=self.nights)
        return self.back

    def knows(self, slot: Slot) -> bool:
        """Tells if that slot needs no asking."""
        match slot:
            case Slot.WHEN:
                return self.depart is not None or self.month is not None
            case Slot.LENGTH:
                return self.nights is not None
            case _:
                return getattr(self, slot.value) is not None

    def questions(self) -> tuple[Slot, ...]:
        """Gives what is to be asked next: the first two unknown, none when a plan can be made."""
        return tuple(slot for slot in Slot if not self.knows(slot))[:2]

    @property
    def empty(self) -> bool:
        """True while nothing at all is known."""
        return all(getattr(self, field.name) is None for field in fields(self))
