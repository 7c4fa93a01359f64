"""What devices ask for, done in the order of the log: the first one counts, all see which it was."""

from collections import deque
from typing import Final

from segue.document.calls import Calls
from segue.document.crdt import Roots
from segue.document.grants import Known
from segue.document.runs import Runs
from segue.document.schema import MESSAGES, REQUESTS
from segue.document.sequencer import Sequencer

_MAX_ANSWERED: Final = 20
"""Answered requests that stay for their devices to see; older ones are removed."""


class Requests:
    """Answers requests in place. `load` once, then `answer` those that an update brought."""

    def __init__(self, known: Known, sequencer: Sequencer, runs: Runs) -> None:
        self._known = known
        self._sequencer = sequencer
        self._runs = runs
        self._calls = Calls(sequencer, runs)
        self._answered: deque[str] = deque()
        self._unseen: list[str] = []

    @property
    def has_unseen(self) -> bool:
        """Tells whether what was loaded holds requests without an answer."""
        return bool(self._unseen)

    def load(self, root: Roots) -> None:
        """Learns which requests there are."""
        requests = root(REQUESTS)
        for request in requests.keys():
            value = requests[request]
            is_answered = isinstance(value, dict) and "outcome" in value
            (self._answered if is_answered else self._unseen).append(request)

    def answer(self, root: Roots, touched: list[str]) -> None:
        """Does what is asked for, or says why not."""
        self._calls.begin()
        unseen, self._unseen = self._unseen, []
        for request in (*unseen, *touched):
            self._answer(root, request)

    def _answer(self, root: Roots, request: str) -> None:
        requests = root(REQUESTS)
        value = requests.get(request)
        if not isinstance(value, dict) or "outcome" in value:
            return
        reason = self._act(root, request, value)
        answer = {"outcome": "done"} if reason is None else {"outcome": "refused", "reason": reason}
        requests[request] = {**value, **answer}
        self._answered.append(request)
        while len(self._answered) > _MAX_ANSWERED:
            oldest = self._answered.popleft()
            if oldest in requests:
                del requests[oldest]

    def _act(self, root: Roots, request: str, asked: dict[str, object]) -> str | None:
        """Does what is asked for; gives why not."""
        target, by = asked.get("target"), str(asked.get("by"))
        if not isinstance(target, str):
            return "it has no target"
        match asked.get("kind"):
            case "approve" | "tool_output":
                return self._decide(root, asked, target, by)
            case "stop":
                reason = self._runs.stop(root, target)
            case "resume":
                reason = self._runs.resume(root, target)
            case "regenerate":
                reason = self._runs.regenerate(root, target, request)
            case "switch":
                reason = self._sequencer.switch(target)
            case "withdraw":
                reason = self._withdraw(root, target, by)
            case _:
                reason = "unknown kind of request"
        if reason is None:
            self._calls.begin()
        return reason

    def _decide(self, root: Roots, asked: dict[str, object], call: str, by: str) -> str | None:
        value = asked.get("value")
        if asked["kind"] == "approve":
            return self._calls.approve(root, call, value, by)
        return self._calls.supply(root, call, value, by)

    def _withdraw(self, root: Roots, message: str, by: str) -> str | None:
        if message not in root(MESSAGES):
            return "there is no such message"
        # The whole identity: a user may be called like an agent.
        if self._known.authors.get(message) != ("user", by):
            return "the message is another's"
        if self._sequencer.has_children(message):
            return "the message has been answered"
        self._runs.stop(root, message)
        self._sequencer.withdraw(root, message)
        return None
