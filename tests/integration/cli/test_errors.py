"""Whatever goes wrong is one line that says what to do, and an exit code."""

from pathlib import Path

import pytest

from segue import app
from segue.cli import entry
from segue.errors import ConfigurationError, StorageUnavailable
from segue.settings import Settings

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in ("SEGUE_SECRET", "PORT", "HOST", "DATABASE_URL", "LOG_LEVEL"):
        monkeypatch.delenv(variable, raising=False)


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def migrate(settings: Settings) -> tuple[str, ...]:
        raise error

    monkeypatch.setattr(app, "migrate", migrate)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_setting_that_has_to_change_is_exit_code_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "abc")
    assert entry.run(["dev"]) == 2
    [line] = lines(capsys)
    assert line.startswith("Error: PORT is 'abc'")


def test_a_configuration_error_from_the_inside_is_exit_code_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, ConfigurationError("The disk is full. Make room."))
    assert entry.run(["migrate"]) == 2
    assert lines(capsys) == ["Error: The disk is full. Make room."]


def test_anything_else_of_ours_is_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, StorageUnavailable("Postgres went away. Try again."))
    assert entry.run(["migrate"]) == 1
    assert lines(capsys) == ["Error: Postgres went away. Try again."]


def test_a_bug_is_one_line_too_and_debug_shows_where(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, KeyError("a\nb"))
    assert entry.run(["migrate"]) == 1
    [line] = lines(capsys)
    assert "KeyError" in line
    monkeypatch.setenv("LOG_LEVEL", "debug")
    assert entry.run(["migrate"]) == 1
    assert "Traceback" in "\n".join(lines(capsys))


def test_an_interrupt_is_what_the_shell_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, KeyboardInterrupt())
    assert entry.run(["migrate"]) == 130


@pytest.mark.parametrize("arguments", [["nonsense"], ["dev", "--port", "x"], ["serve", "--what"]])
def test_arguments_that_mean_nothing_are_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert entry.run(arguments) == 2
    assert lines(capsys)[-1].startswith("Error: ")


def test_help_and_version_are_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["--help"]) == 0
    assert entry.run(["--version"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("segue ")


def test_production_without_a_secret_does_not_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["serve", "--port", "0"]) == 2
    [line] = lines(capsys)
    assert "SEGUE_SECRET is not set" in line


@pytest.mark.parametrize(
    ("applied", "code"), [((True, True), 0), ((True, False), 1), ((False, False), 1)]
)
def test_a_check_fails_while_migrations_are_missing(
    monkeypatch: pytest.MonkeyPatch, applied: tuple[bool, ...], code: int
) -> None:
    found = tuple(app.MigrationState(f"000{n}", applied=done) for n, done in enumerate(applied))
    monkeypatch.setattr(app, "migration_status", lambda _: found)
    assert entry.run(["migrate", "--check"]) == code
    assert entry.run(["migrate", "--status"]) == 0
    assert entry.run(["migrate", "--status", "--check"]) == code
