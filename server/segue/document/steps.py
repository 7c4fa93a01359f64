"""What an agent does in its answer, step by step, as values.

Each step says where it belongs, so that one which comes twice finds itself done.
"""

from typing import Literal

import msgspec

JsonValue = bytes
"""JSON as it came, unread until the worker puts it into the document.

(Rejected: `msgspec.Raw`. On the MessagePack way to the worker it would be taken for MessagePack.)
"""


class AppendText(msgspec.Struct, frozen=True, tag="append_text"):
    """Appends to a text of the answer; the part is made if it is the next one.

    `at` is the length of the text before, in bytes of UTF-8.
    """

    part: int
    at: int
    text: str
    kind: Literal["text", "reasoning"] = "text"


class PutPart(msgspec.Struct, frozen=True, tag="put_part"):
    """Adds the next part: a JSON object with a `type`; a tool's has `tool_call_id`, `name` and `args`."""

    part: int
    value: JsonValue


class StartTool(msgspec.Struct, frozen=True, tag="start_tool"):
    """Notes that a tool is about to run. Unless it is repeatable, it is never started again."""

    call: str
    repeatable: bool = False


class AskForApproval(msgspec.Struct, frozen=True, tag="ask_for_approval"):
    """Has people decide whether a tool may run."""

    call: str


class AskForOutput(msgspec.Struct, frozen=True, tag="ask_for_output"):
    """Has a person give a tool's result."""

    call: str


class EndTool(msgspec.Struct, frozen=True, tag="end_tool"):
    """Gives a tool's result, JSON, or without one the text of its error."""

    call: str
    output: JsonValue | None = None
    error_text: str = ""


ToolStep = StartTool | AskForApproval | AskForOutput | EndTool
Step = AppendText | PutPart | ToolStep
