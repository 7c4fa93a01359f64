"""The secret that `segue dev` makes for itself, kept in the data folder."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from segue.auth.tokens import is_usable_secret
from segue.errors import ConfigurationError

_NAME: Final = "secret"


def secret_path(data: Path) -> Path:
    """Tells where the secret of a data folder is, made or not."""
    return data / _NAME


def kept_secret(data: Path) -> bytes:
    """Gives the data folder's secret, making folder and secret the first time.

    Of several at once all get the same one. Only the account that made it can read the file.

    Raises:
        ConfigurationError: it can't be read or written, or someone has spoilt it.
    """
    path = secret_path(data)
    try:
        if not path.exists():
            _make(path)
        path.chmod(0o600)
        secret = path.read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(
            f"The secret in {path} can't be used: {error.strerror}. "
            "Run as the account that made it, set SEGUE_DATA to another folder, or set SEGUE_SECRET."
        ) from error
    if not is_usable_secret(secret):
        raise ConfigurationError(
            f"The secret in {path} is damaged. Delete the file: a new one is made, "
            "and tokens made so far stop working."
        )
    return secret


def _make(path: Path) -> None:
    _make_folder(path.parent)
    draft = path.with_name(f"{_NAME}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link appears whole or not at all, and never replaces the one another process made.
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # Started by root, Postgres runs as another account and has to pass through.
        folder.chmod(0o711)
