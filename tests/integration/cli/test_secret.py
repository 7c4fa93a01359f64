"""The dev secret: made once, kept to its account, never half there."""

import os
import stat
import threading
from pathlib import Path

import pytest

from segue.auth.tokens import is_usable_secret
from segue.cli.secret import kept_secret, secret_path
from segue.errors import ConfigurationError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    data = tmp_path / "a" / "b"
    first = kept_secret(data)
    assert is_usable_secret(first)
    assert kept_secret(data) == first
    assert kept_secret(tmp_path / "other") != first


def test_only_its_account_can_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        kept_secret(tmp_path / "data")
    finally:
        os.umask(before)
    assert mode(secret_path(tmp_path / "data")) == 0o600
    assert mode(tmp_path / "data") == 0o711


def test_a_secret_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    kept_secret(tmp_path)
    secret_path(tmp_path).chmod(0o644)
    kept_secret(tmp_path)
    assert mode(secret_path(tmp_path)) == 0o600


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    kept_secret(tmp_path)
    assert mode(tmp_path) == 0o750


def test_many_at_once_get_the_same_secret(tmp_path: Path) -> None:
    found: list[bytes] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait()
        found.append(kept_secret(tmp_path / "data"))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret"]


@pytest.mark.parametrize("content", ["", "short", "\n"])
def test_a_spoilt_secret_is_not_used(tmp_path: Path, content: str) -> None:
    secret_path(tmp_path).write_text(content)
    with pytest.raises(ConfigurationError, match="damaged"):
        kept_secret(tmp_path)


def test_a_data_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="SEGUE_DATA"):
        kept_secret(tmp_path / "file" / "data")
