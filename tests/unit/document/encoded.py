"""Writes Yjs v1 updates field by field, well-formed or not."""

from collections.abc import Iterable

Id = tuple[int, int]


def uint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def text(value: str) -> bytes:
    encoded = value.encode()
    return uint(len(encoded)) + encoded


def string(value: str) -> tuple[int, bytes]:
    return 4, text(value)


def deleted(length: int) -> tuple[int, bytes]:
    return 1, uint(length)


def binary(value: bytes) -> tuple[int, bytes]:
    return 3, uint(len(value)) + value


def embed(json: str) -> tuple[int, bytes]:
    return 5, text(json)


def formatting(key: str, json: str) -> tuple[int, bytes]:
    return 6, text(key) + text(json)


def shared(kind: int, name: str | None = None) -> tuple[int, bytes]:
    return 7, uint(kind) + (b"" if name is None else text(name))


def values(*encoded: bytes) -> tuple[int, bytes]:
    return 8, uint(len(encoded)) + b"".join(encoded)


def any_text(value: str) -> bytes:
    return b"\x77" + text(value)


def any_object(**fields: str) -> bytes:
    pairs = b"".join(text(key) + any_text(value) for key, value in fields.items())
    return b"\x76" + uint(len(fields)) + pairs


def item(
    content: tuple[int, bytes],
    *,
    origin: Id | None = None,
    right: Id | None = None,
    parent: str | Id = "t",
    sub: str | None = None,
) -> bytes:
    ref, encoded = content
    info = ref | (origin is not None) << 7 | (right is not None) << 6 | (sub is not None) << 5
    parts = [bytes((info,))]
    parts += [uint(each[0]) + uint(each[1]) for each in (origin, right) if each is not None]
    if origin is None and right is None:
        if isinstance(parent, str):
            parts.append(b"\x01" + text(parent))
        else:
            parts.append(b"\x00" + uint(parent[0]) + uint(parent[1]))
        if sub is not None:
            parts.append(text(sub))
    return b"".join(parts) + encoded


def gc(length: int) -> bytes:
    return b"\x00" + uint(length)


def skip(length: int) -> bytes:
    return b"\x0a" + uint(length)


def section(client: int, clock: int, *structs: bytes) -> bytes:
    return uint(len(structs)) + uint(client) + uint(clock) + b"".join(structs)


def update(*sections: bytes, deletes: dict[int, Iterable[Id]] | None = None) -> bytes:
    parts = [uint(len(sections)), *sections, uint(len(deletes or {}))]
    for client, ranges in (deletes or {}).items():
        listed = list(ranges)
        parts += [uint(client), uint(len(listed))]
        parts += [uint(start) + uint(end - start) for start, end in listed]
    return b"".join(parts)
