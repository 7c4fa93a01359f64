"""Files of conversations: what is written can be read again, and what is wrong is named."""

import json
from typing import Any

import pytest

from segue.document.edits import Author
from segue.document.views import MessageView, RecordView
from segue.errors import InvalidTranscript
from segue.ids import UserId
from segue.transcripts.formats import READERS, WRITERS
from segue.transcripts.model import MAX_MESSAGES, Format, Head, Transcript

HEAD = Head("trip", "Lisbon", {"responder": "demo"}, "m3", 3, 1_764_000_000_000, 1_764_000_000_001)
CALL = {
    "type": "tool",
    "tool_call_id": "c1",
    "name": "find_flights",
    "args": {"to": "Lisbon"},
    "state": "output-available",
    "output": [{"price": 120}],
}
DENIED = {
    "type": "tool",
    "tool_call_id": "c2",
    "name": "book",
    "args": {},
    "state": "output-denied",
    "approval": {"id": "c2", "approved": False, "reason": "too dear"},
}
FAILED = {
    "type": "tool",
    "tool_call_id": "c3",
    "name": "book",
    "args": {},
    "state": "output-error",
    "error_text": "sold out",
}
HOSTILE = ["<|endoftext|>", "a\x00b", "\u202eabc\u202c", "\U0001f468\u200d\U0001f469", "\u2028\r\n"]


def text(value: str) -> dict[str, object]:
    return {"type": "text", "text": value, "state": "done"}


def message(name: str, role: str, *parts: dict[str, Any], **fields: Any) -> MessageView:
    is_agents = role == "assistant"
    given: dict[str, Any] = {
        "author": Author("agent" if is_agents else "user", UserId("demo" if is_agents else "bob")),
        "created_at": 1_764_000_000_000,
        "seq": int(name[1:]),
        "parent": None if name == "m1" else f"m{int(name[1:]) - 1}",
        "status": "complete",
    }
    return MessageView(id=name, role=role, parts=list(parts), **{**given, **fields})


TALK = [
    message(
        "m1",
        "user",
        text("Find flights"),
        {"type": "file", "ref": "https://x.example/a.png", "media_type": "image/png"},
    ),
    message(
        "m2", "assistant", text("Let me see. "), CALL, text("Found one."), metadata={"model": "m"}
    ),
    message("m3", "user", text("Book it"), {"type": "weather", "sky": ["blue"]}),
]


def written(format: Format, messages: list[MessageView], active: set[str] | None = None) -> bytes:
    writer = WRITERS[format]()
    record = RecordView(
        {"budget": {"value": 900, "by": "bob"}},
        {
            "m1": {
                "agent": "demo",
                "status": "done",
                "reply_to": "m1",
                "message": "m2",
                "attempt": "x",
                "number": 1,
            }
        },
        {"plan": {"title": "The plan", "text": "Day 1\n"}},
    )
    shown = [
        writer.message(each, is_active=active is None or each.id in active) for each in messages
    ]
    return b"".join((writer.begin(HEAD), *shown, writer.end(record)))


def read(format: Format, data: bytes | str | list[Any]) -> Transcript:
    if isinstance(data, list):
        data = json.dumps(data)
    return READERS[format](data.encode() if isinstance(data, str) else data)


def refused(format: Format, data: bytes | str | list[Any]) -> str:
    with pytest.raises(InvalidTranscript) as caught:
        read(format, data)
    return str(caught.value)


def parts_of(found: Transcript) -> list[tuple[str, list[dict[str, object]]]]:
    return [(each.role, list(each.parts)) for each in found.messages]


def test_lines_keep_everything_there_is() -> None:
    found = read(Format.JSONL, written(Format.JSONL, TALK))
    assert found.artifacts == {"plan": ({"title": "The plan"}, "Day 1\n")}
    assert (found.title, found.settings, found.head) == ("Lisbon", {"responder": "demo"}, "m3")
    assert found.context == {"budget": {"value": 900, "by": "bob"}}
    # How a server works on it now is nobody else's business.
    assert found.runs == {
        "m1": {"agent": "demo", "status": "done", "reply_to": "m1", "message": "m2"}
    }
    for draft, given in zip(found.messages, TALK, strict=True):
        assert (draft.id, draft.role, draft.parts) == (given.id, given.role, given.parts)
        assert (draft.parent, draft.status, draft.metadata) == (
            given.parent,
            given.status,
            given.metadata,
        )
        assert draft.author == {"kind": given.author.kind, "id": given.author.id}


def test_versions_off_the_path_are_in_the_lines_alone() -> None:
    talk = [*TALK, message("m4", "user", text("Book the other"), parent="m2", supersedes="m3")]
    active = {"m1", "m2", "m4"}
    found = read(Format.JSONL, written(Format.JSONL, talk, active))
    assert [(each.id, each.parent) for each in found.messages][2:] == [("m3", "m2"), ("m4", "m2")]
    for format in (Format.AI_SDK, Format.OPENAI):
        texts = [
            each.parts[0].get("text")
            for each in read(format, written(format, talk, active)).messages
        ]
        assert texts == ["Find flights", "Let me see. ", "Book the other"]


