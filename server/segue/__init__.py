"""Segue: one conversation on every device, merged, ordered and never lost."""

from importlib import import_module
from typing import Any

__all__ = ["Agent", "File", "Message", "Profile", "Session", "sync"]

_HOMES = {"Agent": "segue.agents.local", "sync": "segue.sync"}


def __getattr__(name: str) -> Any:
    """Imports what a program uses when it is first used: commands and workers need none of it."""
    if name not in __all__:
        raise AttributeError(f"module 'segue' has no attribute {name!r}")
    module = import_module(_HOMES.get(name, "segue.client"))
    return module if name == "sync" else getattr(module, name)
