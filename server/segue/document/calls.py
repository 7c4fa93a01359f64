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
        self._found: dict[str, tuple[str, Map[object], JsonObject]] | None = None

    def begin(self) -> None:
        """Has calls looked for anew: something may have changed them."""
        self._found = None

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
        if self._found is None:
            # Once for all decisions of an update: an answer may have a thousand calls.
            self._found = self._all(root)
        if target not in self._found:
            return "there is no such tool call"
        run, part, call = self._found[target]
        try:
            then = decide(call)
        except Refusal as refusal:
            return str(refusal)
        write_call(part, then)
        self._found[target] = run, part, then
        self._runs.settle(root, run)
        return None

    def _all(self, root: Roots) -> "dict[str, tuple[str, Map[object], JsonObject]]":
        """Gives the calls by their ids: of open runs, then of recent answers, the newest first."""
        found: dict[str, tuple[str, Map[object], JsonObject]] = {}
        for run, answer in self._answers(root):
            for part, call in calls_of(parts_of(root, answer)):
                found.setdefault(str(call.get("tool_call_id")), (run, part, call))
        return found

    def _answers(self, root: Roots) -> Iterator[tuple[str, object]]:
        for run in self._runs.open:
            yield run, (run_at(root, run) or {}).get("message")
        for message in reversed(self._sequencer.path(None, _RECENT)):
            yield message, message
