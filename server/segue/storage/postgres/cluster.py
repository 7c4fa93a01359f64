"""A cluster on disk: made once, checked and configured at each start."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from segue.errors import ConfigurationError
from segue.storage.postgres.account import Account, name_of
from segue.storage.postgres.binaries import Binaries
from segue.storage.postgres.place import PORT, Place

USER: Final = "segue"
DATABASE: Final = "segue"
_DRAFT: Final = "cluster.new-"
_FIRST_BUILTIN_LOCALE: Final = 17
_FIRST_IO_METHOD: Final = 18
_STATUS_LINE: Final = 7
"""Of postmaster.pid, from 0: LOCK_FILE_LINE_PM_STATUS in Postgres' pidfile.h."""

_SETTINGS: Final = {
    # Promise 1: an acknowledged update is on the disk.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # The only way in is a socket in a folder that is closed to other users.
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    # A few hundred MB at the most: it shares the machine with the hub and its workers.
    "max_connections": "50",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "max_logical_replication_workers": "0",
    "autovacuum": "on",
    "autovacuum_max_workers": "2",
    "jit": "off",
    # Nobody replicates it (a fleet has a database of its own), so its log stays small.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "min_wal_size": "64MB",
    # The guardian reads stderr into a log of bounded size. Terse and without statements: ids, no content.
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


def is_initialised(place: Place) -> bool:
    """Tells whether the folder holds a whole cluster."""
    return (place.cluster / "PG_VERSION").exists()


def check(place: Place, account: Account, binaries: Binaries) -> None:
    """Refuses a folder that these programs, run as this account, must not touch.

    Raises:
        ConfigurationError: another owner, another major version, or not a cluster at all.
    """
    if not place.cluster.exists():
        return
    _check_owner(place.cluster, account)
    if is_initialised(place):
        _check_version(place.cluster, binaries)
    elif any(place.cluster.iterdir()):
        raise ConfigurationError(
            f"{place.cluster} holds files and is no Postgres cluster (there is no PG_VERSION). Segue leaves "
            "it alone: move it away, restore it whole, or choose another folder with SEGUE_DATA."
        )


def draft(place: Place, account: Account) -> Path:
    """Gives an empty folder to make a cluster in, after removing those that were never finished.

    Only `adopt` gives it the name that counts, so a cluster that is half made never looks made.
    """
    discard_drafts(place)
    folder = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=place.folder))
    account.own(folder)
    return folder


def discard_drafts(place: Place) -> None:
    """Removes what was never finished."""
    for old in place.folder.glob(f"{_DRAFT}*"):
        shutil.rmtree(old, ignore_errors=True)


def adopt(place: Place, made: Path) -> None:
    """Makes the finished draft the cluster, durably."""
    made.replace(place.cluster)
    folder = os.open(place.folder, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def initdb_command(binaries: Binaries, folder: Path) -> list[str]:
    """Gives the command that makes a cluster: UTF-8, sorted by code point, the same on every system."""
    if binaries.major >= _FIRST_BUILTIN_LOCALE:
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    else:
        locale = ["--locale=C.UTF-8"]
    return [
        *(str(binaries.folder / "initdb"), "--pgdata", str(folder), "--username", USER),
        *("--encoding=UTF8", *locale, "--auth=trust", "--data-checksums", "--no-instructions"),
    ]


def postgres_command(binaries: Binaries, place: Place) -> list[str]:
    """Gives the command that serves the cluster, configured by `configure`."""
    config = place.folder / "postgresql.conf"
    program = binaries.folder / "postgres"
    return [str(program), "-D", str(place.cluster), "-c", f"config_file={config}"]


def configure(place: Place, sockets: Path, major: int, extra: Mapping[str, str]) -> None:
    """Writes the settings anew, so that nothing depends on what an older version wrote.

    Outside the cluster, whose owner is another account when we are root: root must not write into a
    folder where that account could plant a link. What initdb found out about the system comes first;
    what an operator set with ALTER SYSTEM still counts, since Postgres reads that last.
    """
    hba = place.folder / "pg_hba.conf"
    settings = {
        **_SETTINGS,
        **({"io_method": "sync"} if major >= _FIRST_IO_METHOD else {}),
        "unix_socket_directories": str(sockets),
        "hba_file": str(hba),
        "ident_file": str(place.cluster / "pg_ident.conf"),
        **extra,
    }
    lines = [f"include {_quoted(str(place.cluster / 'postgresql.conf'))}"]
    lines += [f"{name} = {_quoted(value)}" for name, value in settings.items()]
    _write(place.folder / "postgresql.conf", lines)
    # The folder of the socket is what keeps others out.
    _write(hba, ["local all all trust"])


def is_ready(place: Place, pid: int) -> bool:
    """Tells whether this postmaster takes connections, from the pid file as pg_ctl does."""
    try:
        lines = (place.cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > _STATUS_LINE and (lines[0], lines[_STATUS_LINE].strip()) == (
        str(pid),
        "ready",
    )


def _check_owner(cluster: Path, account: Account) -> None:
    owner = cluster.stat().st_uid
    if owner != account.uid:
        raise ConfigurationError(
            f"The database in {cluster} belongs to {name_of(owner)}, and Postgres would run as "
            f"{account.name}. Start Segue the way it was started before, or give the data to "
            f"{account.name}: chown -R {account.uid} {cluster}"
        )


def _check_version(cluster: Path, binaries: Binaries) -> None:
    version = (cluster / "PG_VERSION").read_text().strip()
    if version != str(binaries.major):
        raise ConfigurationError(
            f"The database in {cluster} was made by PostgreSQL {version}, and this is {binaries.major}: it "
            f"can't read it. Go back to the version of Segue that made it and move the data with pg_dump, "
            "or choose another folder with SEGUE_DATA."
        )


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _write(path: Path, lines: list[str]) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text("\n".join(lines) + "\n")
    new.chmod(0o644)
    new.replace(path)
