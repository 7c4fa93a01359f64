"""Files over HTTP: taken and given piece by piece, in ranges, and never so that one of them could run."""

import hashlib
from functools import partial

import anyio
import pytest
from api_scene import MAX_FILE, Scene
from starlette.types import Message

from asgi import Answer
from segue.auth.grants import Role
from segue.auth.tokens import Claims
from segue.errors import StorageUnavailable
from segue.http import file_body, piece_stream
from segue.http.file_stream import UNSATISFIABLE, file_answer, parse_range
from segue.http.operations import MAX_IN_FLIGHT
from segue.ids import DocumentId, UserId
from segue.storage.file_ports import CHUNK_BYTES

pytestmark = pytest.mark.anyio

FILES = "/v1/sessions/trip/files"
TRIP = DocumentId("trip")
LONG = bytes(range(256)) * 2100  # two whole pieces and a part
PDF = {"content_type": "application/pdf"}


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.ask("POST", "/v1/sessions", {"id": "trip"})
    scene.join("trip", "bob", Role.EDITOR)
    return scene


def ref_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


async def add(scene: Scene, content: bytes, name: str = "plan.pdf", **headers: str) -> str:
    answer = await scene.ask("POST", f"{FILES}?name={name}", raw=content, **(PDF | headers))
    assert answer.status in (200, 201), answer.body
    return f"{FILES}/{answer.json['ref']}"


async def test_what_is_added_is_given_back(scene: Scene) -> None:
    answer = await scene.ask("POST", f"{FILES}?name=my%20plan.pdf", raw=LONG, **PDF)
    assert answer.status == 201
    assert answer.json == {
        "type": "file",
        "ref": ref_of(LONG),
        "media_type": "application/pdf",
        "name": "my plan.pdf",
        "size": len(LONG),
    }
    place = answer.headers["location"]
    assert place == f"{FILES}/{ref_of(LONG)}"
    found = await scene.ask("GET", place, user="bob")
    assert (found.status, found.body) == (200, LONG)
    assert found.headers["content-length"] == str(len(LONG))
    assert found.headers["etag"] == f'"{ref_of(LONG)}"'
    head = await scene.ask("HEAD", place)
    assert (head.status, head.body, head.headers) == (200, b"", found.headers)


async def test_adding_it_again_changes_nothing(scene: Scene) -> None:
    await add(scene, LONG)
    again = await scene.ask("POST", f"{FILES}?name=copy.pdf", raw=LONG, user="bob")
    assert (again.status, again.json["name"]) == (200, "copy.pdf")
    (listed,) = (await scene.ask("GET", FILES)).json["files"]
    assert (listed["name"], listed["uploaded_by"]) == ("plan.pdf", "alice")
    assert len(scene.files.chunks) == 1


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1])
@pytest.mark.parametrize("cut", [1000, 100_000])
async def test_it_is_cut_into_pieces_however_it_comes(scene: Scene, size: int, cut: int) -> None:
    content = LONG[:size]
    parts = [content[at : at + cut] for at in range(0, size, cut)] or [b""]
    answer = await scene.ask("POST", FILES, raw=b"", parts=parts)
    assert (answer.status, answer.json["ref"]) == (201, ref_of(content))
    (chunks,) = scene.files.chunks.values()
    assert [len(each) for each in chunks.values()] == [
        min(CHUNK_BYTES, size - at) for at in range(0, size, CHUNK_BYTES)
    ]
    assert (await scene.ask("GET", f"{FILES}/{ref_of(content)}")).body == content


async def test_one_session_has_nothing_of_another(scene: Scene) -> None:
    await add(scene, LONG)
    await scene.ask("POST", "/v1/sessions", {"id": "other"})
    answer = await scene.ask("GET", f"/v1/sessions/other/files/{ref_of(LONG)}")
    assert code(answer) == (404, "not_found")
    assert (await scene.ask("GET", "/v1/sessions/other/files")).json == {"files": []}
    added = await scene.ask("POST", "/v1/sessions/other/files", raw=LONG)
    assert added.status == 201  # or it would tell that somebody has it


