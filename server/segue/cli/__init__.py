"""The commands, and what only they need: the terminal, the logs, the listening socket, the dev secret."""

from segue.cli.entry import main

__all__ = ["main"]
