"""`segue token`: the last line of its output is a token that the server here takes."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from segue.auth.grants import Role
from segue.auth.tokens import verify
from segue.cli import entry
from segue.cli.secret import kept_secret

SECRET = "0123456789abcdef0123456789abcdef"


def now() -> float:
    return datetime.now(UTC).timestamp()


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in ("SEGUE_SECRET", "SEGUE_DATA", "DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert entry.run(["token", *arguments]) == 0
    return capsys.readouterr().out.splitlines()[-1]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert entry.run(["token", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err


def test_it_is_signed_with_the_secret_of_the_data_folder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = printed(capsys, "--user", "alice")
    claims = verify(kept_secret(Path(".segue")), text, now=now())
    assert (claims.user, claims.sessions) == ("alice", None)


def test_it_is_signed_with_the_secret_that_is_set(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_SECRET", SECRET)
    text = printed(capsys, "--user", "alice")
    assert verify(SECRET.encode(), text, now=now()).user == "alice"
    assert not Path(".segue").exists()


def test_it_can_be_for_single_sessions_with_a_role_and_a_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ("--user", "bob", "--session", "a", "--session", "b", "--role", "viewer")
    before = now()
    text = printed(capsys, *arguments, "--ttl", "1h", "--device", "phone", "--name", "Bob")
    claims = verify(kept_secret(Path(".segue")), text, now=before)
    assert claims.sessions == {"a": Role.VIEWER, "b": Role.VIEWER}
    assert (claims.device, claims.name) == ("phone", "Bob")
    assert claims.expires_at is not None
    assert before + 3598 < claims.expires_at < now() + 3601


def test_sessions_are_listed_for_editors_unless_said_otherwise(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = printed(capsys, "--user", "bob", "--session", "a")
    claims = verify(kept_secret(Path(".segue")), text, now=now())
    assert claims.sessions == {"a": Role.EDITOR}


def test_what_it_is_for_is_told_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["token", "--user", "bob", "--session", "trip"]) == 0
    first = capsys.readouterr()
    assert "bob: editor of trip" in first.err
    assert "is new" in first.err
    assert len(first.out.splitlines()) == 1
    assert entry.run(["token", "--user", "bob"]) == 0
    assert "is new" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--user", ""),
        ("--user", "a" * 256),
        ("--user", "a\nb"),
        ("--user", "a", "--session", "a/b"),
        ("--user", "a", "--session", "home"),
        ("--user", "a", "--session", "a", "--role", "king"),
        ("--user", "a", "--role", "viewer"),
        ("--user", "a", "--ttl", "soon"),
        ("--user", "a", "--ttl", "0"),
    ],
)
def test_what_no_server_would_take_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert "Error: " in refused(capsys, *arguments)