@pytest.mark.parametrize("ref", ["x", "%00", "0" * 63, "0" * 65, "A" * 64, "0" * 64 + "%0a"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_what_can_be_no_ref_is_not_even_looked_for(
    scene: Scene, ref: str, method: str
) -> None:
    scene.files.failing = AssertionError("asked")
    assert code(await scene.ask(method, f"{FILES}/{ref}")) == (404, "not_found")


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("says_so", [True, False])
async def test_a_file_over_the_limit_is_refused_and_nothing_of_it_stays(
    scene: Scene, says_so: bool
) -> None:
    content = bytes(MAX_FILE + 1)
    headers = {"content_length": str(len(content))} if says_so else {}
    answer = await scene.ask("POST", FILES, raw=content, **headers)
    assert code(answer) == (413, "too_large")
    assert "SEGUE_MAX_FILE" in answer.json["detail"]
    assert scene.files == type(scene.files)()


@pytest.mark.parametrize("more", [b"x", LONG])
async def test_no_more_is_taken_than_its_length_says(scene: Scene, more: bytes) -> None:
    """Chunked, a body may be longer; room was kept for one byte."""
    answer = await scene.ask("POST", FILES, raw=b"", parts=[b"1", more], content_length="1")
    assert code(answer) == (400, "invalid_request")
    assert "Content-Length" in answer.json["detail"]
    assert scene.files == type(scene.files)()


async def test_a_file_that_stops_coming_is_given_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_body.FileBody.__init__, "__kwdefaults__", {"silence_s": 0.01})
    answer = await scene.ask("POST", FILES, raw=LONG, is_whole=False)
    assert code(answer) == (408, "request_timeout")
    assert scene.files == type(scene.files)()


@pytest.mark.parametrize(
    ("is_deleted", "told"), [(False, (408, "request_timeout")), (True, (410, "deleted"))]
)
async def test_an_upload_that_is_gone_tells_why(
    scene: Scene, is_deleted: bool, told: tuple[int, str]
) -> None:
    append = scene.files.append

    async def late(file: str, number: int, chunk: bytes) -> None:
        scene.files.uploads.clear()  # an hour later, or with the session
        if is_deleted:
            await scene.register.delete(TRIP)
        await append(file, number, chunk)

    scene.files.append = late  # type: ignore[method-assign]
    assert code(await scene.ask("POST", FILES, raw=LONG)) == told


async def test_who_may_not_write_any_more_has_added_nothing(scene: Scene) -> None:
    append = scene.files.append

    async def lower(file: str, number: int, chunk: bytes) -> None:
        scene.join("trip", "bob", Role.VIEWER)
        await append(file, number, chunk)

    scene.files.append = lower  # type: ignore[method-assign]
    answer = await scene.ask("POST", FILES, raw=LONG, user="bob")
    assert code(answer) == (403, "forbidden")
    assert not scene.files.stored
    assert not scene.files.chunks


@pytest.mark.parametrize(
    "name", ["", "a%00b", "a/b", "..%5Cb", "%0d%0aSet-Cookie:x", "a%0a", "x" * 256]
)
async def test_a_name_that_is_none_is_refused(scene: Scene, name: str) -> None:
    answer = await scene.ask("POST", f"{FILES}?name={name}", raw=b"x")
    assert code(answer) == (400, "invalid_request")


async def test_storage_that_is_away_says_so_and_a_file_cut_off_is_not_whole(scene: Scene) -> None:
    place = await add(scene, LONG)
    read = scene.files.read

    async def fail_later(file: str, number: int) -> bytes:
        if number:
            raise StorageUnavailable("away")
        return await read(file, number)

    scene.files.read = fail_later  # type: ignore[method-assign]
    cut_off = await scene.ask("GET", place)
    assert cut_off.headers["content-length"] == str(len(LONG))
    assert cut_off.body == LONG[:CHUNK_BYTES]
    scene.files.failing = StorageUnavailable("away")
    for method, path in (("GET", place), ("POST", FILES), ("GET", FILES)):
        raw = b"x" if method == "POST" else None
        assert code(await scene.ask(method, path, raw=raw)) == (503, "storage_unavailable")


async def test_files_on_their_way_to_one_user_are_counted(scene: Scene) -> None:
    place = await add(scene, LONG)
    services = scene.api.services
    assert services is not None
    for _ in range(MAX_IN_FLIGHT + 1):  # none is forgotten
        assert (await scene.ask("GET", place)).status == 200
        assert (await scene.ask("GET", place, range="bytes=9999999-")).status == 416
        assert (await scene.ask("GET", place, if_none_match="*")).status == 304
    for _ in range(MAX_IN_FLIGHT):
        assert services.downloads.take(UserId("alice"))
    assert code(await scene.ask("GET", place)) == (429, "too_many")
    assert (await scene.ask("GET", place, user="bob")).status == 200


async def test_a_reader_who_takes_nothing_is_let_go(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piece_stream, "STALL_S", 0.01)
    place = await add(scene, LONG)
    services = scene.api.services
    assert services is not None
    file = await services.files.find(Claims(UserId("alice")), "trip", ref_of(LONG))
    ended, sent = [], list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)
        if message.get("body"):
            await anyio.sleep_forever()

    pieces = partial(services.files.read, file)
    answer = file_answer(file, {}, pieces, lambda: ended.append(place))
    await answer({"type": "http", "method": "GET"}, anyio.sleep_forever, send)
    assert ended == [place]
    assert sent[-1].get("more_body")  # cut off, not ended


