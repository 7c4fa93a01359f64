"""How the values of settings are written: each reader takes a text, or raises `Unusable`."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from segue.auth.origins import Origin, parse_origin
from segue.auth.tokens import MIN_SECRET_BYTES, is_usable_secret

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

_SIZES: Final = {"": 1, "b": 1, "kib": KIB, "mib": MIB, "gib": GIB}
_DURATIONS: Final = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "h": 3600.0, "d": 86400.0}
_QUANTITY: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?)\s*([a-z]*)")
_LEVELS: Final = ("debug", "info", "warning", "error")
_SWITCH: Final = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


class Unusable(Exception):
    """Why a value can't be used: completes the sentence 'VARIABLE is "value", ...'."""


def text(raw: str) -> str:
    """Takes anything."""
    return raw


def whole(least: int, most: int) -> Callable[[str], int]:
    """Gives a reader of whole numbers within bounds."""

    def read(raw: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", raw) or not least <= int(raw) <= most:
            raise Unusable(f"not a number from {least} to {most}")
        return int(raw)

    return read


def switch(raw: str) -> bool:
    """Reads on or off."""
    value = _SWITCH.get(raw.lower())
    if value is None:
        raise Unusable("neither on nor off")
    return value


def switch_or_unset(raw: str) -> bool | None:
    """Reads on or off; None where nothing is set."""
    return switch(raw) if raw else None


def is_empty(raw: str) -> bool:
    """Tells whether nothing is set."""
    return not raw


def level(raw: str) -> str:
    """Reads a level of logging."""
    if raw.lower() not in _LEVELS:
        raise Unusable(f"none of {', '.join(_LEVELS)}")
    return raw.lower()


def _quantity(raw: str, units: Mapping[str, float], hint: str) -> float:
    match = _QUANTITY.fullmatch(raw.strip().lower())
    if match is None or match[2] not in units or float(match[1]) <= 0:
        raise Unusable(hint)
    return float(match[1]) * units[match[2]]


def size(raw: str) -> int:
    """Reads a size in bytes."""
    return int(_quantity(raw, _SIZES, "not a size in bytes, KiB, MiB or GiB"))


def duration(raw: str) -> float:
    """Reads a time in seconds."""
    return _quantity(raw, _DURATIONS, "not a time in ms, s, m, h or d")


def folder(raw: str) -> Path:
    """Reads a path."""
    return Path(raw).expanduser()


def database(raw: str) -> str:
    """Reads the address of a database."""
    if not re.match(r"postgres(ql)?://.", raw):
        raise Unusable("not the address of a Postgres database")
    return raw


def secret(raw: str) -> bytes:
    """Reads a key to sign with."""
    secret = raw.encode("utf-8", "surrogateescape")
    if len(secret) < MIN_SECRET_BYTES:
        raise Unusable(f"shorter than {MIN_SECRET_BYTES} bytes")
    if not is_usable_secret(secret):
        raise Unusable("a public key, which is no secret")
    return secret


def names(raw: str) -> tuple[str, ...]:
    """Reads a list of names, each once."""
    return tuple(dict.fromkeys(raw.replace(",", " ").split()))


def origins(raw: str) -> frozenset[Origin]:
    """Reads a list of origins."""
    return frozenset(_origin(entry) for entry in raw.replace(",", " ").split())


def _origin(entry: str) -> Origin:
    origin = parse_origin(entry)
    if origin is None:
        raise Unusable(f"and {entry!r} in it is no origin (scheme, host, port; no path, no '*')")
    return origin
