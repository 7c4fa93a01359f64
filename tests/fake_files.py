"""Files in memory, for tests of what stands on them."""

from dataclasses import dataclass, field, replace

from registers import NOW
from segue.errors import NotFound, RequestTimeout
from segue.ids import DocumentId
from segue.storage.file_ports import CHUNK_BYTES, FileStore, NewFile, StoredFile, UploadStore


@dataclass
class FakeFiles(UploadStore, FileStore):
    """The ports' promises, in memory, without limits."""

    uploads: dict[str, NewFile] = field(default_factory=dict)
    chunks: dict[str, dict[int, bytes]] = field(default_factory=dict)
    stored: dict[tuple[DocumentId, str], StoredFile] = field(default_factory=dict)
    failing: Exception | None = None

    async def begin(self, new: NewFile) -> None:
        self._fail()
        self.uploads[new.id], self.chunks[new.id] = new, {}

    async def append(self, file: str, number: int, chunk: bytes) -> None:
        self._fail()
        if file not in self.uploads:
            raise RequestTimeout("gone")
        assert 0 < len(chunk) <= CHUNK_BYTES
        self.chunks[file][number] = chunk

    async def finish(self, file: str, session: DocumentId, ref: str, size: int) -> bool:
        self._fail()
        new = self.uploads.pop(file)
        if (session, ref) in self.stored:
            del self.chunks[file]
            return False
        self.stored[session, ref] = StoredFile(
            file, ref, new.media_type, new.name, size, new.by, NOW
        )
        return True

    async def abandon(self, file: str) -> None:
        if self.uploads.pop(file, None):
            del self.chunks[file]

    async def find(self, session: DocumentId, ref: str) -> StoredFile | None:
        self._fail()
        return self.stored.get((session, ref))

    async def list(self, session: DocumentId) -> list[StoredFile]:
        self._fail()
        return [file for (where, _), file in self.stored.items() if where == session]

    async def read(self, file: str, number: int) -> bytes:
        self._fail()
        chunk = self.chunks.get(file, {}).get(number)
        if chunk is None:
            raise NotFound("gone")
        return chunk

    async def delete(self, session: DocumentId, ref: str) -> None:
        file = self.stored.pop((session, ref), None)
        if file is not None:
            del self.chunks[file.id]

    def rename(self, session: DocumentId, ref: str, name: str) -> None:
        """Gives a file a name that no request could."""
        self.stored[session, ref] = replace(self.stored[session, ref], name=name)

    def _fail(self) -> None:
        if self.failing is not None:
            raise self.failing
