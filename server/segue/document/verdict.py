"""What the gate says of an update. Plain values: importing this module imports no pycrdt."""

import msgspec

Span = tuple[int, int, int]
"""Client id, first clock, end clock (exclusive) of what an update inserts for that client."""


class Made(msgspec.Struct, frozen=True, array_like=True):
    """An update that the server made itself, and what it inserts."""

    data: bytes
    spans: tuple[Span, ...]


class Summary(msgspec.Struct, frozen=True, array_like=True):
    """What lists of sessions show of one; `last_seq` is the highest `seq` that was ever given.

    `open_runs` are queued or active, and none while people have to decide.
    """

    title: str = ""
    last_seq: int = 0
    open_runs: int = 0


class Run(msgspec.Struct, frozen=True, array_like=True):
    """A run as it is now: who answers, how far that is, and which attempt started it last."""

    id: str
    agent: str
    status: str
    attempt: str = ""


class Accepted(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The update was applied and belongs in the log, in one row with what the server `made` of it.

    Of an edit of the server's all is `made`, and `spans` is empty. `summary` is there when it has
    changed, `runs` are those that somebody else than their runner changed.
    """

    number: int
    spans: tuple[Span, ...]
    made: Made | None = None
    summary: Summary | None = None
    runs: tuple[Run, ...] = ()


class NoNews(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The document holds all of it already: acknowledge, don't log."""

    number: int
    spans: tuple[Span, ...]


class Gap(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """It builds on updates that the document lacks: nothing was applied, a resync is needed."""

    number: int
    spans: tuple[Span, ...]


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """It may not enter the document. `reason` is for the user who sent it.

    `is_outdated`: it is of a copy of an older generation, whose device has to start over.
    """

    number: int
    reason: str
    is_outdated: bool = False


Verdict = Accepted | NoNews | Gap | Refused
