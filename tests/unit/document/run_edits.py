"""What a runner writes, in few words: by default in the run of m1, by the attempt a1."""

from itertools import count

import msgspec
from conversation_devices import Talk

from segue.document.edits import ContinueRun, Edit, EndRun, StartRun
from segue.document.steps import (
    AppendText,
    AskForApproval,
    AskForOutput,
    EndTool,
    JsonValue,
    PutPart,
    StartTool,
    Step,
)
from segue.document.submission import Order
from segue.document.verdict import Accepted, Verdict

_numbers = count(1)


def edit(talk: Talk, what: Edit) -> Verdict:
    return talk.replica.edit(Order(next(_numbers), what))


def accepted(talk: Talk, what: Edit) -> Accepted:
    verdict = edit(talk, what)
    assert isinstance(verdict, Accepted), verdict
    return verdict


def start(run: str = "m1", attempt: str = "a1") -> StartRun:
    return StartRun(run, attempt, 1_000)


def say(at: int, text: str, part: int = 0, run: str = "m1", attempt: str = "a1") -> ContinueRun:
    return steps(AppendText(part, at, text), run=run, attempt=attempt)


def steps(*taken: Step, run: str = "m1", attempt: str = "a1") -> ContinueRun:
    return ContinueRun(run, attempt, taken)


def keep(
    remembered: dict[str, JsonValue], forgotten: tuple[str, ...] = (), title: str = ""
) -> ContinueRun:
    return ContinueRun("m1", "a1", (), remembered, forgotten, title)


def end(status: str = "done", run: str = "m1", attempt: str = "a1", error: str = "") -> EndRun:
    return EndRun(run, attempt, status, 2_000, error)


def call(part: int, id: str = "c1", name: str = "hold") -> PutPart:
    return put(part, type="tool", tool_call_id=id, name=name, args={"seat": "12A"})


def put(part: int, **value: object) -> PutPart:
    return PutPart(part, msgspec.json.encode(value))


def begin(id: str = "c1", *, repeatable: bool = False) -> StartTool:
    return StartTool(id, repeatable)


def result(output: object, id: str = "c1") -> EndTool:
    return EndTool(id, msgspec.json.encode(output))


def suspend(talk: Talk, *asked: AskForApproval | AskForOutput) -> None:
    """Has the run of m1 call tools, ask for each, and wait."""
    calls = [call(number, one.call) for number, one in enumerate(asked)]
    accepted(talk, steps(*calls, *asked))
    accepted(talk, end("suspended"))
