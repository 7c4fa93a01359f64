import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.auth.grants import Role
from segue.document.edits import AddMessage, Author, NewPart, SetSession
from segue.document.submission import LoggedUpdate, Order, Submission
from segue.document.verdict import Accepted, Gap, NoNews, Refused
from segue.document.views import ViewMessage, ViewMessages, ViewSession
from segue.ids import DeviceId, UserId
from segue.workers import protocol
from segue.workers.ports import State

UPDATE = LoggedUpdate(UserId("alice"), DeviceId("phone"), b"\x00\xff")
MESSAGE = AddMessage(
    id="m1",
    role="user",
    author=Author("user", UserId("alice")),
    created_at=1_764_000_000_000,
    parts=(NewPart("text", b'{"type": "text", "text": "\\u0000"}'),),
    metadata=b"{}",
    supersedes="m0",
)
REQUESTS = (
    protocol.Open(1, None, ()),
    protocol.Open(2**40, b"snapshot", (UPDATE, UPDATE)),
    protocol.Check(3, Submission(4, Role.AGENT, UPDATE)),
    protocol.TakeState(5, 6, b"\x00"),
    protocol.TakeSnapshot(7, 8, allowed=False),
    protocol.Close(9),
    protocol.Perform(1, Order(2, SetSession("title", b'{"a": [1]}'))),
    protocol.Perform(1, Order(3, MESSAGE)),
    protocol.TakeView(1, -1, ViewMessages(50, 7)),
    protocol.TakeView(1, -2, ViewMessage("m1")),
    protocol.TakeView(1, -3, ViewSession()),
)
SPANS = ((2**53 - 1, 0, 1),)
ANSWERS = (
    protocol.Opened(1, {2**53 - 1: 7}),
    protocol.Checked(1, Accepted(1, SPANS)),
    protocol.Checked(1, NoNews(2, SPANS)),
    protocol.Checked(1, Gap(3, SPANS)),
    protocol.Checked(1, Refused(4, "because")),
    protocol.Taken(1, State(1, 2, b"state")),
    protocol.Dropped(1, 9, "why", told=False, certain=True),
)


@given(st.lists(st.sampled_from(REQUESTS)))
def test_requests_arrive_as_they_were_sent(requests: list[protocol.Request]) -> None:
    frame = protocol.request_frame([protocol.encode_request(request) for request in requests])
    header, body = frame[: protocol.LENGTH_BYTES], frame[protocol.LENGTH_BYTES :]
    assert protocol.frame_length(header) == len(body)
    assert protocol.decode_requests(body) == tuple(requests)


@given(
    st.lists(st.builds(protocol.Answers, st.integers(0, 2**40), st.just(ANSWERS)), max_size=4),
    st.lists(st.integers(1, 50), min_size=1),
)
def test_answers_arrive_however_the_stream_is_cut(
    batches: list[protocol.Answers], cuts: list[int]
) -> None:
    stream = b"".join(protocol.answer_frame(batch) for batch in batches)
    reader = protocol.AnswerReader()
    arrived = []
    turn = 0
    while stream:
        cut = cuts[turn % len(cuts)]
        arrived += reader.feed(stream[:cut])
        stream = stream[cut:]
        turn += 1
    assert arrived == batches


def test_a_frame_that_is_no_answer_is_an_error() -> None:
    with pytest.raises(protocol.UnreadableAnswers):
        protocol.AnswerReader().feed(b"\x01\x00\x00\x00\xc1")