# -- ranges (RFC 9110) -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-5", (2, 6)),
        ("bytes=5-", (5, 10)),
        ("bytes=5-99999999999", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes = 1-2", (1, 3)),
        ("bytes=10-", UNSATISFIABLE),
        ("bytes=10-12", UNSATISFIABLE),
        ("bytes=-0", UNSATISFIABLE),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,4-5", None),
        ("bytes=a-b", None),
        ("bytes=\u0661-\u0662", None),
        ("bytes=" + "9" * 5000 + "-", None),
        ("lines=0-1", None),
    ],
)
def test_a_range_is_read(header: str, found: tuple[int, int] | None) -> None:
    assert parse_range(header, 10) == found


def test_nothing_of_an_empty_file_is_in_any_range() -> None:
    assert parse_range("bytes=0-", 0) == parse_range("bytes=-1", 0) == UNSATISFIABLE


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        (f"bytes={CHUNK_BYTES - 1}-{CHUNK_BYTES}", CHUNK_BYTES - 1, CHUNK_BYTES + 1),
        (f"bytes={CHUNK_BYTES}-", CHUNK_BYTES, len(LONG)),
        ("bytes=-5", len(LONG) - 5, len(LONG)),
    ],
)
async def test_a_range_of_a_file_is_given(scene: Scene, asked: str, start: int, end: int) -> None:
    place = await add(scene, LONG)
    answer = await scene.ask("GET", place, range=asked)
    assert (answer.status, answer.body) == (206, LONG[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(LONG)}"
    assert answer.headers["content-length"] == str(end - start)


async def test_a_range_behind_the_end_is_told_where_that_is(scene: Scene) -> None:
    answer = await scene.ask("GET", await add(scene, b"short"), range="bytes=5-")
    assert code(answer) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == "bytes */5"


async def test_a_reader_with_another_version_gets_the_whole(scene: Scene) -> None:
    place = await add(scene, LONG)
    tag = f'"{ref_of(LONG)}"'
    part = await scene.ask("GET", place, range="bytes=0-1", if_range=tag)
    whole = await scene.ask("GET", place, range="bytes=0-1", if_range='"other"')
    assert (part.status, whole.status) == (206, 200)
    for header in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = await scene.ask("GET", place, if_none_match=header)
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["etag"] == tag
    assert (await scene.ask("GET", place, if_none_match='"other"')).status == 200


# -- nothing runs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "text/javascript", "", "x\r\ny/z"])
async def test_whatever_it_is_it_does_nothing_in_a_browser(scene: Scene, kind: str) -> None:
    place = await add(scene, b"<script>alert(1)</script>", "evil.html", content_type=kind)
    headers = (await scene.ask("GET", place)).headers
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''evil.html"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] == (kind if kind and "\r" not in kind else file_body.ANY_TYPE)


async def test_a_name_never_ends_its_header(scene: Scene) -> None:
    place = await add(scene, b"x")
    scene.files.rename(TRIP, ref_of(b"x"), 'a"; \r\nx: y; \u202egnp.exe\u20ac')
    shown = (await scene.ask("GET", place)).headers["content-disposition"]
    assert shown == (
        "attachment; filename*=UTF-8''a%22%3B%20%0D%0Ax%3A%20y%3B%20%E2%80%AEgnp.exe%E2%82%AC"
    )


# -- removing --------------------------------------------------------------------------------------


async def test_a_file_is_removed_by_who_added_it_or_an_owner(scene: Scene) -> None:
    of_alice, of_bob = await add(scene, b"alice's"), f"{FILES}/{ref_of(b'bobs')}"
    assert (await scene.ask("POST", FILES, raw=b"bobs", user="bob")).status == 201
    assert code(await scene.ask("DELETE", of_alice, user="bob")) == (403, "forbidden")
    assert (await scene.ask("DELETE", of_bob, user="bob")).status == 204
    assert (await scene.ask("DELETE", of_alice)).status == 204
    assert code(await scene.ask("DELETE", of_alice)) == (404, "not_found")
    assert not scene.files.chunks
