"""The runs of one session: who answers which message, and how far that is.

    queued --start--> active --end--> done | error | interrupted
       '----stop--------'----stop---> cancelled
    error, interrupted, cancelled --resume--> queued

Invariants:
1. A message gets its run in the update that gives it its place, so no crash comes between the two.
2. Only what is active is written to: what a runner sends after a stop is refused.
3. Each step can be repeated: it finds itself done and changes nothing.
"""

from typing import Final

from pycrdt import Map, Text

from segue.document.crdt import Roots
from segue.document.edits import ContinueRun, EndRun, StartRun
from segue.document.schema import (
    CONTEXT,
    MESSAGES,
    NAMED,
    RESPONDER,
    RUNS,
    SESSION,
    SETTINGS,
    TITLE,
)
from segue.document.values import stored_value
from segue.document.verdict import Run

_KEPT: Final = frozenset(("agent", "reply_to", "message"))
"""What of a run stays when it is queued again."""

OPEN: Final = frozenset(("queued", "active"))

JsonObject = dict[str, object]


class Runs:
    """Changes runs inside the caller's transaction, and remembers which changed, for `take_news`."""

    def __init__(self, agents: tuple[str, ...]) -> None:
        """`agents` are those that this server has; the first answers where a session says nothing."""
        self._agents = agents
        self._open: dict[str, None] = {}
        self._news: dict[str, Run] = {}

    @property
    def open_count(self) -> int:
        """How many runs are queued or active."""
        return len(self._open)

    def load(self, root: Roots) -> None:
        """Learns which runs are open; they are news."""
        for run in root(RUNS).keys():
            if (value := run_at(root, run)) and value.get("status") in OPEN:
                self._note(run, value)

    def take_news(self) -> tuple[Run, ...]:
        """Gives the runs that others than their runner changed since the last time."""
        news, self._news = self._news, {}
        return tuple(news.values())

    # -- from the conversation ---------------------------------------------------------------------

    def ask(self, root: Roots, message: str) -> None:
        """Has a new message answered, if it is a person's and the session's responder is an agent."""
        value = root(MESSAGES)[message]
        assert isinstance(value, Map)
        agent = self._responder(root)
        if agent is None or value.get("role") != "user" or not _is_persons(value):
            return
        self._put(root, message, {"agent": agent, "status": "queued", "reply_to": message})

    def stop(self, root: Roots, target: str) -> str | None:
        """Cancels a run, named by its id or one of its messages; gives why not."""
        run = self._find(root, target)
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
        kept = {key: item for key, item in value.items() if key in _KEPT}
        self._put(root, run, {**kept, "status": "queued"})
        return None

    # -- from the runner ---------------------------------------------------------------------------

    def start(self, root: Roots, edit: StartRun) -> str | None:
        """Makes a queued run active; gives the id of its answer if that is new."""
        value = run_at(root, edit.run) or {}
        known = value.get("message")
        answer = known if isinstance(known, str) and known in root(MESSAGES) else edit.message
        is_new = answer not in root(MESSAGES)
        if is_new:
            root(MESSAGES)[answer] = _new_answer(edit, str(value.get("agent")))
        else:
            _show(root, answer, "streaming", "streaming")
        started = {"status": "active", "message": answer, "started_at": float(edit.now_ms)}
        self._put(root, edit.run, {**value, **started}, is_news=False)
        return answer if is_new else None

    def go_on(self, root: Roots, edit: ContinueRun) -> None:
        """Appends to the answer, and keeps what the agent remembers."""
        text = answer_text(root, edit.run)
        if edit.text and text is not None:
            text += edit.text
        context = root(CONTEXT)
        for key in edit.forgotten:
            if key in context:
                del context[key]
        for key, entry in edit.remembered.items():
            context[key] = stored_value(entry)
        session = root(SESSION)
        if edit.title and session.get(TITLE) in (None, "", session.get(NAMED)):
            session[TITLE] = session[NAMED] = edit.title

    def end(self, root: Roots, edit: EndRun) -> None:
        """Ends an open run with what its runner says."""
        more: JsonObject = {"ended_at": float(edit.now_ms)}
        if edit.error:
            more["error"] = edit.error
        self._close(root, edit.run, edit.status, more, is_news=False)

    def is_active(self, root: Roots, run: str) -> bool:
        """Tells whether a run has been started and not ended."""
        value = run_at(root, run)
        return value is not None and value.get("status") == "active"

    def is_open(self, run: str) -> bool:
        """Tells whether a run is queued or active."""
        return run in self._open

    # ----------------------------------------------------------------------------------------------

    def _responder(self, root: Roots) -> str | None:
        settings = root(SESSION).get(SETTINGS)
        wanted: object = None
        if isinstance(settings, dict | Map):
            wanted = settings.get(RESPONDER)
        if wanted is None:
            return self._agents[0] if self._agents else None
        return wanted if isinstance(wanted, str) and wanted in self._agents else None

    def _find(self, root: Roots, target: str) -> str | None:
        runs = root(RUNS)
        if target in runs:
            return target
        for run in runs.keys():
            value = run_at(root, run)
            if value and target == value.get("message"):
                return run
        return None

    def _close(
        self, root: Roots, run: str, status: str, more: JsonObject, *, is_news: bool = True
    ) -> None:
        value = run_at(root, run) or {}
        answer = value.get("message")
        if isinstance(answer, str):
            _show(root, answer, "complete" if status == "done" else status, "done")
        self._put(root, run, {**value, **more, "status": status}, is_news=is_news)

    def _put(self, root: Roots, run: str, value: JsonObject, *, is_news: bool = True) -> None:
        root(RUNS)[run] = value
        if is_news:
            self._note(run, value)
        elif value["status"] not in OPEN:
            self._open.pop(run, None)

    def _note(self, run: str, value: JsonObject) -> None:
        status = str(value["status"])
        self._news[run] = Run(run, str(value.get("agent")), status)
        if status in OPEN:
            self._open[run] = None
        else:
            self._open.pop(run, None)


def answer_text(root: Roots, run: str) -> Text | None:
    """Gives the text of an active run's answer; None if it is gone."""
    value = run_at(root, run)
    if not value or value.get("status") != "active":
        return None
    found: object = root(MESSAGES)
    for key in (value.get("message"), "parts", "0", "text"):
        found = found.get(key) if isinstance(found, Map) and isinstance(key, str) else None
    return found if isinstance(found, Text) else None


def run_at(root: Roots, run: str) -> JsonObject | None:
    """Gives a run as it stands in the document."""
    value = root(RUNS).get(run)
    return value if isinstance(value, dict) else None


def _is_persons(message: "Map[object]") -> bool:
    author = message.get("author")
    return isinstance(author, dict | Map) and author.get("kind") == "user"


def _new_answer(edit: StartRun, agent: str) -> "Map[object]":
    part = Map({"type": "text", "text": Text(""), "state": "streaming"})
    return Map(
        {
            "role": "assistant",
            "author": {"kind": "agent", "id": agent, "name": agent},
            "created_at": float(edit.now_ms),
            "status": "streaming",
            "run": edit.run,
            "parts": Map({"0": part}),
        }
    )


def _show(root: Roots, answer: str, status: str, state: str) -> None:
    """Sets the status of an answer and the state of its text, where it still is."""
    message = root(MESSAGES).get(answer)
    if not isinstance(message, Map):
        return
    message["status"] = status
    parts = message.get("parts")
    part = parts.get("0") if isinstance(parts, Map) else None
    if isinstance(part, Map):
        part["state"] = state
