"""What a model is given of files: pictures that are some, texts, and of the rest the names; never without end."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

import pytest

from segue.agents.openai.attachments import given_files
from segue.agents.openai.transcript import messages
from segue.agents.port import FilePart, Part, TextPart, Turn, TurnMessage, TurnSession

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n and so on"
PICTURES = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff and so on",
    "image/gif": b"GIF89a and so on",
    "image/webp": b"RIFF1234WEBP and so on",
}


@dataclass
class Kept:
    """Files in memory; counts what is read."""

    by_ref: dict[str, bytes] = field(default_factory=dict)
    read_bytes: int = 0
    looks: int = 0

    def add(self, content: bytes, kind: str, name: str = "a.bin") -> FilePart:
        ref = hashlib.sha256(content).hexdigest()
        self.by_ref[ref] = content
        return FilePart(ref, kind, name, len(content))

    async def read(self, ref: str, max_bytes: int) -> bytes | None:
        self.looks += 1
        content = self.by_ref.get(ref)
        if content is None or len(content) > max_bytes:
            return None
        self.read_bytes += len(content)
        return content


def said(*parts: Part, role: Any = "user", author: str = "Alice") -> TurnMessage:
    text = "\n".join(part.text for part in parts if isinstance(part, TextPart))
    return TurnMessage("m", role, text, author, "complete", parts)


async def given(kept: Kept, *history: TurnMessage) -> list[Any]:
    turn = Turn(history, {}, {}, TurnSession("s", ""), 0, files=kept)
    return [each["content"] for each in messages("", turn, (), await given_files(turn))]


@pytest.mark.parametrize("kind", PICTURES)
async def test_a_picture_is_given_as_one(kind: str) -> None:
    kept = Kept()
    file = kept.add(PICTURES[kind], "image/png", "harbour")
    (content,) = await given(kept, said(TextPart("Where is this?"), file))
    url = f"data:{kind};base64,{base64.b64encode(PICTURES[kind]).decode()}"
    assert content == [
        {"type": "text", "text": "Where is this?"},
        {"type": "text", "text": f"(File 'harbour', image/png, {file.size} bytes)"},
        {"type": "image_url", "image_url": {"url": url}},
    ]


@pytest.mark.parametrize("kind", ["text/plain", "text/html", "application/json"])
async def test_a_text_is_given_as_text(kind: str) -> None:
    kept = Kept()
    (content,) = await given(kept, said(kept.add("Olá".encode(), kind)))
    assert content[1:] == [{"type": "text", "text": "Olá"}]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<svg onload=x>", "image/svg+xml"),
        (b"no picture", "image/png"),
        (b"", "image/png"),
        (b"\xff\xfe no text", "text/plain"),
        (b"x" * (65 << 10), "text/plain"),
        (b"GIF89a" + bytes(6 << 20), "image/gif"),
        (b"MZ", "application/x-msdownload"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_what_a_model_cannot_take_is_named(content: bytes, kind: str) -> None:
    kept = Kept()
    file = kept.add(content, kind, "what 'is' this\n")
    (found,) = await given(kept, said(file))
    (named,) = found
    assert named["text"] == f"(File {file.name!r}, {kind}, {len(content)} bytes)"


async def test_a_file_that_is_gone_is_named() -> None:
    (found,) = await given(Kept(), said(Kept().add(PNG, "image/png")))
    assert len(found) == 1


async def test_the_newest_come_first_and_there_is_an_end() -> None:
    kept = Kept()
    files = [kept.add(PNG + bytes([n]), "image/png") for n in range(12)]
    contents = await given(kept, *(said(file) for file in files))
    assert [len(content) for content in contents] == [1, 1] + [2] * 10
    assert kept.read_bytes == sum(file.size for file in files[2:])


async def test_pictures_and_texts_have_only_so_much_room_together() -> None:
    kept = Kept()
    pictures = [kept.add(PNG + bytes([n]) * (4 << 20), "image/png") for n in range(6)]
    texts = [kept.add(b"%d" % n * (60 << 10), "text/plain") for n in range(6)]
    contents = await given(kept, said(*pictures), said(*texts))
    assert kept.read_bytes < (16 << 20) + (256 << 10)
    assert [len(content) for content in contents] == [6 + 3, 6 + 4]


async def test_one_file_is_read_once_however_often_it_is_named() -> None:
    kept = Kept()
    file = kept.add(PNG, "image/png")
    contents = await given(kept, said(file), said(file, file))
    assert [len(content) for content in contents] == [2, 4]
    assert kept.read_bytes == file.size


async def test_an_answer_keeps_its_files_to_itself() -> None:
    kept = Kept()
    file = kept.add(PNG, "image/png")
    contents = await given(kept, said(TextPart("Here"), file, role="assistant"))
    assert contents == ["Here"]
    assert kept.read_bytes == 0


async def test_however_many_are_named_and_are_no_pictures_few_are_looked_at() -> None:
    kept = Kept()
    same = kept.add(b"no picture", "image/png")
    await given(kept, said(*[same] * 1000))
    assert kept.looks == 1
    others = [kept.add(str(number).encode(), "image/png") for number in range(1000)]
    await given(kept, said(*others))
    assert kept.looks == 1 + 64