def test_what_has_no_place_yet_stands_behind_what_is_before_it() -> None:
    waiting = message("m4", "user", text("And?"), seq=None, parent=None, status="queued")
    found = read(Format.JSONL, written(Format.JSONL, [*TALK, waiting]))
    assert not isinstance(found.messages[-1].parent, str | None)


def test_the_ai_sdks_messages_come_back_as_they_were() -> None:
    data = written(Format.AI_SDK, [*TALK[:2], message("m3", "assistant", DENIED, FAILED), TALK[2]])
    found = read(Format.AI_SDK, data)
    assert parts_of(found) == [
        ("user", TALK[0].parts),
        ("assistant", TALK[1].parts),
        ("assistant", [DENIED, FAILED]),
        ("user", TALK[2].parts),
    ]
    assert found.messages[1].metadata == {"model": "m"}
    assert found.messages[0].author == {"kind": "user", "id": "bob"}


def test_they_are_the_ai_sdks() -> None:
    first, second, third = json.loads(written(Format.AI_SDK, TALK))
    assert first["parts"][1] == {
        "type": "file",
        "url": "https://x.example/a.png",
        "mediaType": "image/png",
    }
    assert second["parts"][1] == {
        "type": "tool-find_flights",
        "toolCallId": "c1",
        "state": "output-available",
        "input": {"to": "Lisbon"},
        "output": [{"price": 120}],
    }
    assert third["parts"][1] == {"type": "data-segue", "data": {"type": "weather", "sky": ["blue"]}}


def test_parts_of_the_ai_sdks_own_are_kept() -> None:
    parts = [
        {"type": "step-start"},
        {"type": "source-url", "sourceId": "s1", "url": "https://x.example"},
        {"type": "data-chart", "id": "d1", "data": {"n": 1}},
        {"type": "text", "text": "x", "state": "done", "providerMetadata": {"p": {"q": 1}}},
        {
            "type": "dynamic-tool",
            "toolName": "t",
            "toolCallId": "c",
            "state": "input-streaming",
            "input": {},
        },
    ]
    found = read(Format.AI_SDK, [{"id": "1", "role": "assistant", "parts": parts}])
    (draft,) = found.messages
    assert draft.parts[:4] == parts[:4]
    assert (draft.parts[4]["type"], draft.parts[4]["name"]) == ("tool", "t")


def test_messages_of_an_older_ai_sdk_have_their_text_in_content() -> None:
    found = read(Format.AI_SDK, json.dumps({"messages": [{"role": "user", "content": "x"}]}))
    assert parts_of(found) == [("user", [text("x")])]


def test_openais_items_keep_each_call_with_its_result() -> None:
    items = json.loads(written(Format.OPENAI, TALK))
    assert [item["type"] for item in items] == [
        "message",
        "message",
        "function_call",
        "function_call_output",
        "message",
        "message",
    ]
    found = read(Format.OPENAI, written(Format.OPENAI, TALK))
    assert parts_of(found) == [
        (
            "user",
            [
                text("Find flights"),
                {"type": "file", "ref": "https://x.example/a.png", "media_type": "image/*"},
            ],
        ),
        ("assistant", [text("Let me see. "), CALL, text("Found one.")]),
        ("user", [text("Book it")]),  # the other part has no item
    ]


def test_a_call_without_a_result_gets_one_that_says_so() -> None:
    open_call = {**CALL, "state": "input-available"}
    open_call.pop("output")
    items = json.loads(
        written(Format.OPENAI, [message("m1", "assistant", open_call, DENIED, FAILED)])
    )
    outputs = [item["output"] for item in items if item["type"] == "function_call_output"]
    assert outputs == [
        "There is no result: the call was not finished.",
        "A person said no to this.",
        "Error: sold out",
    ]


