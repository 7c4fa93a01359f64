"""From arguments to an exit code.

0 done, 1 failed, 2 a setting or an argument has to change, 130 interrupted. Whatever goes wrong ends in
one line on stderr that says what happened and what to do; a bug adds where, at LOG_LEVEL=debug.
"""

import sys
import traceback
from typing import Final, NoReturn

import click

from segue.cli.commands import commands
from segue.cli.terminal import Terminal
from segue.errors import ConfigurationError, SegueError
from segue.settings import Settings, load

_FAILED: Final = 1
_MISUSED: Final = 2
_INTERRUPTED: Final = 130


def main() -> NoReturn:
    """Runs the command that the process was started with, and ends it."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs a command and gives its exit code."""
    try:
        code = commands.main(arguments, prog_name="segue", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last place where it can become a clear line
        return _report(error)
    return code if isinstance(code, int) else 0


def _report(error: Exception) -> int:
    settings = _settings()
    terminal = Terminal(colour=settings.colour)
    if isinstance(error, SegueError):
        terminal.fail(str(error))
        return _MISUSED if isinstance(error, ConfigurationError) else _FAILED
    if settings.log_level == "debug":
        traceback.print_exception(error)
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    terminal.fail(f"{reason}. This is a bug of Segue's; LOG_LEVEL=debug shows where.")
    return _FAILED


def _settings() -> Settings:
    try:
        return load()
    except ConfigurationError:
        return Settings()
