"""What people decide about tool calls: the first in the order of the log counts, once and for all."""

from collections.abc import Callable, Iterator
from typing import Final

from pycrdt import Map

from segue.document import tools
from segue.document.answers import JsonObject, calls_of, parts_of, write_call
from segue.document.content import Refusal
from segue.document.crdt import Roots
from segue.document.runs import Runs, run_at
from segue.document.sequencer import Sequencer

_RECENT: Final = 50
"""Messages in which a call is looked for that no open run has."""

_MAX_REASON: Final = 2_000
_NO_RESULT: Final = "its value is no object with `output`, or with `error_text`"

Decision = Callable[[JsonObject], JsonObject]


class Calls:
    """Finds calls, and writes decisions into them."""

    def __init__(self, sequencer: Sequencer, runs: Runs) -> None:
        self._sequencer = sequencer
        self._runs = runs

    def approve(self, root: Roots, target: str, value: object, by: str) -> str | None:
        """Takes a yes or no to a call, `{approved, reason?}`; gives why not."""
        approved = value.get("approved") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(approved, bool):
            return "its value is no object with `approved`, true or false"
        reason = value.get("reason")
        text = reason[:_MAX_REASON] if isinstance(reason, str) else ""
        return self._decide(
            root, target, lambda call: tools.decided(call, approved=approved, by=by, reason=text)
        )

    def supply(self, root: Roots, target: str, value: object, by: str) -> str | None:
        """Takes a call's result, `{output}` or `{error_text}`; gives why not."""
        if not isinstance(value, dict):
            return _NO_RESULT
        error = value.get("error_text")
        if "output" in value:
            result: JsonObject = {"output": value["output"]}
        elif isinstance(error, str):
            result = {"error_text": error}
        else:
            return _NO_RESULT
        return self._decide(root, target, lambda call: tools.supplied(call, result, by))

    def _decide(self, root: Roots, target: str, decide: Decision) -> str | None:
        for run, part, call in self._candidates(root):
            if call.get("tool_call_id") != target:
                continue
            try:
                write_call(part, decide(call))
            except Refusal as refusal:
                return str(refusal)
            self._runs.settle(root, run)
            return None
        return "there is no such tool call"

    def _candidates(self, root: Roots) -> "Iterator[tuple[str, Map[object], JsonObject]]":
        """Gives the calls of open runs, then those of recent answers, the newest first."""
        for run in self._runs.open:
            answer = (run_at(root, run) or {}).get("message")
            for part, call in calls_of(parts_of(root, answer)):
                yield run, part, call
        for message in reversed(self._sequencer.path(None, _RECENT)):
            for part, call in calls_of(parts_of(root, message)):
                yield message, part, call
