"""Files of a session, and a session as a file: over HTTP, so they need the server at that moment."""

import asyncio
import http.client
import io
import mimetypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from segue import errors
from segue.client.address import Address
from segue.errors import SegueError, Unreachable

_TIMEOUT_S: Final = 60.0
_ANY_TYPE: Final = "application/octet-stream"
_KINDS: Final = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, SegueError)
}


@dataclass(frozen=True, slots=True)
class File:
    """A file of a session, as a message names it. `ref` is the SHA-256 of its bytes."""

    ref: str
    name: str
    media_type: str
    size: int


class _Problem(msgspec.Struct):
    code: str = ""
    detail: str = ""


class FileTransfer:
    """Adds and reads the files of one session, and gives it as one."""

    def __init__(self, address: Address, session: str) -> None:
        self._address = address
        self._session = f"/v1/sessions/{quote(session, safe='')}"
        self._path = f"{self._session}/files"

    async def add(
        self, content: bytes | str | Path, name: str | None, media_type: str | None
    ) -> File:
        """Adds bytes, or the file at a path; the same content again changes nothing.

        Raises:
            OSError: there is no file at the path.
            Unreachable: the server doesn't answer.
            SegueError: it can't be added; the text says why.
        """
        called = name or ("file" if isinstance(content, bytes) else Path(content).name)
        kind = media_type or mimetypes.guess_type(called)[0] or _ANY_TYPE
        path = f"{self._path}?{urlencode({'name': called})}"
        token = await self._address.fresh_token()
        answer = await asyncio.to_thread(self._send, path, token, content, kind)
        return msgspec.json.decode(answer, type=File)

    async def read(self, ref: str) -> bytes:
        """Gives a file's bytes.

        Raises:
            NotFound: the session has no such file.
            Unreachable: the server doesn't answer.
            SegueError: it can't be read; the text says why.
        """
        token = await self._address.fresh_token()
        path = f"{self._path}/{quote(ref, safe='')}"
        return await asyncio.to_thread(self._ask, "GET", path, token, {})

    async def export(self, format: str) -> bytes:
        """Gives the session as a file: see `Session.export`.

        Raises:
            Unreachable: the server doesn't answer, or not to the end.
            SegueError: it can't be read; the text says why.
        """
        token = await self._address.fresh_token()
        path = f"{self._session}/export?{urlencode({'format': format})}"
        return await asyncio.to_thread(self._ask, "GET", path, token, {})

    def _send(self, path: str, token: str, content: bytes | str | Path, kind: str) -> bytes:
        with _opened(content) as (body, size):
            headers = {"Content-Type": kind, "Content-Length": str(size)}
            return self._ask("POST", path, token, headers, body)

    def _ask(
        self,
        method: str,
        path: str,
        token: str,
        headers: Mapping[str, str],
        body: IO[bytes] | None = None,
    ) -> bytes:
        parts = urlsplit(self._address.http)
        is_safe = parts.scheme == "https"
        kind = http.client.HTTPSConnection if is_safe else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=_TIMEOUT_S)
        sent = {"Authorization": f"Bearer {token}", **headers}
        try:
            connection.request(method, parts.path + path, body, sent)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(
                f"The server can't be reached for a file: {str(error) or type(error).__name__}. "
                "Try again when it is back."
            ) from error
        finally:
            connection.close()
        if answer.status >= http.client.MULTIPLE_CHOICES:
            raise _error(answer.status, content)
        return content


@contextmanager
def _opened(content: bytes | str | Path) -> Iterator[tuple[IO[bytes], int]]:
    if isinstance(content, bytes):
        yield io.BytesIO(content), len(content)
        return
    path = Path(content)
    with path.open("rb") as file:
        yield file, path.stat().st_size


def _error(status: int, content: bytes) -> SegueError:
    try:
        problem = msgspec.json.decode(content, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem()
    kind = _KINDS.get(problem.code, SegueError)
    return kind(problem.detail or f"The server answered {status}.")
