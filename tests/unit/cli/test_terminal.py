"""The terminal: who starts a server reads where it is, where data is, how to get a token and stop."""

import shutil
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from segue.cli.terminal import Terminal, command_line, ready_banner
from segue.settings import Settings

PLAIN = Terminal(colour=False)


@pytest.fixture(autouse=True)
def installed_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/segue"])
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/segue")


def banner(
    capsys: pytest.CaptureFixture[str], settings: Settings, asked: int, folder: Path | None
) -> list[str]:
    ready_banner(PLAIN, settings, asked, folder)
    return capsys.readouterr().out.splitlines()


def test_the_banner_says_what_one_wants_to_know(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(data=Path("/srv/.segue"))
    assert banner(capsys, settings, 8000, Path("/srv/.segue/postgres")) == [
        "",
        f"  Segue {version('segue')} is ready",
        "",
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
    assert lines[3].endswith(
        "http://127.0.0.1:8001  (port 8000 is taken; this is the next free one)"
    )


def test_any_free_port_was_not_taken_by_anyone(capsys: pytest.CaptureFixture[str]) -> None:
    assert "taken" not in "".join(banner(capsys, Settings(port=40001), 0, None))


def test_data_that_had_to_move_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(data=Path("/root/.segue"))
    lines = banner(capsys, settings, 8000, Path("/var/lib/segue/data-1"))
    assert lines[7].startswith("  Data          /var/lib/segue/data-1  (/root/.segue is closed")


def test_a_database_is_shown_without_its_password(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(database_url="postgresql://u:hunter2@db.example/segue")
    text = "\n".join(banner(capsys, settings, 8000, None))
    assert "in Postgres at db.example/segue" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("host", "shown"), [("0.0.0.0", "localhost"), ("::", "localhost"), ("::1", "[::1]")]
)
def test_the_address_can_be_opened_in_a_browser(
    capsys: pytest.CaptureFixture[str], host: str, shown: str
) -> None:
    assert banner(capsys, Settings(host=host), 8000, None)[3].endswith(f"http://{shown}:8000")


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
