"""The runs of one session: who answers which message, and how far that is.

    queued --start--> active --end--> done | error | interrupted
       ^                 '--suspend--> suspended: people have to decide
       '---------------------------------'   (an active one that is interrupted, too, if the session wants it)
    queued, active, suspended --stop--> cancelled
    error, interrupted, cancelled --resume--> queued

Invariants:
1. A message gets its run in the update that brings it, so no crash comes between the two.
2. One run of a session at a time is active or suspended; the others stand in line, by `number`. A message
   that waits in line gets its place in the conversation when its run starts, or won't start any more.
3. Only what is active is written to, by the attempt that made it so: what a runner sends after a stop,
   or after another one took the run up, is refused.
4. Each step can be repeated: it finds itself done and changes nothing.
5. A run that has ended for good leaves no tool call open.
"""

from collections.abc import Mapping
from typing import Final

from pycrdt import Map

from segue.document import answers, tools
from segue.document.answers import JsonObject
from segue.document.crdt import Roots
from segue.document.edits import EndRun, StartRun
from segue.document.names import Names
from segue.document.schema import (
    MESSAGES,
    RESPONDER,
    RUNS,
    SESSION,
    SETTINGS,
    SUPERSEDES,
    WHEN_INTERRUPTED,
    WHILE_RUNNING,
)
from segue.document.verdict import Run

OPEN: Final = frozenset(("queued", "active", "suspended"))
MAX_OPEN: Final = 100
"""Runs of a session that may be open at once; what comes then is kept and not answered."""

MAX_INTERRUPTIONS: Final = 3
"""After so many a run does not go on by itself: it may be what crashes the server."""

_KEPT: Final = frozenset(("agent", "reply_to", "message", "number", "supersedes"))
"""What of a run stays when it is queued again."""

_STOPPED: Final = "The run was stopped."
_BUSY: Final = (
    "Another answer was being written, and the message asked not to wait (while_running)."
)
_FULL: Final = f"{MAX_OPEN} messages wait for an answer already."


