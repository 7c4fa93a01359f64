"""Where the embedded server keeps things, and what to do when its account can't get there.

Below the folder asked for, or below the one it moved to:

    cluster/              Postgres' own data, 0700, its account's
    run/                  its socket, 0700, its account's; a local user who can't enter can't connect
    log/                  what it writes, ours, 0700
    lock                  held while a server of ours uses the folder
    postgresql.conf, pg_hba.conf    written by us at each start

As root Postgres runs as another account, and a clone below root's home (0700) is closed to it. The modes
of folders above ours are never loosened; data goes to `/var/lib/segue/<name>` instead, and the file
`location` in the folder asked for says where. The name is random, not made from the path: with the folder
deleted one starts afresh, with the clone moved the data is still found. Once there, it stays there.
"""

import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from segue.errors import ConfigurationError
from segue.storage.postgres.account import Account

MOVED: Final = Path("/var/lib/segue")
"""Where data and binaries go that the account couldn't reach otherwise."""

PORT: Final = 5432
"""Only a part of the socket's name."""

_MADE: Final = ".made"
_SOCKET_NAME: Final = f".s.PGSQL.{PORT}"
_MAX_SOCKET_PATH: Final = 100  # sun_path holds 108 bytes on Linux, 104 on macOS
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")
_SHORT: Final = "/tmp"  # noqa: S108 - the name must be short, and mkdtemp makes a 0700 folder in it

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Place:
    """The folder that is really used."""

    folder: Path
    moved: bool

    @property
    def cluster(self) -> Path:
        """Postgres' data directory."""
        return self.folder / "cluster"

    @property
    def log(self) -> Path:
        """The log file; an older one ends in `.1`."""
        return self.folder / "log" / "postgres.log"


def find_place(asked: Path, account: Account, moved: Path) -> Place:
    """Decides where data is kept, making folders for it; the same answer every time.

    Call it with `asked` made and its lock held: two first starts must not choose two places.

    Raises:
        ConfigurationError: there is data, and the account can't get at it any more.
    """
    pointer = asked / "location"
    if pointer.exists():
        place = _follow(pointer)
    elif reaches(account, asked):
        place = Place(asked, moved=False)
    elif (asked / "cluster").exists():
        raise ConfigurationError(
            f"The database in {asked} belongs to an account that can't enter the folder any more: "
            f"{account.name} runs Postgres, because it refuses to run as root, and a folder above is "
            "closed to it. Open that folder again (chmod o+x), or move the data to where it can."
        )
    else:
        place = _move(pointer, moved, asked, account)
    (place.folder / "log").mkdir(mode=0o700, exist_ok=True)
    return place


def make_folder(folder: Path, account: Account) -> None:
    """Makes a folder of ours if need be; another account may pass through, never look round.

    It appears with its final mode, so servers that start at once may each make the same one.
    """
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    draft.chmod(0o711 if account.switch else 0o700)
    # An empty folder would be replaced by the next server's, under the hands of who makes one in it.
    (draft / _MADE).touch()
    try:
        draft.rename(folder)
    except OSError:
        shutil.rmtree(draft)
        if not folder.is_dir():
            raise


def reaches(account: Account, folder: Path) -> bool:
    """Tells whether the account can enter the folder, by having it try: modes aren't the whole truth."""
    if not account.switch:
        return True
    attempt = account.try_out(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)])
    return attempt.returncode == 0


def socket_folder(place: Place, account: Account) -> tuple[Path, bool]:
    """Gives a folder for the socket that only the account (and root) can enter; True if it is scratch.

    A path that is too long for a socket, or that Postgres' and asyncpg's lists of hosts would split,
    is replaced by a new folder in /tmp.
    """
    folder = place.folder / "run"
    path = str(folder / _SOCKET_NAME)
    if len(path) <= _MAX_SOCKET_PATH and _PLAIN.issuperset(path):
        make_private(folder, account)
        return folder, False
    folder = Path(tempfile.mkdtemp(prefix="segue-", dir=_SHORT))
    account.own(folder)
    return folder, True


def make_private(folder: Path, account: Account) -> None:
    """Makes the folder if need be, and the account's alone."""
    folder.mkdir(mode=0o700, exist_ok=True)
    account.own(folder)
    folder.chmod(0o700)


def _follow(pointer: Path) -> Place:
    folder = Path(pointer.read_text().strip())
    if not folder.is_dir():
        raise ConfigurationError(
            f"The database is in {folder}, says {pointer}, and that folder is gone. Bring it back, or delete "
            f"{pointer} to start with an empty database."
        )
    return Place(folder, moved=True)


def _move(pointer: Path, moved: Path, asked: Path, account: Account) -> Place:
    make_folder(moved, account)
    folder = moved / f"data-{secrets.token_hex(8)}"
    make_folder(folder, account)
    if not reaches(account, folder):
        raise ConfigurationError(
            f"{account.name} runs Postgres, because it refuses to run as root, and can enter neither {asked} "
            f"nor {moved}. Choose a folder that it can enter with SEGUE_DATA, or start Segue as an ordinary "
            "user."
        )
    (folder / "origin").write_text(f"{asked}\n")
    draft = pointer.with_suffix(".new")
    draft.write_text(f"{folder}\n")
    draft.replace(pointer)
    log.warning(
        "postgres.data_moved",
        reason=f"the account {account.name}, which runs Postgres for root, can't enter the folder",
        asked=str(asked),
        folder=str(folder),
    )
    return Place(folder, moved=True)
