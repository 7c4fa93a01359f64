"""Documents in memory, as the port to them promises, for tests of what stands on it."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

import msgspec

from segue.conversation.ports import Documents
from segue.document.edits import (
    AddMessage,
    Edit,
    ImportedMessage,
    ImportTranscript,
    SetSession,
    StopRun,
)
from segue.document.feed import BEGINNING
from segue.document.views import (
    Changes,
    HistoryPage,
    MessagesPage,
    MessageView,
    RecordView,
    RunView,
    SessionView,
    View,
    ViewChanges,
    ViewHistory,
    ViewMessage,
    ViewMessages,
    ViewRecord,
    ViewRun,
    ViewSession,
)
from segue.errors import SegueError
from segue.ids import DocumentId


@dataclass
class FakeDocument:
    title: str = ""
    settings: dict[str, object] = field(default_factory=dict)
    messages: dict[str, MessageView] = field(default_factory=dict)
    runs: dict[str, RunView] = field(default_factory=dict)


class FakeDocuments(Documents):
    """Edits take effect at once; with `stuck` set they never return, and with `failing` they raise."""

    def __init__(self) -> None:
        self.open: dict[DocumentId, FakeDocument] = defaultdict(FakeDocument)
        self.ended: list[tuple[DocumentId, SegueError]] = []
        self.edits: list[Edit] = []
        self.failing: Exception | None = None
        self.stuck = False

    async def edit(self, document: DocumentId, edit: Edit) -> None:
        await self._begin()
        self.edits.append(edit)
        found = self.open[document]
        match edit:
            case SetSession():
                found.title = edit.title if edit.title is not None else found.title
                if edit.settings is not None:
                    found.settings = msgspec.json.decode(edit.settings)
            case AddMessage():
                found.messages.setdefault(edit.id, _stored(found, edit))
            case ImportTranscript():
                found.title = edit.title
                found.settings = msgspec.json.decode(edit.settings or b"{}")
                for each in edit.messages:
                    found.messages[each.id] = _imported(each, len(found.messages) + 1)
            case StopRun(run):
                found.runs[run] = msgspec.structs.replace(found.runs[run], status="cancelled")

    async def view(self, document: DocumentId, view: View) -> bytes:
        await self._begin()
        return msgspec.json.encode(_answer(self.open[document], view))

    def end(self, document: DocumentId, error: SegueError) -> None:
        self.ended.append((document, error))

    async def _begin(self) -> None:
        await asyncio.sleep(0)
        if self.failing is not None:
            raise self.failing
        if self.stuck:
            await asyncio.Event().wait()


def _answer(found: FakeDocument, view: View) -> object:
    messages = list(found.messages.values())
    shown: object = None
    match view:
        case ViewSession():
            head = messages[-1].id if messages else None
            shown = SessionView(found.title, head, len(messages), found.settings)
        case ViewMessage(id):
            shown = found.messages.get(id)
        case ViewRun(id):
            shown = found.runs.get(id)
        case ViewMessages(limit, before):
            older = [each for each in messages if before is None or (each.seq or 0) < before]
            shown = MessagesPage(older[-limit:], len(older) > limit)
        case ViewHistory(after):
            shown = HistoryPage(messages[after:], list(found.messages), has_more=False)
        case ViewRecord():
            shown = RecordView({}, {})
        case ViewChanges():
            shown = Changes([], BEGINNING, has_more=False)
    return shown


def _imported(edit: ImportedMessage, seq: int) -> MessageView:
    return MessageView(
        id=edit.id,
        role=edit.role,
        author=edit.author,
        created_at=edit.created_at,
        seq=seq,
        parent=edit.parent,
        status=edit.status,
        parts=[msgspec.json.decode(part) for part in edit.parts],
        metadata=None if edit.metadata is None else msgspec.json.decode(edit.metadata),
    )


def _stored(document: FakeDocument, edit: AddMessage) -> MessageView:
    parts = [msgspec.json.decode(part.value) for part in edit.parts]
    return MessageView(
        id=edit.id,
        role=edit.role,
        author=edit.author,
        created_at=edit.created_at,
        seq=len(document.messages) + 1,
        parent=next(reversed(document.messages), None),
        status="complete",
        # As the real one: a text gets a field of its own.
        parts=[{"state": "done", **part} if part["type"] == "text" else part for part in parts],
        supersedes=edit.supersedes,
        metadata=None if edit.metadata is None else msgspec.json.decode(edit.metadata),
    )
