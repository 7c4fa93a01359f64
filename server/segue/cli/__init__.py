"""The commands, and what only they need: the terminal, the logs, the listening socket, the dev secret."""

import sys
from typing import NoReturn

__all__ = ["main"]

_MISUSED = 2


def main() -> NoReturn:
    """Runs the command that the process was started with, and ends it.

    Whoever installed the client alone has this program, too, and is told how to get the rest.
    """
    try:
        from segue.cli.entry import main as run
    except ModuleNotFoundError as error:
        missing = (error.name or "segue").partition(".")[0]
        if missing == "segue":
            raise
        sys.stderr.write(
            f"segue: The client alone is installed here: {missing} is missing, which the server needs. "
            "Install both with `pip install '.[server]'`, in the clone.\n"
        )
        sys.exit(_MISUSED)
    run()
