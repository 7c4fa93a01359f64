"""The terminal: who starts a server reads where it is, where data is, how to get a token and stop."""

import shutil
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
import zxingcpp

from segue.auth import tokens
from segue.auth.tokens import Claims
from segue.cli import sign_in
from segue.cli.qr import qr_lines
from segue.cli.sign_in import sign_in_link
from segue.cli.terminal import Terminal, command_line, database_place, ready_banner
from segue.ids import UserId
from segue.settings import Settings

SCALE = 4
PLAIN = Terminal(colour=False)


@pytest.fixture(autouse=True)
def installed_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/segue"])
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/segue")


def banner(
    capsys: pytest.CaptureFixture[str], settings: Settings, asked: int, folder: Path | None
) -> list[str]:
    ready_banner(PLAIN, settings, asked, folder, "eyJ.t.s")
    return capsys.readouterr().out.splitlines()


def test_the_banner_says_what_one_wants_to_know(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(data=Path("/srv/.segue"))
    assert banner(capsys, settings, 8000, Path("/srv/.segue/postgres")) == [
        "",
        f"  Segue {version('segue')} is ready",
        "",
        "  Sign in       http://127.0.0.1:8000/#token=eyJ.t.s",
        "  On a phone    make run HOST=0.0.0.0   (for a phone on your network)",
        "  Server        http://127.0.0.1:8000",
        "  y-websocket   ws://127.0.0.1:8000/v1/sync",
        "  Hocuspocus    ws://127.0.0.1:8000/v1/collab",
        "  Get a token   SEGUE_DATA=/srv/.segue segue token --user alice",
        "  Data          /srv/.segue",
        "  Stop          Ctrl+C; the data stays",
        "",
    ]


def test_another_port_than_asked_for_is_pointed_out(capsys: pytest.CaptureFixture[str]) -> None:
    lines = banner(capsys, Settings(port=8001), 8000, None)
    assert lines[5].endswith(
        "http://127.0.0.1:8001  (port 8000 is taken; this is the next free one)"
    )


def test_any_free_port_was_not_taken_by_anyone(capsys: pytest.CaptureFixture[str]) -> None:
    assert "taken" not in "".join(banner(capsys, Settings(port=40001), 0, None))


def test_data_that_had_to_move_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(data=Path("/root/.segue"))
    lines = banner(capsys, settings, 8000, Path("/var/lib/segue/data-1"))
    assert lines[9].startswith("  Data          /var/lib/segue/data-1  (/root/.segue is closed")


def test_a_database_is_shown_without_its_password(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(database_url="postgresql://u:hunter2@db.example/segue")
    text = "\n".join(banner(capsys, settings, 8000, None))
    assert "in Postgres at db.example/segue" in text
    assert "hunter2" not in text


class Screen:
    """A terminal of a size, on a machine in a network."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.is_tty = True
        self.encoding = "UTF-8"
        self.address: str | None = "192.168.1.20"
        self._patch = monkeypatch
        self._capsys = capsys
        self.resize(80, 50)

    def resize(self, columns: int, lines: int) -> None:
        self._patch.setenv("COLUMNS", str(columns))
        self._patch.setenv("LINES", str(lines))

    def show(self, settings: Settings, *, colour: bool = False) -> list[str]:
        self._patch.setattr(sign_in, "lan_address", lambda _: self.address)
        self._patch.setattr(sys.stdout, "isatty", lambda: self.is_tty)
        self._patch.setattr(type(sys.stdout), "encoding", self.encoding)
        ready_banner(Terminal(colour=colour), settings, 8000, None, "eyJ.t.s")
        return self._capsys.readouterr().out.splitlines()


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Screen:
    return Screen(monkeypatch, capsys)


LAN = Settings(host="0.0.0.0")
PHONE_LINK = "http://192.168.1.20:8000/#token=eyJ.t.s"


def test_a_phone_in_the_network_reads_its_link_from_the_screen(screen: Screen) -> None:
    lines = screen.show(LAN)
    assert lines[3:5] == [
        "  Sign in       http://localhost:8000/#token=eyJ.t.s",
        f"  On a phone    {PHONE_LINK}",
    ]
    assert read_qr(lines) == PHONE_LINK


def test_a_code_is_drawn_light_on_any_terminal(screen: Screen) -> None:
    drawn = [line for line in screen.show(LAN, colour=True) if "\u2588" in line]
    assert drawn
    assert all(line.startswith("  \x1b[38;5;231m\x1b[48;5;16m") for line in drawn)


@pytest.mark.parametrize("why", ["narrow", "low", "piped", "ascii", "no network", "loopback"])
def test_where_no_code_fits_or_helps_there_is_the_link_alone(screen: Screen, why: str) -> None:
    settings = LAN
    match why:
        case "narrow":
            screen.resize(30, 50)
        case "low":
            screen.resize(80, 10)
        case "piped":
            screen.is_tty = False
        case "ascii":
            screen.encoding = "ascii"
        case "no network":
            screen.address = None
        case "loopback":
            settings = Settings()
    lines = screen.show(settings)
    assert not [line for line in lines if "\u2588" in line]
    assert any("/#token=eyJ.t.s" in line for line in lines)


def test_a_code_as_long_as_a_real_link_fits_into_80_columns() -> None:
    token = tokens.mint(
        b"x" * 32, Claims(UserId("a-long-name"), name="a-long-name"), now=0, ttl_s=9
    )
    lines = qr_lines(sign_in_link("192.168.100.200", 8000, token))
    assert len(lines[0]) < 80
    assert read_qr(lines) == sign_in_link("192.168.100.200", 8000, token)


def read_qr(lines: list[str]) -> str:
    """Reads the code on a screen, as the camera of a phone does: light where a block is drawn."""
    drawn = [line.removeprefix("  ") for line in lines if "\u2588" in line]
    upper, lower = {"\u2588", "\u2580"}, {"\u2588", "\u2584"}
    rows = [[character in lit for character in line] for line in drawn for lit in (upper, lower)]
    pixels = [
        255 * light for row in rows for _ in range(SCALE) for light in row for _ in range(SCALE)
    ]
    size = (SCALE * len(rows), SCALE * len(rows[0]))
    (found,) = zxingcpp.read_barcodes(memoryview(bytes(pixels)).cast("B", size))
    text: str = found.text
    return text


@pytest.mark.parametrize(
    ("host", "shown"), [("0.0.0.0", "localhost"), ("::", "localhost"), ("::1", "[::1]")]
)
def test_the_address_can_be_opened_in_a_browser(
    capsys: pytest.CaptureFixture[str], host: str, shown: str
) -> None:
    assert banner(capsys, Settings(host=host), 8000, None)[5].endswith(f"http://{shown}:8000")


def test_commands_can_be_pasted_however_the_program_was_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command_line(Settings(), "token") == "segue token"
    monkeypatch.setattr(sys, "argv", [str(tmp_path / ".venv/bin/segue")])
    assert command_line(Settings(), "token") == ".venv/bin/segue token"
    monkeypatch.setattr(sys, "argv", ["/opt/my app/segue"])
    assert command_line(Settings(), "token") == "'/opt/my app/segue' token"
    monkeypatch.setattr(sys, "argv", ["/x/segue/__main__.py"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/bin/python"))
    assert command_line(Settings(), "token") == ".venv/bin/python -m segue token"
    kept_elsewhere = replace(Settings(), data=Path("/my data"))
    assert command_line(kept_elsewhere, "x") == "SEGUE_DATA='/my data' .venv/bin/python -m segue x"


def test_errors_and_notes_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    PLAIN.fail("no")
    PLAIN.note("by the way")
    PLAIN.say("result")
    captured = capsys.readouterr()
    assert captured.out == "result\n"
    assert captured.err == "Error: no\nby the way\n"


def test_a_database_is_named_without_its_password() -> None:
    assert database_place("postgresql://u:p@db.example:5432/segue?sslmode=x") == (
        "db.example:5432/segue"
    )
    assert database_place("postgresql:///segue") == "/segue"
