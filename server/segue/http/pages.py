"""The page, and the client library for pages of others: files of the package, nothing else.

What is served is read once, at the start, so that no request names a file. Files under `assets/` carry a
hash of their content and may be kept for ever; all others are asked for again each time (ETag, RFC 9110).
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue.http.problems import problem

WEB: Final = Path(__file__).parents[1] / "web"
"""Where the build puts the page."""

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
_COMPRESSED: Final = frozenset((".html", ".js", ".css", ".svg", ".webmanifest"))
_PAGES: Final = {"index.html": "/", "side-by-side.html": "/side-by-side"}
_LIBRARY: Final = "client.js"
_NOT_BUILT: Final = (
    "The page is missing from this installation. In a checkout run `make setup`, then start again; "
    "the sync addresses work without it."
)

# Messages hold text of strangers and of models. Should the page ever fail to treat one as text, it still
# runs no script but its own, loads nothing from elsewhere, and sends nothing anywhere else.
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",  # a file that the page itself has fetched, with the token
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "frame-src 'self'",
        "frame-ancestors 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    compressed: bytes | None
    headers: dict[str, str]


def page_routes(folder: Path = WEB) -> list[Route]:
    """Gives a route for each file of the built page; without it, pages that say how to get it."""
    if not (folder / "index.html").is_file():
        return [Route(path, _not_built) for path in (*_PAGES.values(), f"/{_LIBRARY}")]
    names = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return [_route(folder, name) for name in names if name.suffix in _TYPES]


def _route(folder: Path, name: Path) -> Route:
    relative = PurePosixPath(name).as_posix()
    path = _PAGES.get(relative, f"/{relative}")
    return Route(path, partial(_answer, _read(folder / name, relative)))


def _read(path: Path, name: str) -> _File:
    content = path.read_bytes()
    headers = {
        "Content-Type": _TYPES[path.suffix],
        "Cache-Control": _FOR_EVER if name.startswith("assets/") else _ASK_AGAIN,
        "ETag": f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"',
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": _POLICY,
        "Referrer-Policy": "no-referrer",
    }
    if name == _LIBRARY:  # any page may import it; who may connect is for `SEGUE_ORIGINS` to say
        headers["Access-Control-Allow-Origin"] = "*"
    compressed = gzip.compress(content, mtime=0) if path.suffix in _COMPRESSED else None
    return _File(content, compressed, headers)


async def _answer(file: _File, request: Request) -> Response:
    headers = dict(file.headers)
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if file.compressed is None or "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(file.content, headers=headers)
    return Response(file.compressed, headers={**headers, "Content-Encoding": "gzip"})


async def _not_built(_request: Request) -> Response:
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, "page_not_built", _NOT_BUILT)