class Runs:
    """Changes runs inside the caller's transaction, and remembers which changed, for `take_news`."""

    def __init__(self, agents: tuple[str, ...]) -> None:
        """`agents` are those that this server has; the first answers where a session says nothing."""
        self._agents = agents
        self._open: dict[str, tuple[float, Run]] = {}
        self._names = Names()
        self._settings: JsonObject | None = None
        self._last_number = 0.0
        self._news: dict[str, Run] = {}
        self._announced: str | None = None
        self._released: list[str] = []

    @property
    def open_count(self) -> int:
        """How many runs wait for the server: none, while people have to decide."""
        first = self._first()
        return 0 if first is None or first.status == "suspended" else len(self._open)

    @property
    def open(self) -> list[str]:
        """The open runs, in the order of the line."""
        return sorted(self._open, key=lambda run: self._open[run][0])

    def load(self, root: Roots) -> None:
        """Learns which runs are open."""
        for run in root(RUNS).keys():
            if value := run_at(root, run):
                self._last_number = max(self._last_number, _number(value))
                if value.get("status") in OPEN:
                    self._note(run, value)

    def take_news(self) -> tuple[Run, ...]:
        """Gives the runs that others than their runner changed since the last time.

        Of those that are queued only the one whose turn it is, once.
        """
        news, self._news = self._news, {}
        told = {run.id: run for run in news.values() if run.status not in ("queued", "suspended")}
        first = self._first()
        if first is None or first.status != "queued":
            self._announced = None
        elif self._announced != first.id:
            told[first.id] = first
            self._announced = first.id
        return tuple(told.values())

    def take_released(self) -> list[str]:
        """Gives the messages that don't wait in line any more, in their order."""
        released, self._released = self._released, []
        return released

    # -- from the conversation ---------------------------------------------------------------------

    def begin(self) -> None:
        """Has the settings read anew: once for an update, however many messages it brings."""
        self._settings = None

    def ask(self, root: Roots, message: str) -> bool:
        """Has a new message answered, if it is a person's and the session's responder is an agent.

        Tells whether it waits in line; all others have their place in the conversation now.
        """
        known = run_at(root, message)
        if known is not None:
            return known.get("status") == "queued" and known.get("reply_to") == message
        value = root(MESSAGES)[message]
        assert isinstance(value, Map)
        if value.get("role") != "user" or not _is_persons(value):
            return False
        agent = self._responder(root)
        if agent is None:
            return False
        new: JsonObject = {"agent": agent, "reply_to": message}
        if refusal := self._make_way(root, value.get("metadata")):
            self._put(root, message, {**new, "status": "cancelled", "error": refusal})
            return False
        waits = bool(self._open)
        self._enqueue(root, message, new)
        return waits

    def forget(self, root: Roots, message: str) -> None:
        """Cancels the run of a message that is gone, unless it has begun."""
        if (found := self._open.get(message)) and found[1].status == "queued":
            self._close(root, message, "cancelled", {})

    def stop(self, root: Roots, target: str) -> str | None:
        """Cancels a run, named by its id or one of its messages, or all of a `session`; gives why not."""
        run = self._find(root, target)
        if run is None and target == "session":
            for each in self.open:
                self._close(root, each, "cancelled", {})
            return None
        if run is None:
            return "there is no such run"
        if run not in self._open:
            return "the run has ended"
        self._close(root, run, "cancelled", {})
        return None

    def resume(self, root: Roots, target: str) -> str | None:
        """Queues a run again that ended before its time; gives why not."""
        run = self._find(root, target)
        value = run and run_at(root, run)
        if not run or not value:
            return "there is no such run"
        if value.get("status") not in ("interrupted", "error", "cancelled"):
            return "the run has not been cut off"
        if value.get("agent") not in self._agents:
            return "its agent is not here any more"
        if len(self._open) >= MAX_OPEN:
            return _FULL
        self._queue_again(root, run, value)
        return None

    def regenerate(self, root: Roots, target: str, new: str) -> str | None:
        """Queues a run, named `new`, for another version of an answer; gives why not."""
        run = self._find(root, target)
        value = run and run_at(root, run)
        agent = self._responder(root)
        if not run or not value or _text(value, "reply_to") not in root(MESSAGES):
            return "there is no such answer"
        if run in self._open:
            return "the answer is not complete: stop it first"
        if agent is None:
            return "no agent answers here"
        if new in root(RUNS) or new in root(MESSAGES):
            return "the id of the request is in use; choose another"
        if refusal := self._make_way(root, None):
            return refusal
        fields: JsonObject = {"agent": agent, "reply_to": value["reply_to"]}
        if _text(value, "message") in root(MESSAGES):
            fields[SUPERSEDES] = value["message"]
        self._enqueue(root, new, fields)
        return None

    def settle(self, root: Roots, run: str) -> None:
        """Takes a suspended run up again, once nothing of it waits for people."""
        value = run_at(root, run)
        if value and value.get("status") == "suspended":
            self._wait_or_go_on(root, run, value)

    # -- from the runner ---------------------------------------------------------------------------

    def start(self, root: Roots, edit: StartRun) -> str | None:
        """Makes a queued run active; gives the id of its answer if that is new."""
        value = run_at(root, edit.run) or {}
        known, superseded = value.get("message"), value.get(SUPERSEDES)
        answer = known if isinstance(known, str) and known in root(MESSAGES) else edit.message
        is_new = answer not in root(MESSAGES)
        if is_new:
            root(MESSAGES)[answer] = answers.new_answer(
                edit.run,
                str(value.get("agent")),
                edit.now_ms,
                superseded if isinstance(superseded, str) else None,
            )
        else:
            answers.show(root, answer, "streaming")
            answers.change_calls(root, answer, tools.taken_up)
        started = {"message": answer, "attempt": edit.message, "started_at": float(edit.now_ms)}
        self._put(root, edit.run, {**value, **started, "status": "active"}, is_news=False)
        return answer if is_new else None

    def end(self, root: Roots, edit: EndRun) -> None:
        """Ends an active run with what its runner says."""
        if edit.status == "suspended":
            self._wait_or_go_on(root, edit.run, run_at(root, edit.run) or {})
            return
        if edit.status == "interrupted" and self._goes_on_by_itself(root, edit.run):
            return
        more: JsonObject = {"ended_at": float(edit.now_ms)}
        if edit.error:
            more["error"] = edit.error
        self._close(root, edit.run, edit.status, more, is_news=False)

    def why_not_startable(self, run: str) -> str | None:
        """Tells what keeps a run from starting now."""
        found = self._open.get(run)
        if found is None or found[1].status != "queued":
            return "the run is not waiting to be started"
        first = self._first()
        return None if first is None or first.id == run else "it is another run's turn"

    # ----------------------------------------------------------------------------------------------

    def _first(self) -> Run | None:
        """Gives the run that is on: the one that has begun, else the first in line."""
        ranks = ((run.status == "queued", number, run) for number, run in self._open.values())
        return min(ranks, key=lambda rank: rank[:2], default=(False, 0.0, None))[2]

    def _make_way(self, root: Roots, metadata: object) -> str | None:
        """Does with what is open as a message or its session wants; gives why nothing can be queued."""
        if not self._open:
            return None
        wish = _field(metadata, WHILE_RUNNING) or self._setting(root, WHILE_RUNNING)
        if wish == "reject":
            return _BUSY
        if wish == "interrupt":
            for run in self.open:
                self._close(root, run, "cancelled", {})
        return _FULL if len(self._open) >= MAX_OPEN else None

    def _enqueue(self, root: Roots, run: str, value: JsonObject) -> None:
        self._last_number += 1
        self._put(root, run, {**value, "status": "queued", "number": self._last_number})

    def _queue_again(self, root: Roots, run: str, value: JsonObject) -> None:
        kept = {key: item for key, item in value.items() if key in _KEPT}
        self._put(root, run, {**kept, "status": "queued"})

    def _goes_on_by_itself(self, root: Roots, run: str) -> bool:
        """Queues an interrupted run again, if its session wants that and it isn't what crashes the server."""
        value = run_at(root, run) or {}
        count = value.get("interruptions", 0.0)
        wish = _field(root(SESSION).get(SETTINGS), WHEN_INTERRUPTED)
        if wish != "resume" or not isinstance(count, float) or count >= MAX_INTERRUPTIONS:
            return False
        answers.end_texts(root, value.get("message"))
        answers.show(root, value.get("message"), "interrupted")
        kept = {key: item for key, item in value.items() if key in _KEPT}
        self._put(root, run, {**kept, "status": "queued", "interruptions": count + 1})
        return True

    def _wait_or_go_on(self, root: Roots, run: str, value: JsonObject) -> None:
        answer = value.get("message")
        calls = [call for _, call in answers.calls_of(answers.parts_of(root, answer))]
        waiting = [call["tool_call_id"] for call in calls if tools.is_waiting(call)]
        answers.end_texts(root, answer)
        if not waiting:
            self._queue_again(root, run, value)
            return
        answers.show(root, answer, "suspended")
        suspended = {**value, "status": "suspended", "waiting_for": waiting}
        self._put(root, run, suspended, is_news=False)

    def _responder(self, root: Roots) -> str | None:
        wanted = self._setting(root, RESPONDER)
        if wanted is None:
            return self._agents[0] if self._agents else None
        return wanted if isinstance(wanted, str) and wanted in self._agents else None

    def _setting(self, root: Roots, name: str) -> object:
        if self._settings is None:
            self._settings = _settings_in(root)
        return self._settings[name]

    def _find(self, root: Roots, target: str) -> str | None:
        """Gives the run with this id or message; of several of one message the open one."""
        if found := self._names.get(target):
            return min(found, key=lambda run: self._open[run][0])
        if target in root(RUNS):
            return target
        message = root(MESSAGES).get(target)
        named = message.get("run") if isinstance(message, Map) else None
        value = (run_at(root, named) or {}) if isinstance(named, str) else {}
        return named if isinstance(named, str) and value.get("message") == target else None

    def _close(
        self, root: Roots, run: str, status: str, more: JsonObject, *, is_news: bool = True
    ) -> None:
        value = {**(run_at(root, run) or {}), **more, "status": status}
        value.pop("waiting_for", None)
        answer = value.get("message")
        answers.show(root, answer, "complete" if status == "done" else status)
        answers.end_texts(root, answer)
        if status != "interrupted":  # that one is taken up again, with what it waits for
            answers.change_calls(root, answer, _closed)
        self._put(root, run, value, is_news=is_news)

    def _put(self, root: Roots, run: str, value: JsonObject, *, is_news: bool = True) -> None:
        was = self._open.get(run)
        root(RUNS)[run] = value
        self._note(run, value)
        if not is_news:
            self._news.pop(run, None)
        if was is not None and was[1].status == "queued" and run not in self._open:
            self._released.append(str(value.get("reply_to")))

    def _note(self, run: str, value: JsonObject) -> None:
        status, attempt = str(value["status"]), str(value.get("attempt", ""))
        noted = self._news[run] = Run(run, str(value.get("agent")), status, attempt)
        if self._announced == run:
            self._announced = None
        if status in OPEN:
            self._open[run] = _number(value), noted
            self._names.put(run, (run, _text(value, "message"), _text(value, "reply_to")))
        else:
            self._open.pop(run, None)
            self._names.put(run, ())


def run_at(root: Roots, run: str) -> JsonObject | None:
    """Gives a run as it stands in the document."""
    value = root(RUNS).get(run)
    return value if isinstance(value, dict) else None


def is_attempt(root: Roots, run: str, attempt: str) -> bool:
    """Tells whether a run is active, by this attempt."""
    value = run_at(root, run)
    return bool(value and value.get("status") == "active" and value.get("attempt") == attempt)


def _settings_in(root: Roots) -> JsonObject:
    settings = root(SESSION).get(SETTINGS)
    return {name: _field(settings, name) for name in (RESPONDER, WHILE_RUNNING)}


def _closed(call: JsonObject) -> JsonObject:
    return tools.closed(call, _STOPPED)


def _number(value: Mapping[str, object]) -> float:
    number = value.get("number")
    return number if isinstance(number, float) else 0.0


def _field(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict | Map) else None


def _text(value: Mapping[str, object], key: str) -> str:
    text = value.get(key)
    return text if isinstance(text, str) else ""


def _is_persons(message: "Map[object]") -> bool:
    return _field(message.get("author"), "kind") == "user"
