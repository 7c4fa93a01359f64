"""Segue's own format: a line of JSON for the session, each message by `seq`, each entry and artifact; then `end`.

It keeps all there is. Whoever reads it can tell from the last line whether it is whole. A file may also
be written by hand: lines of messages are enough then.
"""

from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType
from typing_extensions import override

from segue.document.edits import MAX_TITLE
from segue.document.kept import MAX_INTEGER
from segue.document.views import MessageView, RecordView
from segue.errors import InvalidTranscript
from segue.transcripts.checks import check_flat, counted, decoded, kept
from segue.transcripts.model import Draft, Head, JsonObject, Transcript, Writer

VERSION: Final = 1

_NOT_IN_FILES: Final = ("attempt", "number")
"""Of a run: they say how a server works on it now."""

_Name = Annotated[str, Meta(min_length=1, max_length=128)]


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    pass


class _SessionLine(_Line, frozen=True, tag="session"):
    version: int
    id: str = ""
    title: Annotated[str, Meta(max_length=MAX_TITLE)] = ""
    settings: JsonObject = {}
    head: str | None = None
    last_seq: int = 0
    created_at: int = 0
    last_active_at: int = 0


class _MessageLine(_Line, frozen=True, tag="message", kw_only=True):
    role: _Name
    parts: list[JsonObject] | UnsetType = UNSET
    text: str | UnsetType = UNSET
    id: str | None = None
    author: JsonObject | None = None
    created_at: Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)] | None = None
    seq: int | UnsetType | None = UNSET
    parent: str | UnsetType | None = UNSET
    status: str = "complete"
    supersedes: str | None = None
    run: str | None = None
    metadata: object = None
    versions: list[str] = []


class _ContextLine(_Line, frozen=True, tag="context"):
    key: str
    entry: JsonObject


class _RunLine(_Line, frozen=True, tag="run"):
    id: str
    run: JsonObject


class _ArtifactLine(_Line, frozen=True, tag="artifact"):
    name: str
    text: str
    about: JsonObject = {}


class _EndLine(_Line, frozen=True, tag="end"):
    messages: int


_decoder: Final = msgspec.json.Decoder(
    _SessionLine | _MessageLine | _ContextLine | _RunLine | _ArtifactLine | _EndLine
)


class JsonlWriter(Writer):
    """See the module's text."""

    def __init__(self) -> None:
        self._count = 0

    @override
    def begin(self, head: Head) -> bytes:
        return _line({"type": "session", "version": VERSION, **msgspec.structs.asdict(head)})

    @override
    def message(self, message: MessageView, *, is_active: bool) -> bytes:
        self._count += 1
        return _line({"type": "message", **msgspec.to_builtins(message)})

    @override
    def end(self, record: RecordView) -> bytes:
        entries = [
            _line({"type": "context", "key": key, "entry": entry})
            for key, entry in record.context.items()
        ]
        runs = [
            _line({"type": "run", "id": run, "run": _outcome(value)})
            for run, value in record.runs.items()
        ]
        artifacts = [
            _line({"type": "artifact", "name": name, **_parted(value)})
            for name, value in record.artifacts.items()
        ]
        return b"".join(
            (*entries, *runs, *artifacts, _line({"type": "end", "messages": self._count}))
        )


def read_jsonl(data: bytes) -> Transcript:
    """Gives what a file says.

    Raises:
        InvalidTranscript: a line is wrong (it is named), or the end is missing.
    """
    check_flat(data)
    reader = _Reader()
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            reader.take(f"Line {number}", line)
    return reader.whole()


class _Reader:
    def __init__(self) -> None:
        self._found = Transcript()
        self._is_export = False
        self._has_end = False

    def take(self, where: str, line: bytes) -> None:
        if self._has_end:
            raise InvalidTranscript(f"{where} comes after the end. Send one export at a time.")
        read = decoded(where, _reading(line))
        match read:
            case _SessionLine():
                self._begin(where, read)
            case _MessageLine():
                counted(len(self._found.messages) + 1)
                self._found.messages.append(_draft(where, read))
            case _ContextLine(key, entry):
                self._found.context[key] = kept(where, entry)
            case _RunLine(run, value):
                self._found.runs[run] = kept(where, value)
            case _ArtifactLine(name, text, about):
                self._found.artifacts[name] = (kept(where, about), text)
            case _EndLine(count):
                self._end(where, count)

    def whole(self) -> Transcript:
        if self._is_export and not self._has_end:
            raise InvalidTranscript(
                "The file is cut off: its last line, of type `end`, is missing. Export it again."
            )
        if not (self._is_export or self._found.messages):
            raise InvalidTranscript("The file has no messages. Send at least one.")
        return self._found

    def _begin(self, where: str, line: _SessionLine) -> None:
        if self._is_export or self._found.messages:
            raise InvalidTranscript(f"{where}: the session stands in the first line, once.")
        if line.version != VERSION:
            raise InvalidTranscript(
                f"{where} is of version {line.version}, and {VERSION} is read here. "
                "Import it where it was exported, or update this server."
            )
        self._is_export = True
        self._found.title, self._found.head = line.title, line.head
        self._found.settings = kept(where, line.settings) or None

    def _end(self, where: str, count: int) -> None:
        if count != len(self._found.messages):
            raise InvalidTranscript(
                f"{where} says that there are {count} messages, and {len(self._found.messages)} are. "
                "Export it again."
            )
        self._has_end = True


def _draft(where: str, line: _MessageLine) -> Draft:
    if (line.text is UNSET) == (line.parts is UNSET):
        raise InvalidTranscript(f"{where} has to have either `parts` or `text`.")
    parts: list[JsonObject] = []
    if not isinstance(line.text, UnsetType):
        parts = [{"type": "text", "text": line.text, "state": "done"}]
    elif not isinstance(line.parts, UnsetType):
        parts = line.parts
    return Draft(
        where=where,
        role=line.role,
        parts=[kept(where, part) for part in parts],
        id=line.id,
        author=kept(where, line.author),
        created_at=line.created_at,
        status=line.status,
        metadata=kept(where, line.metadata),
        # What waited in line had no place yet, so no parent.
        parent=UNSET if line.seq is None else line.parent,
        supersedes=line.supersedes,
        run=line.run,
    )


def _reading(
    line: bytes,
) -> Callable[[], _SessionLine | _MessageLine | _ContextLine | _RunLine | _ArtifactLine | _EndLine]:
    return lambda: _decoder.decode(line)


def _parted(artifact: JsonObject) -> JsonObject:
    about = {key: value for key, value in artifact.items() if key != "text"}
    return {"text": artifact.get("text", ""), "about": about}


def _outcome(run: JsonObject) -> JsonObject:
    return {key: value for key, value in run.items() if key not in _NOT_IN_FILES}


def _line(value: JsonObject) -> bytes:
    return msgspec.json.encode(value) + b"\n"
