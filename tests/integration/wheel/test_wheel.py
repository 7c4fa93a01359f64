"""What people install: a wheel, alone in a new environment, migrates and serves."""

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from postgres_servers import throwaway_folder
from servers import SegueServer

ROOT = Path(__file__).parents[3]
UV = ROOT / ".venv/bin/uv"


def uv(*arguments: str | Path) -> None:
    """Runs uv with this project's settings."""
    done = subprocess.run([UV, "-q", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built anew."""
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--wheel", "--out-dir", folder)
    (built,) = folder.glob("segue-*.whl")
    return built


def test_the_wheel_holds_the_package_its_types_the_page_and_every_migration(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"segue/app.py", "segue/py.typed"} <= names
    assert {"segue/web/index.html", "segue/web/side-by-side.html", "segue/web/client.js"} <= names
    assert any(name.startswith("segue/web/assets/index-") for name in names)
    assert {f"segue/migrations/{each.name}" for each in (ROOT / "migrations").iterdir()} <= names
    assert not any(name.startswith(("tests/", "bench/")) for name in names)


@pytest.mark.anyio
async def test_the_wheel_alone_migrates_and_serves(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    uv("venv", "--python", ROOT / ".venv/bin/python", environment)
    uv("pip", "install", "--python", environment / "bin/python", wheel)
    with throwaway_folder() as folder:
        await migrate_and_serve(environment, SegueServer(folder))


async def migrate_and_serve(environment: Path, server: SegueServer) -> None:
    """Goes through an installation's first steps."""
    migrated = run(environment, server, "migrate", "--check")
    assert migrated.returncode == 1
    assert run(environment, server, "migrate").returncode == 0
    try:
        launch(environment, server)
        await server.ready()
        assert await server.terminate() == 0
    finally:
        await server.end()


def run(
    environment: Path, server: SegueServer, *arguments: str
) -> subprocess.CompletedProcess[bytes]:
    """Runs a command of the wheel's, with nothing of the checkout in reach."""
    return subprocess.run(
        [environment / "bin/segue", *arguments],
        cwd=server.folder,
        env={**server._environment(), "PATH": os.environ["PATH"]},  # noqa: TID251 - no setting
        capture_output=True,
    )


def launch(environment: Path, server: SegueServer) -> None:
    """Starts the wheel's `segue serve` as the server's process."""
    with server.log.open("ab") as log:
        server.process = subprocess.Popen(
            [environment / "bin/segue", "serve"],
            cwd=server.folder,
            env=server._environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
