"""Puts what runners do into a document. Everything is checked before anything is written."""

from collections.abc import Callable

from segue.document import answers
from segue.document.content import Refusal
from segue.document.conversation import Conversation
from segue.document.crdt import Roots
from segue.document.edits import ContinueRun, EndRun, StartRun, StopRun
from segue.document.gate import Touched
from segue.document.runs import is_attempt, run_at
from segue.document.schema import CONTEXT, NAMED, SESSION, TITLE
from segue.document.values import stored_value

Change = Callable[[Roots], Touched]
"""Writes, in the caller's transaction; gives what it touched."""

RunEdit = StartRun | ContinueRun | EndRun | StopRun


def prepare_run(root: Roots, conversation: Conversation, edit: RunEdit) -> Change | None:
    """Gives how an edit is made in a document as it is now; None if there is nothing to change.

    Raises:
        Refusal: it can't be made.
    """
    match edit:
        case StartRun():
            return _start(root, conversation, edit)
        case ContinueRun():
            return _go_on(root, edit)
        case EndRun():
            return _end(root, conversation, edit)
        case StopRun():
            return _stop(root, conversation, edit)


def _start(root: Roots, conversation: Conversation, edit: StartRun) -> Change | None:
    if is_attempt(root, edit.run, edit.message):
        return None
    if reason := conversation.runs.why_not_startable(edit.run):
        raise Refusal(reason)

    def change(root: Roots) -> Touched:
        conversation.start_run(root, edit)
        return Touched(session=True)

    return change


def _go_on(root: Roots, edit: ContinueRun) -> Change | None:
    if not is_attempt(root, edit.run, edit.attempt):
        raise Refusal("the run has ended, or another attempt goes on with it")
    value = run_at(root, edit.run) or {}
    parts = answers.parts_of(root, value.get("message"))
    if parts is None:
        raise Refusal("the answer is gone")
    writes = answers.plan(parts, edit.steps, edit.attempt)
    remembered = {key: stored_value(entry) for key, entry in edit.remembered.items()}
    metadata = {key: stored_value(entry) for key, entry in edit.metadata.items()}

    def change(root: Roots) -> Touched:
        for write in writes:
            write()
        _remember(root, remembered, edit.forgotten)
        answers.add_metadata(root, value.get("message"), metadata)
        session = root(SESSION)
        if edit.title and session.get(TITLE) in (None, "", session.get(NAMED)):
            session[TITLE] = session[NAMED] = edit.title
        return Touched(session=bool(edit.title))

    return change


def _remember(root: Roots, remembered: dict[str, object], forgotten: tuple[str, ...]) -> None:
    context = root(CONTEXT)
    for key in forgotten:
        if key in context:
            del context[key]
    for key, entry in remembered.items():
        if context.get(key) != entry:
            context[key] = entry


def _end(root: Roots, conversation: Conversation, edit: EndRun) -> Change | None:
    if not is_attempt(root, edit.run, edit.attempt):
        return None

    def change(root: Roots) -> Touched:
        conversation.runs.end(root, edit)
        return Touched(session=True)

    return change


def _stop(root: Roots, conversation: Conversation, edit: StopRun) -> Change | None:
    if run_at(root, edit.run) is None:
        raise Refusal("there is no such run")
    if edit.run not in conversation.runs.open:
        return None

    def change(root: Roots) -> Touched:
        conversation.runs.stop(root, edit.run)
        return Touched(session=True)

    return change
