"""The files of the page as they are served: types, caches, compression, policy."""

import gzip
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from asgi import Answer, ask
from segue.http.pages import page_routes

pytestmark = pytest.mark.anyio

SCRIPT = "export const answer = 42\n" * 100


@pytest.fixture
def app(tmp_path: Path) -> Starlette:
    folder = tmp_path / "web"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Segue</title>")
    (folder / "side-by-side.html").write_text("<!doctype html><title>Two</title>")
    (folder / "client.js").write_text(SCRIPT)
    (folder / "assets/index-abc.js").write_text(SCRIPT)
    (folder / "icon.png").write_bytes(b"\x89PNG")
    (folder / "notes.txt").write_text("no part of the page")
    (tmp_path / "secret.html").write_text("not of the page at all")
    return Starlette(routes=page_routes(folder))


async def get(app: ASGIApp, path: str, **headers: str) -> Answer:
    async def with_headers(scope: Scope, receive: Receive, send: Send) -> None:
        sent = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
        await app({**scope, "headers": [*scope["headers"], *sent]}, receive, send)

    return await ask(with_headers, path)


@pytest.mark.parametrize(
    ("path", "kind", "cache"),
    [
        ("/", "text/html; charset=utf-8", "no-cache"),
        ("/side-by-side", "text/html; charset=utf-8", "no-cache"),
        ("/client.js", "text/javascript; charset=utf-8", "no-cache"),
        ("/icon.png", "image/png", "no-cache"),
        (
            "/assets/index-abc.js",
            "text/javascript; charset=utf-8",
            "public, max-age=31536000, immutable",
        ),
    ],
)
async def test_each_file_has_its_type_and_is_kept_as_long_as_it_may(
    app: Starlette, path: str, kind: str, cache: str
) -> None:
    answer = await get(app, path)
    assert answer.status == 200
    assert answer.headers["content-type"] == kind
    assert answer.headers["cache-control"] == cache
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_no_page_may_run_or_load_what_is_not_the_servers_own(app: Starlette) -> None:
    policy = (await get(app, "/")).headers["content-security-policy"]
    directives = dict(each.split(" ", 1) for each in policy.split("; "))
    assert directives["default-src"] == "'none'"
    # A picture of the conversation is fetched with the token, and shown from the page's own memory.
    assert directives.pop("img-src") == "'self' blob:"
    assert set(directives.values()) == {"'none'", "'self'"}
    assert directives["frame-ancestors"] == "'self'"


async def test_what_is_known_already_is_not_sent_again(app: Starlette) -> None:
    first = await get(app, "/client.js")
    again = await get(app, "/client.js", if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert (await get(app, "/", if_none_match=first.headers["etag"])).status == 200


async def test_text_is_compressed_for_who_can_read_it(app: Starlette) -> None:
    packed = await get(app, "/client.js", accept_encoding="gzip, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body).decode() == SCRIPT
    assert packed.headers["vary"] == "Accept-Encoding"
    assert (await get(app, "/client.js")).body.decode() == SCRIPT
    assert "content-encoding" not in (await get(app, "/icon.png", accept_encoding="gzip")).headers


async def test_the_library_may_be_imported_by_pages_of_others(app: Starlette) -> None:
    assert (await get(app, "/client.js")).headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in (await get(app, "/")).headers


@pytest.mark.parametrize(
    "path", ["/notes.txt", "/../secret.html", "/assets/../../secret.html", "/index.html", "/.ready"]
)
async def test_nothing_else_is_served(app: Starlette, path: str) -> None:
    assert (await get(app, path)).status == 404


async def test_where_the_page_was_not_built_it_says_how_to_get_it(tmp_path: Path) -> None:
    app = Starlette(routes=page_routes(tmp_path))
    for path in ("/", "/side-by-side", "/client.js"):
        answer = await get(app, path)
        assert (answer.status, answer.json["code"]) == (503, "page_not_built")
        assert "make setup" in answer.json["detail"]