def test_messages_of_chat_completions_are_read_too() -> None:
    function = {"name": "find_flights", "arguments": '{"to": "Lisbon"}'}
    chat = [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Hi"},
                {"type": "image_url", "image_url": {"url": "https://x.example"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": '[{"price": 120}]'},
        {"role": "assistant", "content": "One."},
        {"role": "assistant", "content": "Two."},
    ]
    assert parts_of(read(Format.OPENAI, chat)) == [
        ("system", [text("Be brief.")]),
        (
            "user",
            [text("Hi"), {"type": "file", "ref": "https://x.example", "media_type": "image/*"}],
        ),
        ("assistant", [CALL, text("One.")]),
        ("assistant", [text("Two.")]),
    ]


def test_other_items_of_a_model_are_kept_as_they_are() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
    found = read(Format.OPENAI, [thought, search])
    assert parts_of(found) == [
        ("assistant", [{"type": "reasoning", "text": "Hm.", "state": "done"}, search])
    ]


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("value", HOSTILE)
def test_texts_come_out_as_they_went_in(format: Format, value: str) -> None:
    found = read(format, written(format, [message("m1", "user", text(value))]))
    assert parts_of(found) == [("user", [text(value)])]


LINE = '{"type": "message", "role": "user", "text": "x"}\n'


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no messages"),
        (b"{", "Line 1 is no JSON"),
        ((LINE + LINE + '{"type": "message", "role": "user"').encode(), "Line 3 is no JSON"),
        ((LINE + '\n{"type": "message", "text": "x"}').encode(), "Line 3 doesn't fit"),
        ((LINE + '{"type": "message", "role": "user"}').encode(), "either `parts` or `text`"),
        ((LINE + '{"type": "robot"}').encode(), "Line 2 doesn't fit"),
        ((LINE + '{"type": "message", "role": "user", "text": "x", "mood": 1}').encode(), "mood"),
        ((LINE + '{"type": "message", "role": "user", "text": "\\ud800"}').encode(), "Half a char"),
        (LINE.encode() + b'{"type": "message", "role": "user", "text": "\xed\xa0\x80"}', "Line 2"),
        ((LINE + '{"type": "message", "role": "user", "parts": [1]}').encode(), "Line 2 doesn't fit"),
        ((LINE + '{"type": "message", "role": "user", "text": "x", "metadata": 9007199254740993}').encode(), "2^53"),
        ((LINE + '{"type": "message", "role": "user", "text": "x", "metadata": ' + "[" * 17 + "]" * 17 + "}").encode(), "nested"),
        ((LINE + '{"type": "message", "role": "user", "text": "x", "metadata": ' + "[" * 5000 + "]" * 5000 + "}").encode(), "Line 2"),
        (b'{"type": "session", "version": 1}\n', "cut off"),
        (b'{"type": "session", "version": 2}\n', "version 2"),
        ((LINE + '{"type": "session", "version": 1}').encode(), "first line"),
        ((LINE + '{"type": "end", "messages": 2}').encode(), "says that there are 2 messages, and 1"),
        ((LINE + '{"type": "end", "messages": 1}\n' + LINE).encode(), "Line 3 comes after the end"),
        ((LINE * (MAX_MESSAGES + 1)).encode(), "over 10000 messages"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(data: bytes, told: str) -> None:
    assert told in refused(Format.JSONL, data)


@pytest.mark.parametrize("lines", range(1, 9))
def test_an_export_that_is_cut_off_is_no_conversation(lines: int) -> None:
    whole = written(Format.JSONL, TALK).splitlines(keepends=True)
    assert len(whole) == 8
    data = b"".join(whole[:lines])
    if lines == len(whole):
        read(Format.JSONL, data)
        return
    assert "cut off" in refused(Format.JSONL, data)
    assert "Line" in refused(Format.JSONL, data[:-20])


@pytest.mark.parametrize("format", [Format.AI_SDK, Format.OPENAI])
@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"[", "no JSON"),
        (b"{}", "no list of messages"),
        (b"[]", "no messages"),
        (b"[1]", "Message 1 is no object"),
        (b'[{"role": "user", "content": "x"}, {"role": "robot", "content": "x"}]', " 2 has "),
        (b'[{"role": "user", "content": "\\ud800"}]', "no JSON"),
        (b'[{"role": "user", "content": "\xff"}]', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'[{"role": "user", "content": 1}]', " 1"),
    ],
)
def test_a_wrong_message_is_named(format: Format, data: bytes, told: str) -> None:
    assert told in refused(format, data)


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([{"type": "function_call_output", "call_id": "c", "output": "x"}], "the result of no call"),
        ([{"role": "tool", "tool_call_id": "c", "content": "x"}], "the result of no call"),
        ([{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{"}], "Item 1, its arguments"),
        ([{"type": "function_call", "name": "f", "arguments": "{}"}], "`call_id`"),
        ([{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}] * 2, "Item 2"),
        ([{"role": "user", "content": [{"text": "x"}]}], "`type`"),
        ([{"type": 1}], "`type`"),
    ],
)  # fmt: skip
def test_a_wrong_item_is_named(items: list[Any], told: str) -> None:
    assert told in refused(Format.OPENAI, items)


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"text": "x"}, "Message 1, part 1 has no text as `type`"),
        ({"type": "text"}, "`text`"),
        ({"type": "tool-x", "input": {}}, "`toolCallId`"),
        ({"type": "tool-", "toolCallId": "c"}, "without a name"),
        ({"type": "dynamic-tool", "toolCallId": "c"}, "without a name"),
        ({"type": "data-x", "data": 10**17}, "2^53"),
    ],
)
def test_a_wrong_part_is_named(part: dict[str, Any], told: str) -> None:
    assert told in refused(Format.AI_SDK, [{"role": "user", "parts": [part]}])


@pytest.mark.parametrize("format", Format)
def test_a_file_of_nothing_but_lists_is_not_read(format: Format) -> None:
    said = b'{"type": "message", "role": "user", "content": "x", "text": "x", "metadata": ['
    file = said + b"[]," * 500_000 + b"[]]}"
    with pytest.raises(InvalidTranscript, match="500000 lists"):
        READERS[format](file if format is Format.JSONL else b"[" + file + b"]")
