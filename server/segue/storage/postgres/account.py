"""Who runs Postgres: it refuses to run as root, and this package never creates or changes an OS user."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from segue.errors import ConfigurationError

_UNPRIVILEGED: Final = ("postgres", "nobody")
"""Accounts that are there anyway, best first: a service's own account holds nothing of others."""


@dataclass(frozen=True, slots=True)
class Account:
    """An existing OS account; `switch` says that it isn't the one this process runs as."""

    name: str
    uid: int
    gid: int
    switch: bool

    def own(self, path: Path) -> None:
        """Gives it the file or folder at `path` itself, never what a link there points to."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def try_out(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        """Runs a short command as this account and waits for it; blocks, so use it in a thread.

        Raises:
            OSError: the account can't run it at all.
        """
        return subprocess.run(  # noqa: S603 - programs of ours, no shell
            command,
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=[] if self.switch else None,
            capture_output=True,
            check=False,
            cwd="/",
            env={"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            text=True,
        )


def account_for_postgres() -> Account:
    """Gives the account that Postgres runs as: ours, or an unprivileged one if we are root.

    Raises:
        ConfigurationError: we are root and there is no unprivileged account.
    """
    if os.geteuid() != 0:
        return Account(name_of(os.geteuid()), os.geteuid(), os.getegid(), switch=False)
    for name in _UNPRIVILEGED:
        entry = _entry(name)
        if entry is not None and entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid, switch=True)
    raise ConfigurationError(
        "Postgres can't run as root, and this system has no account 'postgres' or 'nobody'. "
        "Start Segue as an ordinary user, or set DATABASE_URL to a Postgres of your own."
    )


def name_of(uid: int) -> str:
    """Gives the account's name, or its number where it has none (containers)."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
