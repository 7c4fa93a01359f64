"""How far a room is."""

from enum import Enum, auto


class Stage(Enum):
    """See the text of `hub.room`."""

    LOADING = auto()
    OPENING = auto()
    OPEN = auto()
    ENDED = auto()
