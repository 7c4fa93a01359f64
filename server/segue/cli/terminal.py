"""What the commands print for people."""

import shlex
import shutil
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from segue.cli.qr import qr_lines
from segue.cli.sign_in import ANY_ADDRESS, in_url, phone_host, sign_in_link
from segue.settings import Settings, describe

_INDENT: Final = "  "
_WHITE: Final = 231
_BLACK: Final = 16


class Terminal:
    """Prints to stdout, and notes and errors to stderr; in colour where that is wanted."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def say(self, text: str = "") -> None:
        """Prints a line to stdout."""
        click.echo(text, color=None if self._colour else False)

    def note(self, text: str) -> None:
        """Prints a line that is not the command's result."""
        click.echo(text, err=True, color=None if self._colour else False)

    def fail(self, text: str) -> None:
        """Prints the one line of an error."""
        self.note(f"{click.style('Error:', fg='red', bold=True)} {text}")

    def table(self, rows: Iterable[tuple[str, str]]) -> None:
        """Prints names and what they stand for, in two columns."""
        rows = list(rows)
        width = max(len(name) for name, _ in rows)
        for name, text in rows:
            self.say(f"{_INDENT}{click.style(name.ljust(width), dim=True)}   {text}".rstrip())

    def draw_qr(self, text: str) -> None:
        """Draws a QR code, where there is a terminal with room for it."""
        lines = qr_lines(text)
        size = shutil.get_terminal_size()
        is_wide = len(_INDENT + lines[0]) <= size.columns and len(lines) < size.lines
        if not (sys.stdout.isatty() and is_wide and "utf" in sys.stdout.encoding.lower()):
            return
        for line in lines:
            self.say(_INDENT + click.style(line, fg=_WHITE, bg=_BLACK))
        self.say()


def ready_banner(
    terminal: Terminal, settings: Settings, asked_port: int, folder: Path | None, token: str
) -> None:
    """Prints what someone who has just started a server wants to know next.

    `folder` is where its own Postgres really keeps data, if it runs one. `token` signs them in.
    """
    title = f"Segue {version('segue')} is ready"
    terminal.say(f"\n  {click.style(title, fg='green', bold=True)}\n")
    phone = phone_host(settings)
    phone_link = phone and sign_in_link(phone, settings.port, token)
    terminal.table(
        [
            ("Sign in", sign_in_link(_reachable(settings.host), settings.port, token)),
            ("On a phone", phone_link or _no_phone(settings)),
            *_banner_rows(settings, asked_port, folder),
        ]
    )
    terminal.say()
    if phone_link:
        terminal.draw_qr(phone_link)


def _no_phone(settings: Settings) -> str:
    if settings.host in ANY_ADDRESS:
        return "this machine is in no network that a phone could be in"
    return "make run HOST=0.0.0.0   (for a phone on your network)"


def _banner_rows(settings: Settings, asked_port: int, folder: Path | None) -> list[tuple[str, str]]:
    address = f"{in_url(_reachable(settings.host))}:{settings.port}"
    moved = asked_port not in (0, settings.port)
    taken = f"  (port {asked_port} is taken; this is the next free one)" if moved else ""
    return [
        ("Server", click.style(f"http://{address}", bold=True) + taken),
        ("y-websocket", f"ws://{address}/v1/sync"),
        ("Hocuspocus", f"ws://{address}/v1/collab"),
        ("Get a token", click.style(command_line(settings, "token --user alice"), bold=True)),
        ("Data", _kept_where(settings, folder)),
        ("Stop", "Ctrl+C; the data stays"),
    ]


def _kept_where(settings: Settings, folder: Path | None) -> str:
    if settings.database_url is not None:
        return f"in Postgres at {database_place(settings.database_url)}"
    data = settings.data.absolute()
    if folder is None or folder.is_relative_to(data):
        return str(data)
    return f"{folder}  ({data} is closed to the account that runs Postgres)"


def database_place(database_url: str) -> str:
    """Gives the address of a database without its user and password, for people to read."""
    parts = urlsplit(database_url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def command_line(settings: Settings, arguments: str) -> str:
    """Gives a command of ours so that pasting it into the same terminal works."""
    return f"{_data_folder(settings)}{_program()} {arguments}"


def _data_folder(settings: Settings) -> str:
    default = {setting.variable: setting.default for setting in describe()}["SEGUE_DATA"]
    if settings.data == Path(default):
        return ""
    return f"SEGUE_DATA={shlex.quote(str(settings.data))} "


def _program() -> str:
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return f"{_typed(Path(sys.executable))} -m segue"
    found = shutil.which(program.name)
    if found is not None and Path(found).resolve() == program.resolve():
        return program.name
    return _typed(program)


def _typed(program: Path) -> str:
    """Gives a path as one would type it here."""
    path, here = program.absolute(), Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _reachable(host: str) -> str:
    return "localhost" if host in ANY_ADDRESS else host
