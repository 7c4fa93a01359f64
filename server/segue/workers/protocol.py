"""What the pool and a worker say to each other, and how it is framed.

A frame is a 4-byte little-endian length and a MessagePack value: an array of requests towards the
worker, `Answers` towards the pool. Requests of one process are numbered 1, 2, 3... by both sides,
without being sent: that number is the *ticket*. An incarnation's number is never used twice by a
pool, so it stands for the document, and a worker never learns a document's id.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Final

import msgspec

from segue.document.edits import Edit
from segue.document.submission import LoggedUpdate, Order, Submission
from segue.document.verdict import Run, Summary, Verdict
from segue.document.views import View
from segue.workers.ports import State

LENGTH_BYTES: Final = 4
_ARRAY_32: Final = b"\xdd"


class Terms(msgspec.Struct, frozen=True):
    """What a worker is started with: its descriptors and its limits."""

    pipe_fd: int
    slot_fd: int
    memory_bytes: int
    request_cpu_s: float
    gated: bool
    agents: tuple[str, ...] = ()


class Open(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Start an incarnation; answered by `Opened`. Nobody answers in a home."""

    incarnation: int
    snapshot: bytes | None
    updates: tuple[LoggedUpdate, ...]
    is_home: bool = False


class Check(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Judge and apply an update; answered by `Checked`."""

    incarnation: int
    submission: Submission


class TakeState(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Encode what a state vector lacks; answered by `Taken`."""

    incarnation: int
    request: int
    since: bytes


class TakeSnapshot(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """Encode a proven snapshot, or one of the document `anew`; answered by `Taken`, empty unless `allowed`."""

    incarnation: int
    request: int
    allowed: bool
    anew: bool = False


class Close(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """Forget an incarnation; not answered."""

    incarnation: int


class Perform(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """Make an edit of the server's; answered by `Checked`."""

    incarnation: int
    order: Order


class TakeView(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """Answer a view; answered by `Taken`, with JSON."""

    incarnation: int
    request: int
    view: View


Request = Open | Check | TakeState | TakeSnapshot | Close | Perform | TakeView


class Kind(Enum):
    """Requests by what they may cost and whom their failure tells of; an edit is checked as an update.

    An import may take as long as it takes to open what comes of it.
    """

    OPEN = "open"
    CHECK = "check"
    IMPORT = "import"
    STATE = "state"
    SNAPSHOT = "snapshot"
    CLOSE = "close"


class Opened(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The incarnation lives, with this state vector."""

    incarnation: int
    vector: dict[int, int]
    summary: Summary = Summary()
    runs: tuple[Run, ...] = ()


class Checked(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The verdict on one update."""

    incarnation: int
    verdict: Verdict


class Taken(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """A state or a snapshot."""

    incarnation: int
    state: State


class Dropped(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The incarnation is over: the request with this ticket broke it; later ones are ignored.

    `told`: a verdict in front of this has told so. `certain`: it was this request and nothing else.
    """

    incarnation: int
    ticket: int
    reason: str
    told: bool
    certain: bool


Answer = Opened | Checked | Taken | Dropped


class Answers(msgspec.Struct, frozen=True, array_like=True):
    """Answers in the order of requests; every request up to ticket `done` is dealt with.

    The first one a process sends is empty: it is ready.
    """

    done: int
    answers: tuple[Answer, ...] = ()


UnreadableAnswers = msgspec.DecodeError
"""What `AnswerReader.feed` raises."""

_encoder: Final = msgspec.msgpack.Encoder()
_requests: Final = msgspec.msgpack.Decoder(tuple[Request, ...])
_answers: Final = msgspec.msgpack.Decoder(Answers)


def encode_request(request: Request) -> bytes:
    """Gives a request as it stands in a frame."""
    return _encoder.encode(request)


def encode_order(edit: Edit) -> bytes:
    """Gives the bytes that stand for an edit where updates stand for themselves."""
    return _encoder.encode(edit)


def request_frame(encoded: list[bytes]) -> bytes:
    """Gives one frame holding requests that are encoded already (so their size was known)."""
    count = _ARRAY_32 + len(encoded).to_bytes(4, "big")
    return _framed((count, *encoded))


def answer_frame(answers: Answers) -> bytes:
    """Gives one frame of answers."""
    return _framed((_encoder.encode(answers),))


def decode_requests(body: bytes) -> tuple[Request, ...]:
    """Gives the requests of a frame's body."""
    return _requests.decode(body)


def _framed(parts: Iterable[bytes]) -> bytes:
    body = b"".join(parts)
    return len(body).to_bytes(LENGTH_BYTES, "little") + body


def frame_length(header: bytes | bytearray) -> int:
    """Gives the length of a body from the 4 bytes in front of it."""
    return int.from_bytes(header, "little")


class AnswerReader:
    """Cuts a stream of bytes into frames of answers."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Answers]:
        """Takes the next bytes and gives the frames they complete.

        Raises:
            UnreadableAnswers: the bytes are no answers; the stream can't be read on.
        """
        if not self._buffer and len(data) == LENGTH_BYTES + frame_length(data[:LENGTH_BYTES]):
            return [_answers.decode(memoryview(data)[LENGTH_BYTES:])]  # as nearly always: no copies
        self._buffer += data
        complete = []
        while (end := self._end()) <= len(self._buffer):
            complete.append(_answers.decode(self._buffer[LENGTH_BYTES:end]))
            del self._buffer[:end]
        return complete

    def _end(self) -> int:
        """Gives where the first frame ends; beyond the buffer if even its length is not all there."""
        if len(self._buffer) < LENGTH_BYTES:
            return LENGTH_BYTES
        return LENGTH_BYTES + frame_length(self._buffer[:LENGTH_BYTES])
