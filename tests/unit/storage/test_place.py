"""Folders that several servers may make at the same time."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from segue.storage.postgres.account import account_for_postgres
from segue.storage.postgres.place import make_folder

SERVERS = 4


@pytest.mark.parametrize(("switch", "mode"), [(True, 0o711), (False, 0o700)])
def test_servers_that_start_at_once_share_a_folder(tmp_path: Path, switch: bool, mode: int) -> None:
    account = replace(account_for_postgres(), switch=switch)
    start = Barrier(SERVERS)

    def make(folder: Path) -> int:
        start.wait()
        make_folder(folder, account)
        seen = stat.S_IMODE(os.stat(folder).st_mode)
        (folder / f"data-{os.urandom(4).hex()}").mkdir()
        return seen

    with ThreadPoolExecutor(SERVERS) as pool:
        for attempt in range(200):
            folder = tmp_path / str(attempt) / "var"
            assert set(pool.map(make, [folder] * SERVERS)) == {mode}
            assert len(list(folder.glob("data-*"))) == SERVERS
            assert [*folder.parent.iterdir()] == [folder]
